"""Boxes leave by serial number: shelf, lot and journal stay equal."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.errors import Conflict, Forbidden
from logistics.stock.dispatching import dispatch
from logistics.stock.queries import count_dispatched, list_moves
from logistics.stock.reserving import deallocate
from tests.factories.catalog import make_actor, make_product
from tests.factories.logistics import lot_of, make_allocations, make_serials, make_stock
from traceability.lots.queries import get_item
from traceability.lots.recalling import mark_lots
from traceability.lots.states import ItemState


def test_shelf_lot_and_journal_shrink_together(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=6)
    line = make_allocations(session, stock.product_id, 4)[0].line_code
    serials = make_serials(session, stock, 3)
    dispatch(session, SYSTEM, stock.place_id, {line: serials}, at, reference="SHP-1")
    session.refresh(stock)
    assert (stock.on_hand, stock.allocated, stock.dispatched) == (3, 1, 3)
    assert lot_of(session, stock).dispatched == count_dispatched(session, stock.lot_id) == 3
    assert sum(move.quantity for move in list_moves(session, stock.id)) == stock.on_hand
    assert get_item(session, serials[0]).state is ItemState.SOLD


def test_what_left_is_not_taken_back(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=6)
    allocation = make_allocations(session, stock.product_id, 4)[0]
    dispatch(session, SYSTEM, stock.place_id, {allocation.line_code: make_serials(session, stock, 3)}, at)
    assert deallocate(session, allocation.order_code) == 1
    session.refresh(allocation)
    assert (allocation.quantity, allocation.dispatched) == (3, 3)


def test_more_than_promised_does_not_leave(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=6)
    line = make_allocations(session, stock.product_id, 2)[0].line_code
    with pytest.raises(Conflict):
        dispatch(session, SYSTEM, stock.place_id, {line: make_serials(session, stock, 3)}, at)


def test_a_box_of_another_lot_does_not_leave(session: Session, at: datetime) -> None:
    product = make_product(session)
    stock, other = make_stock(session, product, boxes=2), make_stock(session, product, boxes=2)
    line = make_allocations(session, product.id, 2)[0].line_code
    with pytest.raises(Conflict, match="不属于"):
        dispatch(session, SYSTEM, stock.place_id, {line: make_serials(session, other, 1)}, at)


def test_unknown_and_repeated_serials(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=6)
    line = make_allocations(session, stock.product_id, 2)[0].line_code
    with pytest.raises(Conflict, match="没有编号"):
        dispatch(session, SYSTEM, stock.place_id, {line: ["NOSUCHSERIAL"]}, at)
    with pytest.raises(Conflict, match="两次"):
        dispatch(session, SYSTEM, stock.place_id, {line: make_serials(session, stock, 1) * 2}, at)


def test_a_lot_recalled_after_the_promise_does_not_leave(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=6)
    line = make_allocations(session, stock.product_id, 2)[0].line_code
    mark_lots(session, SYSTEM, lot_of(session, stock).code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"):
        dispatch(session, SYSTEM, stock.place_id, {line: make_serials(session, stock, 2)}, at)


def test_printed_labels_are_activated_on_the_way_out(session: Session, at: datetime) -> None:
    from traceability.lots.serialising import mark_printed

    stock = make_stock(session, boxes=2, activated=False)
    line = make_allocations(session, stock.product_id, 2)[0].line_code
    serials = make_serials(session, stock, 2)
    with pytest.raises(Conflict), session.begin_nested():
        dispatch(session, SYSTEM, stock.place_id, {line: serials}, at)
    mark_printed(session, SYSTEM, lot_id=stock.lot_id, serials=serials, at=at)
    dispatch(session, SYSTEM, stock.place_id, {line: serials}, at)
    assert get_item(session, serials[0]).activated_at == at


def test_only_a_packer_of_the_place(session: Session, at: datetime) -> None:
    from catalog.parties.models import Role

    stock = make_stock(session, boxes=6)
    line = make_allocations(session, stock.product_id, 2)[0].line_code
    with pytest.raises(Forbidden):
        dispatch(session, make_actor(session, Role.packer), stock.place_id, {line: make_serials(session, stock, 1)}, at)
