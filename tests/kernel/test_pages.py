"""Kept pages without any web around them."""

from __future__ import annotations

from kernel.pages import Kept, Pages, hole


def test_a_hole_is_filled_anew_each_time() -> None:
    numbers = iter("123")
    page = Kept.of(f"<p>{hole('token')}</p>{hole('token')}", None, "now")
    assert page.filled({"token": lambda: next(numbers)}) == b"<p>1</p>2"
    assert page.filled({"token": lambda: next(numbers)} | {"csrf": lambda: "unused"} | {"token": lambda: "x"}) == b"<p>x</p>x"


def test_what_people_type_is_no_hole() -> None:
    typed = "token; {{ token }} 0123456789abcdef0123456789abcdef:token;"
    assert Kept.of(typed, None, "").filled({}) == typed.encode()


def test_the_least_recently_shown_goes_first() -> None:
    pages = Pages(most=120)
    for key in "abc":
        pages.keep(key, Kept.of(key * 10, None, ""))
        pages.find("a")
    assert [bool(pages.find(key)) for key in "abc"] == [True, False, True]


def test_one_in_the_place_of_another_takes_its_room() -> None:
    pages = Pages(most=150)
    for text in ("x" * 20, "y" * 20, "z" * 5):
        pages.keep("a", Kept.of(text, None, ""))
    pages.keep("b", Kept.of("b" * 20, None, ""))
    assert [bool(pages.find(key)) for key in "ab"] == [True, True]


def test_a_page_larger_than_all_room_is_not_kept() -> None:
    pages = Pages(most=40)
    pages.keep("a", Kept.of("x" * 8, None, ""))
    assert pages.find("a") is None
