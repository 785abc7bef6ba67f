"""The house's words: no label on people, no superlatives, in anything people see."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.products.wording import MARKS, SUPERLATIVES
from tests.architecture.msgids import collect
from tests.architecture.test_shape import FLOORS, ROOT

LISTS = {ROOT / "catalog" / "products" / "wording.py"}  # where the words stand that may not be used
SHOWN = (".html", ".po", ".typ", ".xml", ".js", ".svg", ".csv", ".webmanifest")
NAMES_OF_OTHERS = {  # titles of public documents and official indicators, quoted as they are
    ROOT / "catalog" / "areas" / "data",
    ROOT / "shop" / "assistance" / "data",
}
FORBIDDEN = (*MARKS, *SUPERLATIVES)
HALF_WIDTH = re.compile(r"[\u3400-\u9fff”》）][,;:?!(]|[,;:?!)][\u3400-\u9fff“《（]")


def shown_files() -> list[Path]:
    found = [path for floor in FLOORS for path in (ROOT / floor).rglob("*") if path.suffix in SHOWN]
    documents = [*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]
    return sorted(path for path in [*found, *documents] if not NAMES_OF_OTHERS & {*path.parents} and "vendor" not in path.parts)


def sentences(path: Path) -> Iterator[tuple[int, str]]:
    """Every string of a module but its docstrings."""
    tree = ast.parse(path.read_text())
    inside = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.lineno, node.value


def find(text: str) -> list[str]:
    return [word for word in FORBIDDEN if word in text]


def test_nothing_people_see_uses_them() -> None:
    wrong = {str(path.relative_to(ROOT)): find(path.read_text("utf-8")) for path in shown_files()}
    assert {path: words for path, words in wrong.items() if words} == {}


def test_no_sentence_in_the_code_uses_them() -> None:
    sources = [path for floor in FLOORS for path in sorted((ROOT / floor).rglob("*.py")) if path not in LISTS]
    wrong = [f"{path.relative_to(ROOT)}:{line} {find(text)}" for path in sources for line, text in sentences(path) if find(text)]
    assert wrong == []


@pytest.mark.parametrize("text", ["消费扶贫专区", "帮助贫困户增收", "全国最好的苹果"])
def test_a_planted_word_is_found(text: str) -> None:
    assert find(text)


def test_every_file_people_see_is_looked_at() -> None:
    looked_at = {path.name for path in shown_files()}
    assert {"shell.html", "README.zh-CN.md", "products.csv", "shop_storefront.po"} <= looked_at


def test_chinese_sentences_use_full_width_punctuation() -> None:
    assert [(msgid, places) for msgid, places in collect().items() if HALF_WIDTH.search(msgid)] == []


@pytest.mark.parametrize("text", ["请稍候,再试。", "数量:3", "合作社(示例)", "“好”,走"])
def test_half_width_punctuation_is_found(text: str) -> None:
    assert HALF_WIDTH.search(text)
