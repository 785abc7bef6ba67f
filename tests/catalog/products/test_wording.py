"""Words product texts may not use."""

from __future__ import annotations

import pytest

from catalog.documents.models import DocumentKind
from catalog.products.wording import find_claims, find_forbidden


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("国家级非遗工艺", ["国家级"]),
        ("苦荞降糖,增强免疫", ["降糖", "增强免疫"]),
        ("贫困户自种", ["贫困户"]),
        ("武都特级初榨橄榄油", []),
        ("高山玫瑰花茶,香气清雅", []),
    ],
)
def test_forbidden_words_are_found(text: str, words: list[str]) -> None:
    assert find_forbidden(text) == words


def test_claims_need_their_paper() -> None:
    assert find_claims("有机富硒茶") == {"有机": DocumentKind.ORGANIC, "富硒": DocumentKind.TEST_REPORT}
    assert find_claims("苹果") == {}
