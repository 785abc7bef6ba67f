"""What the documents say exists: every room with its four, every file they name, every setting, every link."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from kernel.db import Base
from shop.cli.__main__ import COMMANDS
from shop.config import SETTINGS
from shop.rooms import import_models
from tests.architecture.test_shape import ROOT, rooms

ARCHITECTURE = ROOT / "docs" / "architecture.md"
READMES = ("README.md", "README.zh-CN.md")
ROW = re.compile(r"^\| `(\w+/\w+)` \| `(\w+)` \| `(\w+)\.(\w+)` \| `([\w/]+\.py)` `([^`]+)` \| `([^`:]+)::(\w+)` \|$", re.MULTILINE)
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "benchmarks" / "README.md"])
FLOOR_FILE = re.compile(
    r"`((?:kernel|catalog|traceability|logistics|shop|tests|benchmarks|docs)/[\w./-]+\.(?:py|csv|md|css|html))`"
)


def named(path: Path) -> set[str]:
    """Names of the functions and classes at the top of a module."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, kinds)}


def table() -> dict[str, tuple[str, ...]]:
    return {row[0]: row[1:] for row in ROW.findall(ARCHITECTURE.read_text())}


def test_every_room_of_the_tree_is_in_the_table() -> None:
    found = {f"{room.parent.name}/{room.name}" for room in rooms()} - {"shop/cli"}
    assert found - table().keys() == set()


@pytest.mark.parametrize("room", sorted(table()))
def test_the_four_of_a_room_exist(room: str) -> None:
    import_models()
    name, module, function, door, _, test_file, test = table()[room]
    folder = ROOT / room
    assert name in Base.metadata.tables
    assert name.startswith(f"{folder.name}_")
    assert function in named(folder / f"{module}.py")
    assert re.search(r"^\w+ = (Blueprint|APIBlueprint)\(", (folder / door).read_text(), re.MULTILINE)
    assert test in named(ROOT / test_file)


def test_a_made_up_row_would_be_found() -> None:
    """The guard itself: a function that is not there is not taken for one."""
    assert "place_nothing" not in named(ROOT / "shop" / "orders" / "placing.py")
    assert "place_order" in named(ROOT / "shop" / "orders" / "placing.py")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_links_of_a_document_exist(document: Path) -> None:
    text = document.read_text()
    missing = [name for name in FLOOR_FILE.findall(text) if not (ROOT / name).exists()]
    links = [link.split("#")[0] for link in re.findall(r"\]\((?!https?:)([^)#][^)]*)\)", text)]
    missing += [link for link in links if not (document.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("readme", READMES)
def test_every_setting_is_explained(readme: str) -> None:
    explained = set(re.findall(r"^\| `(\w+)` \|", (ROOT / readme).read_text(), re.MULTILINE))
    assert explained == {*SETTINGS, "DATA_DIR"}


@pytest.mark.parametrize("readme", READMES)
def test_every_command_shown_exists(readme: str) -> None:
    shown = set(re.findall(r"\./shanhai (\w+)", (ROOT / readme).read_text()))
    assert shown - {*COMMANDS, "help"} == set()


def test_both_readmes_say_the_same() -> None:
    """Chapters, code and links one for one."""
    texts = [(ROOT / readme).read_text() for readme in READMES]
    assert len({len(re.findall(r"^## ", text, re.MULTILINE)) for text in texts}) == 1
    blocks = [[re.sub(r"\s+#.*", "", block) for block in re.findall(r"```\n(.*?)```", text, re.DOTALL)] for text in texts]
    assert blocks[0] == blocks[1]
    assert len({frozenset(re.findall(r"\]\((?!README)([^)]+)\)", text)) for text in texts}) == 1
