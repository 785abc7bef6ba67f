"""The teller ticks, waits with patience, and tells what went wrong instead of going on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from shop.config import Config
from shop.demo.browser import Page, Unexpected
from shop.demo.story import buying, checking, growing_up, organisation, papers, sending, teller
from shop.demo.story.teller import Teller, Tick, see, tell

CHAPTERS = (growing_up, papers, buying, sending, organisation, checking)


@pytest.fixture
def told(config: Config) -> list[Tick]:
    return []


def test_ticks_carry_their_chapter_and_address(config: Config, told: list[Tick]) -> None:
    found = Teller(config, told.append, lambda: None)
    found.chapter("1 test")
    found.tick("seen", "http://x/")
    assert [(tick.chapter, tick.what, tick.url) for tick in told] == [("1 test", "seen", "http://x/")]


def test_waiting_ends(config: Config, told: list[Tick], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teller, "PATIENCE", 0.0)
    answers = iter([None])
    with pytest.raises(Unexpected, match="a sign"):
        Teller(config, told.append, lambda: None).wait("a sign", lambda: next(answers))


def test_seeing_needs_every_text() -> None:
    page = Page("http://x/", 200, "甲 乙".encode(), {})
    assert see(page, "甲", "乙") is page
    with pytest.raises(Unexpected, match="丙"):
        see(page, "甲", "丙")


def test_a_chapter_that_fails_ends_the_story(config: Config, told: list[Tick], monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []

    def fails(_: Any) -> None:
        raise Unexpected("no such box")

    for chapter in CHAPTERS:
        name = chapter.__name__
        monkeypatch.setattr(chapter, "tell", fails if chapter is buying else lambda _, name=name: order.append(name))
    _ticks, trouble = tell(config, told.append, lambda: None)
    assert trouble == "no such box"
    assert len(order) == 2


def test_the_whole_story_has_no_trouble_when_no_chapter_has(
    config: Config, told: list[Tick], monkeypatch: pytest.MonkeyPatch
) -> None:
    for chapter in CHAPTERS:
        monkeypatch.setattr(chapter, "tell", lambda _: None)
    assert tell(config, told.append, lambda: None) == ([], None)


def test_a_page_is_complete_only_with_all_that_was_told() -> None:
    assert checking._complete(Page("", 200, "12 户农户 -19 °C 福建".encode(), {}))
    assert not checking._complete(Page("", 200, "12 户农户".encode(), {}))


def test_options_are_read_from_the_page() -> None:
    page = Page("", 200, b'<select id="f" name="lot"><option value="">-</option><option value="a1">LOT-1</option></select>', {})
    assert growing_up._options(page, "lot") == ["a1"]
    assert growing_up._option_with(page, "lot", "LOT-1") == "a1"
    with pytest.raises(Unexpected):
        growing_up._option_with(page, "lot", "LOT-2")


def test_a_proof_counts_once_it_is_one() -> None:
    assert checking._published(Page("", 200, b"c2sp.org/tlog-proof@v1\nindex 0", {}))
    assert not checking._published(Page("", 202, b"{}", {}))


def test_chapters_name_their_persons() -> None:
    assert SimpleNamespace(sku=papers.SKU).sku == "P022"
    assert sending.__doc__
    assert buying.ADDRESS["province_code"] == "350000"
