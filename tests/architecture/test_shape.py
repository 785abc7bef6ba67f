"""The shape of the house, checked by machine: who may import what, and what each kind of file may do (docs/architecture.md)."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = ("kernel", "catalog", "traceability", "logistics", "shop")
FLASK_FILES = ("views", "api", "forms", "app", "cli", "access", "web")
FLASK_PACKAGES = ("flask", "flask_login", "flask_wtf", "flask_limiter", "flask_babel", "flask_openapi3", "werkzeug")
FORBIDDEN_NAMES = ("service", "services", "utils", "util", "helpers", "helper", "manager", "common", "misc")
NETWORK = ("requests", "httpx", "urllib.request", "http.client", "smtplib", "socket")


def sources() -> list[Path]:
    return sorted(path for floor in FLOORS for path in (ROOT / floor).rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_import_contracts_hold() -> None:
    done = subprocess.run([str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_upward_import_is_caught(tmp_path: Path) -> None:
    """The guard itself: the same contracts must refuse a catalog that imports shop."""
    import shutil

    for floor in FLOORS:
        shutil.copytree(ROOT / floor, tmp_path / floor, ignore=shutil.ignore_patterns("static", "__pycache__", "*.po", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "catalog" / "areas" / "climbing.py").write_text("import shop.config\n")
    done = subprocess.run([str(Path(sys.executable).with_name("lint-imports"))], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0
    assert "Floors stand on each other" in done.stdout


def is_(path: Path, *stems: str) -> bool:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return parts[-1] in stems or any(part in stems for part in parts[1:-1])


ALLOWED_FLASK = (*FLASK_FILES, "twin")


def test_flask_stays_at_the_doors() -> None:
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path in sources()
        if not is_(path, *ALLOWED_FLASK)
        for module, line in imports(path)
        if module.split(".")[0] in FLASK_PACKAGES
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "where"),
    [("celery", ("tasks", "worker", "cli")), ("stripe", ("stripe_gateway", "twin"))],
)
def test_outer_libraries_stay_where_they_belong(package: str, where: tuple[str, ...]) -> None:
    wrong = [
        f"{name(path)}:{line}"
        for path in sources()
        if not is_(path, *where)
        for module, line in imports(path)
        if module.split(".")[0] == package
    ]
    assert wrong == []


def test_no_vague_file_names() -> None:
    assert [name(path) for path in sources() if path.stem in FORBIDDEN_NAMES] == []


def gerunds() -> list[Path]:
    return [
        path for path in sources() if path.stem.endswith("ing") and path.parent.name not in FLOORS and not is_(path, "twin", "cli")
    ]


def test_acts_do_not_commit_or_look_at_the_clock() -> None:
    wrong = []
    for path in gerunds():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = ast.unparse(node.func)
                if called in ("session.commit", "session.rollback", "clock.now", "datetime.now", "datetime.utcnow", "date.today"):
                    wrong.append(f"{name(path)}:{node.lineno} calls {called}")
    assert wrong == []


def test_acts_and_queries_do_not_use_the_network() -> None:
    wrong = [
        f"{name(path)}:{line} imports {module}"
        for path in [*gerunds(), *(p for p in sources() if p.stem in ("queries", "models", "states"))]
        for module, line in imports(path)
        if module in NETWORK
    ]
    assert wrong == []


def test_queries_do_not_write() -> None:
    wrong = []
    for path in sources():
        if path.stem != "queries":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "session.add",
                "session.delete",
                "session.add_all",
                "insert",
                "update",
                "delete",
            ):
                wrong.append(f"{name(path)}:{node.lineno}")
    assert wrong == []


MIRROR_EXEMPT = ("__init__", "__main__", "models", "tasks")


def test_every_room_has_mirrored_tests() -> None:
    """Each module with behaviour has ``tests/<package>/<room>/test_<module>.py``, or its room's tests or those of faults name it."""
    missing = []
    faults = "\n".join(test.read_text() for test in (ROOT / "tests" / "faults").glob("test_*.py"))
    for path in sources():
        relative = path.relative_to(ROOT)
        if path.stem in MIRROR_EXEMPT or len(path.read_text().splitlines()) < 12:
            continue
        folder = ROOT / "tests" / relative.parent
        if (folder / f"test_{path.stem}.py").exists():
            continue
        dotted = ".".join(relative.with_suffix("").parts)
        package = ".".join(relative.parent.parts)
        room = ROOT / "tests" / Path(*relative.parts[:2]) if len(relative.parts) > 2 else folder
        texts = "\n".join(test.read_text() for test in room.rglob("test_*.py")) + faults if room.is_dir() else faults
        if dotted not in texts and f"from {package} import" not in texts:
            missing.append(name(path))
    assert missing == []


def rooms() -> list[Path]:
    return sorted(
        path for floor in FLOORS[1:] for path in (ROOT / floor).iterdir() if path.is_dir() and (path / "__init__.py").exists()
    )


def test_the_tree_holds_every_room_of_the_design() -> None:
    expected = {
        "catalog": {"areas", "parties", "documents", "products", "prices"},
        "traceability": {"ledger", "events", "lots", "pallets", "epcis", "scan"},
        "logistics": {"stock", "coldchain", "shipments"},
        "shop": {
            "accounts", "payments", "orders", "invoices", "reviews", "basket", "notices", "assistance", "procurement",
            "storefront", "recalls", "cases", "cooperative", "backoffice", "demo", "cli",
        },
    }  # fmt: skip
    found = {floor: {path.name for path in rooms() if path.parent.name == floor} for floor in expected}
    assert found == expected
