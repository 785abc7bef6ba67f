"""Every module that declares tables, found by its name: importing this file's list fills ``Base.metadata``."""

from __future__ import annotations

import importlib
from pathlib import Path

ROOT = Path(__file__).parent.parent
FLOORS = ("catalog", "traceability", "logistics", "shop")
KERNEL_MODULES = ("kernel.outbox", "kernel.idempotency", "kernel.installation")

MODEL_MODULES = KERNEL_MODULES + tuple(
    ".".join(path.relative_to(ROOT).with_suffix("").parts) for floor in FLOORS for path in sorted((ROOT / floor).rglob("models.py"))
)


def import_models() -> None:
    """Import all models, so that metadata is complete (migrations, tests, wiring)."""
    for name in MODEL_MODULES:
        importlib.import_module(name)
