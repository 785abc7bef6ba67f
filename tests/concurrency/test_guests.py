"""Guests who all come at once, each with a phone of their own: half of the shelf is left to those who signed in."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest
from sqlalchemy import func, select

from catalog.parties.models import Actor
from kernel import clock
from kernel.db import work
from kernel.errors import Conflict
from shop.accounts.claiming import open_guest
from shop.accounts.queries import find_actor
from shop.accounts.signing import open_session
from shop.orders.models import Order, OrderLine
from shop.storefront import rationing
from shop.storefront.checking_out import Checkout, check_out
from tests.concurrency.test_stock import all_at_once
from tests.factories.logistics import make_stock
from tests.factories.shop import make_address, make_goods

GUESTS, BOXES = 30, 20


def prepare(phones: int) -> tuple[str, list[tuple[Actor, UUID]]]:
    """A product with its boxes in two lots, and the guests with an address each."""
    at = clock.now()
    with work() as session:
        goods = make_goods(session, boxes=BOXES // 2, at=at)
        make_stock(session, goods, boxes=BOXES // 2, at=at)
        guests = []
        for number in range(GUESTS):
            person = open_guest(session, f"139{number % phones:08d}", at=at)
            actor = find_actor(session, open_session(session, person.id, at=at), at=at)
            assert actor is not None
            assert actor.guest
            guests.append((actor, make_address(session, person.id, at=at).id))
        return goods.sku, guests


def buy_all(phones: int = GUESTS) -> Counter[str]:
    """Every guest wants one box."""
    sku, guests = prepare(phones)

    def buy(number: int) -> str:
        actor, address_id = guests[number]
        try:
            with work() as session:
                wanted = Checkout({sku: 1}, address_id, None, f"key-{number}", no_return_agreed=True)  # type: ignore[arg-type]
                check_out(session, actor, wanted, at=clock.now())
            return "placed"
        except Conflict:
            return "refused"

    return all_at_once(GUESTS, buy, threads=15)


def test_one_phone_gets_three_however_often_it_comes_at_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty browsers, one phone."""
    monkeypatch.setattr(rationing, "is_fair", lambda *_: True)
    assert buy_all(phones=1) == {"placed": rationing.MOST_UNPAID, "refused": GUESTS - rationing.MOST_UNPAID}


def sold() -> int:
    with work() as session:
        orders = session.scalar(select(func.count()).select_from(Order))
        assert orders == session.scalar(select(func.count()).select_from(OrderLine)), "refused means nothing written"
        return orders or 0


def test_half_is_left_however_many_come(database: str) -> None:
    assert buy_all() == {"placed": BOXES // 2, "refused": GUESTS - BOXES // 2}
    assert sold() == BOXES // 2


def test_without_the_ration_they_take_it_all(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(rationing, "is_fair", lambda *_: True)
    assert buy_all() == {"placed": BOXES, "refused": GUESTS - BOXES}
