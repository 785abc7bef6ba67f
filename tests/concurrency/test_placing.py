"""Many buyers and many equal checkouts at once through ``place_order``, on a real, committed database.

The long form (500 buyers, 50 rounds) runs under ``--faults``; here it is sampled.
"""

from __future__ import annotations

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from catalog.parties.models import Actor
from kernel.db import work
from logistics.stock.models import Allocation, StockLot
from logistics.stock.reserving import OutOfStock
from shop.orders import placing
from shop.orders.models import Order, OrderLine
from shop.orders.placing import place_order
from tests.concurrency.test_stock import all_at_once, rounds
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import make_draft_order, make_goods

BUYERS = 200


def prepare(*boxes: int) -> tuple[list[str], Actor]:
    """SKUs of products with so many boxes each, and a buyer."""
    with work() as session:
        return [make_goods(session, boxes=count).sku for count in boxes], make_actor(session)


def buy(actor: Actor, key: str, *skus: str) -> str:
    """One checkout of one box each: what it ended with."""
    try:
        with work() as session:
            return place_order(session, actor, make_draft_order(dict.fromkeys(skus, 1), checkout_key=key), at=AT).code
    except OutOfStock:
        return "refused"
    except IntegrityError:
        return "doubled"


def totals() -> tuple[int, int, int]:
    """(orders, boxes on their lines, boxes allocated); and the shelf agrees with the allocations."""
    with work() as session:
        ordered = session.scalar(select(func.coalesce(func.sum(OrderLine.quantity), 0))) or 0
        promised = session.scalar(select(func.coalesce(func.sum(Allocation.quantity), 0))) or 0
        shelf = session.scalar(select(func.sum(StockLot.allocated))) or 0
        assert int(promised) == int(shelf)
        return session.scalar(select(func.count()).select_from(Order)) or 0, int(ordered), int(shelf)


def test_200_buyers_for_50_boxes_place_exactly_50_orders(database: str) -> None:
    (sku,), buyer = prepare(50)
    outcome = all_at_once(BUYERS, lambda number: buy(buyer, f"k-{number}", sku))
    assert outcome.pop("refused") == BUYERS - 50
    assert "doubled" not in outcome
    assert sum(outcome.values()) == 50
    assert totals() == (50, 50, 50)


def test_two_products_in_opposite_order(database: str, request: pytest.FixtureRequest) -> None:
    for turn in range(rounds(request) // 2):
        (one, two), buyer = prepare(30, 30)
        outcome = all_at_once(90, lambda n, s=(one, two), t=turn, b=buyer: buy(b, f"r{t}-{n}", *(s if n % 2 else s[::-1])))
        assert outcome.pop("refused") == 60
        assert sum(outcome.values()) == 30
        assert totals() == ((turn + 1) * 30, (turn + 1) * 60, (turn + 1) * 60)


def test_50_equal_checkouts_at_once_are_one_order(database: str) -> None:
    (sku,), buyer = prepare(50)
    outcome = all_at_once(50, lambda _: buy(buyer, "the-same-checkout", sku))
    assert list(outcome.values()) == [50], "everybody gets the same order"
    assert totals() == (1, 1, 1)


def test_without_the_lock_the_unique_key_still_refuses(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off: equal checkouts then collide, and the last guard keeps it at one order."""
    (sku,), buyer = prepare(50)
    monkeypatch.setattr(placing, "lock_checkout", lambda *_: None)
    outcome = all_at_once(50, lambda _: buy(buyer, "the-same-checkout", sku))
    assert outcome.pop("doubled") > 0
    assert totals() == (1, 1, 1)
