"""What the rooms hold, found by file name (DESIGN: the file name says what the file may do): tables, doors, tasks."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parent.parent
FLOORS = ("catalog", "traceability", "logistics", "shop")
KERNEL_MODULES = ("kernel.outbox", "kernel.idempotency", "kernel.installation")


def modules_named(*stems: str) -> tuple[str, ...]:
    """Dotted names of the modules ``<floor>/<room>/<stem>.py`` and ``<floor>/<room>/<stem>/*.py``, floor by floor."""
    return tuple(
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for floor in FLOORS
        for path in sorted([*(ROOT / floor).glob("*/*.py"), *(ROOT / floor).glob("*/*/*.py")])
        if (path.stem in stems and path.parents[1] == ROOT / floor) or (path.parent.name in stems and path.stem != "__init__")
    )


MODEL_MODULES = KERNEL_MODULES + modules_named("models")
DOOR_MODULES = modules_named("views", "api")
TASK_MODULES = ("kernel.tasks", *modules_named("tasks"))


def import_models() -> None:
    """Import all models, so that metadata is complete (migrations, tests, wiring)."""
    import_all(MODEL_MODULES)


def import_all(names: tuple[str, ...]) -> list[ModuleType]:
    """Import modules by name, in order."""
    return [importlib.import_module(name) for name in names]
