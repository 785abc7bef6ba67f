"""Many buyers of one coming harvest at once, on a real, committed database: never more promised than the county let be promised."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select, text, true
from sqlalchemy.exc import IntegrityError

from catalog.parties.models import SYSTEM
from catalog.products.models import Product
from kernel.db import work
from logistics.stock import preselling
from logistics.stock.models import Allocation, Presale, Promise, StockLot
from logistics.stock.preselling import SoldOut, promise, serve
from logistics.stock.receiving import receive_pack_lot
from logistics.stock.reserving import OutOfStock, allocate
from shop.orders.cancelling import cancel_order, expire_orders
from shop.orders.placing import PAY_WITHIN, place_order
from tests.concurrency.test_stock import all_at_once
from tests.factories.catalog import AT, make_actor
from tests.factories.logistics import make_hub, make_presale
from tests.factories.lots import make_pack_lot
from tests.factories.shop import make_draft_order

BUYERS = 200
NOT_OVERPROMISED = "ALTER TABLE stock_presale DROP CONSTRAINT ck_stock_presale_not_overpromised"


def prepare(boxes: int, per_person: int = 100) -> tuple[str, str]:
    """(code of an open pre-sale of so many boxes, SKU of its product)."""
    with work() as session:
        presale = make_presale(session, boxes=boxes, per_person=per_person)
        return presale.code, session.get_one(Product, presale.product_id).sku


def sums(code: str) -> tuple[int, int]:
    """(promised, served) of a pre-sale, which its promises and the shelf agree with."""
    with work() as session:
        presale = session.scalars(select(Presale).where(Presale.code == code)).one()
        standing = select(func.coalesce(func.sum(Promise.boxes), 0), func.coalesce(func.sum(Promise.served), 0))
        boxes, served = session.execute(standing.where(Promise.presale_id == presale.id, Promise.released_at.is_(None))).one()
        lines = select(Promise.line_code).where(Promise.presale_id == presale.id)
        allocated = session.scalar(select(func.coalesce(func.sum(Allocation.quantity), 0)).where(Allocation.line_code.in_(lines)))
        assert (presale.promised, presale.served) == (int(boxes), int(served))
        assert presale.served == int(allocated or 0)
        for row in session.scalars(select(StockLot)):
            on_it = select(func.coalesce(func.sum(Allocation.quantity), 0)).where(Allocation.stock_lot_id == row.id)
            assert row.allocated == int(session.scalar(on_it) or 0)
        return presale.promised, presale.served


def order(code: str, sku: str, number: int) -> str:
    """One checkout of one box by a buyer of their own: what it ended with."""
    try:
        with work() as session:
            buyer = make_actor(session)
            return place_order(session, buyer, make_draft_order({sku: 1}, checkout_key=f"k-{number}", presale=code), at=AT).code
    except SoldOut:
        return "refused"
    except IntegrityError:
        return "checked"


def test_200_buyers_for_a_forecast_of_50(database: str) -> None:
    code, sku = prepare(50)
    outcome = all_at_once(BUYERS, lambda number: order(code, sku, number))
    assert outcome.pop("refused") == 150
    assert len(outcome) == sum(outcome.values()) == 50
    assert sums(code) == (50, 0)
    # Nobody pays: all of it is free again, and promised to others.
    with work() as session:
        assert expire_orders(session, at=AT + PAY_WITHIN * 100, limit=100) == 50
    assert sums(code) == (0, 0)
    assert order(code, sku, 999) not in ("refused", "checked")


def test_without_the_condition_the_check_refuses_and_without_both_too_much_is_promised(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preselling, "fits", lambda _: true())
    code, sku = prepare(5)
    outcome = all_at_once(20, lambda number: order(code, sku, number), threads=20)
    assert outcome.pop("checked") == 15
    assert sums(code) == (5, 0)
    with work() as session:
        session.execute(text(NOT_OVERPROMISED))
    assert "checked" not in all_at_once(20, lambda number: order(code, sku, 100 + number), threads=20)
    assert sums(code) == (25, 0)


def test_one_account_in_many_windows_gets_what_one_account_may(database: str) -> None:
    code, _ = prepare(50, per_person=3)

    def again(number: int) -> str:
        try:
            with work() as session:
                promise(session, code, order_code=f"O-{number}", line_code=f"L-{number}", holder="me", boxes=1, at=AT)
            return "promised"
        except SoldOut:
            return "refused"

    assert all_at_once(20, again, threads=20) == {"promised": 3, "refused": 17}


def test_boxes_arrive_while_orders_are_cancelled_and_others_try_to_buy(database: str) -> None:
    code, sku = prepare(60)
    codes = [order(code, sku, number) for number in range(30)]
    with work() as session:
        product = session.scalars(select(Product).where(Product.sku == sku)).one()
        hub = make_hub(session).id
        lots = [make_pack_lot(session, product, boxes=5).id for _ in range(6)]
        product_id = product.id
    news = threading.Lock()
    failed: list[str] = []

    def act(number: int) -> str:
        try:
            with work() as session:
                if number < 6:
                    receive_pack_lot(session, SYSTEM, lots[number], hub, 5, AT)
                elif number < 16:
                    cancel_order(session, SYSTEM, codes[number], reason="", at=AT)
                elif number < 20:
                    serve(session, code, AT)
                else:
                    allocate(session, f"S-{number}", [(f"S-{number}-1", product_id, 1)], AT)
            return "done"
        except OutOfStock:
            return "out of stock"
        except Exception as error:
            with news:
                failed.append(repr(error))
            return "failed"

    outcome = all_at_once(40, act, threads=40)
    assert failed == []
    assert outcome["done"] >= 20
    with work() as session:
        serve(session, code, AT)
    promised, served = sums(code)
    assert promised == 20
    with work() as session:
        assert session.scalar(select(func.sum(StockLot.on_hand))) == 30
        free = int(session.scalar(select(func.sum(StockLot.on_hand - StockLot.allocated))) or 0)
    assert served == promised or free == 0
