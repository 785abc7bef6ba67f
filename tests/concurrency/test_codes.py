"""One-time codes guessed and used from many sides at once."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from kernel import clock
from kernel.db import work
from shop.accounts import confirming
from shop.accounts.models import SignInCode
from shop.accounts.one_time_code import derive
from tests.concurrency.test_stock import all_at_once

SECRET, CONTACT, BROWSER = "a secret of these tests", "a@example.cn", "a browser"
SIDES = 20


def ask() -> str:
    """The digits of a code that was just sent."""
    with work() as session:
        code = confirming.ask_code(session, CONTACT, confirming.Asker(BROWSER, "10.0.0.1"), at=clock.now())
        return derive(SECRET, code.id, CONTACT)


def type_in(typed: str) -> str:
    with work() as session:
        return "right" if confirming.use_code(session, SECRET, CONTACT, BROWSER, typed, at=clock.now()) else "wrong"


def tries() -> int:
    with work() as session:
        return session.scalars(select(SignInCode.tries)).one()


def test_twenty_guesses_at_once_are_five(database: str) -> None:
    right = ask()
    assert all_at_once(SIDES, lambda _: type_in("x"), threads=SIDES) == {"wrong": SIDES}
    assert tries() == confirming.MOST_TRIES
    assert type_in(right) == "wrong"


def test_the_right_one_opens_once(database: str) -> None:
    right = ask()
    assert all_at_once(SIDES, lambda _: type_in(right), threads=SIDES) == {"right": 1, "wrong": SIDES - 1}


def test_with_the_lock_forgotten_it_opens_twice(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off: both read the code before either writes, the worst moment, made certain."""
    both, plain = threading.Barrier(2), confirming.is_right

    def together(expected: str, typed: str) -> bool:
        both.wait(30)
        return plain(expected, typed)

    monkeypatch.setattr(confirming, "locked", lambda query: query)
    monkeypatch.setattr(confirming, "is_right", together)
    right = ask()
    assert all_at_once(2, lambda _: type_in(right), threads=2) == {"right": 2}
