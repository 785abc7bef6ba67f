"""Search words, pure."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.products.synonyms import ALSO, FOLDED, also_called
from catalog.products.tokens import fold, lexemes, query, vector

NAME = "盐池滩羊肉（羊腿切块）"


def found(text: str, typed: str) -> bool:
    """What PostgreSQL does with our literals, in Python: every part matches a lexeme, whole or by prefix."""
    asked = query(typed)
    if asked is None:
        return False
    words = lexemes(text)
    return all(
        any(word.startswith(part) if star else word == part for word in words)
        for part, star in re.findall(r"'([^']+)'(:\*)?", asked)
    )


@pytest.mark.parametrize(
    "typed",
    [
        "滩羊",
        "羊肉",
        "盐池滩羊",
        "盐池羊肉",
        "羊腿",
        "yanchi",
        "tanyang",
        "YanChi TanYang",
        "yctyr",
        "tyr",
        "羊",
        "ｙａｎｃｈｉ",
        "灘羊",
        "鹽池",
        "tányáng",
    ],
)
def test_a_product_is_found_by_any_stretch_of_its_name(typed: str) -> None:
    assert found(NAME, typed)


@pytest.mark.parametrize("typed", ["山羊", "盐湖", "苹果", "anchi", "猪", "", "!?", "（）"])
def test_it_is_not_found_by_what_it_is_not(typed: str) -> None:
    assert not found(NAME, typed)


def test_readings_depend_on_the_neighbours() -> None:
    assert "zhongqing" not in lexemes("重庆火锅")
    assert found("重庆火锅底料", "chongqing")


def test_the_best_weight_wins() -> None:
    literal = vector({"A": "枸杞", "C": "枸杞 红枣"})
    assert "'枸杞':1A" in literal
    assert "'红枣':1C" in literal
    assert "'枸杞':1C" not in literal


def test_a_query_has_a_bound() -> None:
    assert len(query("羊" * 10_000) or "") < 1000
    assert fold("ＡＢ１") == "ab1"


@given(st.text(max_size=40))
def test_no_text_breaks_out_of_the_literals(text: str) -> None:
    for lexeme in lexemes(text):
        assert re.fullmatch(r"[a-z0-9㐀-鿿ü]+", lexeme)
    asked = query(text)
    assert asked is None or re.fullmatch(r"('[a-z0-9㐀-鿿]+'(:\*)?( & )?)+", asked)


@given(st.text("盐池滩羊肉静宁苹果花椒", min_size=2, max_size=8))
def test_a_name_is_found_by_itself(name: str) -> None:
    assert found(name, name)


def test_a_kind_of_food_is_also_called_what_it_is_a_kind_of() -> None:
    assert also_called("盐池滩羊") == "羊肉"
    assert also_called("西吉马铃薯").split() == ["土豆", "洋芋"]
    assert also_called("盐池甘草") == ""
    assert all(word and also for word, also in ALSO.items())
    assert all(len(new) == 1 and chr(old) != new for old, new in FOLDED.items())


def test_a_name_is_read_as_it_is_written() -> None:
    assert "qianxian" in lexemes("乾县")
    assert found("乾县苹果", "乾县")
    assert found("Yanchi Tan lamb", "lambs")
