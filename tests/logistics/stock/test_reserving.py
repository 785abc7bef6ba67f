"""Boxes are promised first expired first out, whole or not at all, and never twice."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from logistics.stock.holding import hold
from logistics.stock.models import Allocation, Hold, StockLot
from logistics.stock.queries import available, list_allocations
from logistics.stock.reserving import OutOfStock, allocate, deallocate
from tests.factories.catalog import make_product
from tests.factories.logistics import lot_of, make_allocations, make_hub, make_stock
from traceability.lots.recalling import lift, mark_lots


def fresh(session: Session, stock: StockLot) -> StockLot:
    session.refresh(stock)
    return stock


def test_the_first_to_expire_leaves_first(session: Session, at: datetime) -> None:
    product = make_product(session)
    later = make_stock(session, product, boxes=5, expires_on=date(2027, 11, 1))
    sooner = make_stock(session, product, boxes=3, expires_on=date(2027, 6, 1))
    allocate(session, "ORD-A", [("A-1", product.id, 4)], at)
    assert (fresh(session, sooner).allocated, fresh(session, later).allocated) == (3, 1)
    assert [(a.stock_lot_id, a.quantity) for a in list_allocations(session, "ORD-A")] == [(sooner.id, 3), (later.id, 1)]


def test_all_lines_or_none(session: Session, at: datetime) -> None:
    stock, other = make_stock(session, boxes=5), make_stock(session, boxes=5)
    with pytest.raises(OutOfStock) as problem, session.begin_nested():
        allocate(session, "ORD-A", [("A-1", stock.product_id, 2), ("A-2", other.product_id, 6)], at)
    assert [error.field for error in problem.value.errors] == ["A-2"]
    assert problem.value.left == {other.product_id: 5}
    assert "5" in str(problem.value)
    assert fresh(session, stock).allocated == 0


def test_two_lines_of_one_basket_do_not_pass_the_check_each_alone(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    with pytest.raises(OutOfStock):
        allocate(session, "ORD-A", [("A-1", stock.product_id, 3), ("A-2", stock.product_id, 3)], at)


def test_a_recalled_lot_is_passed_over_until_the_mark_is_lifted(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    mark = mark_lots(session, SYSTEM, lot_of(session, stock).code, "抽检不合格", at)
    with pytest.raises(OutOfStock):
        make_allocations(session, stock.product_id)
    assert available(session, [stock.product_id], at) == {stock.product_id: 0}
    lift(session, SYSTEM, mark.code, "复检合格", at)
    make_allocations(session, stock.product_id)


def test_a_lot_that_would_arrive_near_its_end_is_not_sold(session: Session, at: datetime) -> None:
    product = make_product(session, shelf_life_days=30)
    stock = make_stock(session, product, boxes=5, expires_on=date(2026, 12, 5))
    assert stock.sell_until == date(2026, 11, 22)
    make_allocations(session, product.id, 1)
    with pytest.raises(OutOfStock):
        allocate(session, "ORD-B", [("B-1", product.id, 1)], at + timedelta(days=1))


def test_taking_back_twice_frees_once(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    order_code = make_allocations(session, stock.product_id, 4)[0].order_code
    assert deallocate(session, order_code) == 4
    assert deallocate(session, order_code) == 0
    assert (fresh(session, stock).allocated, stock.on_hand) == (0, 5)


def test_some_lines_can_be_taken_back(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    allocate(session, "ORD-A", [("A-1", stock.product_id, 1), ("A-2", stock.product_id, 2)], at)
    assert deallocate(session, "ORD-A", ["A-2"]) == 2
    assert [a.line_code for a in list_allocations(session, "ORD-A")] == ["A-1"]


def test_what_the_buyer_holds_is_used_first(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=10)
    hold(session, "basket-1", {stock.product_id: 4}, at + timedelta(minutes=10), at)
    hold(session, "basket-2", {stock.product_id: 3}, at + timedelta(minutes=10), at)
    with pytest.raises(OutOfStock), session.begin_nested():
        allocate(session, "ORD-A", [("A-1", stock.product_id, 8)], at, from_holder="basket-1")
    allocate(session, "ORD-A", [("A-1", stock.product_id, 7)], at, from_holder="basket-1")
    assert (fresh(session, stock).held, stock.allocated) == (3, 7)
    assert session.scalars(select(Hold.holder)).all() == ["basket-2"]


def test_two_places_are_two_rows(session: Session, at: datetime) -> None:
    product = make_product(session)
    stocks = [make_stock(session, product, boxes=2, place=make_hub(session)) for _ in range(2)]
    make_allocations(session, product.id, 3)
    assert sum(fresh(session, stock).allocated for stock in stocks) == 3
    assert session.scalars(select(Allocation.quantity).order_by(Allocation.quantity)).all() == [1, 2]


def test_nothing_may_be_asked_for(session: Session, at: datetime) -> None:
    with pytest.raises(ValueError, match="0 boxes"):
        allocate(session, "ORD-A", [("A-1", make_product(session).id, 0)], at)
