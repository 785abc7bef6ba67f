"""Single boxes are recalled while they are being sold and sent: real connections, the recall marked and not yet committed when the other
comes. Whoever comes later waits and sees the mark; with the locks off it does not, and a recalled box is sold, or leaves."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import pytest
from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from kernel.db import work
from kernel.errors import Conflict
from logistics.stock import guarding, reserving
from logistics.stock.dispatching import dispatch
from logistics.stock.models import StockLot
from logistics.stock.reserving import OutOfStock, allocate
from shop.recalls import deciding
from shop.recalls.queries import trace_boxes
from tests.factories.catalog import AT, make_actor
from tests.factories.logistics import make_serials, make_stock
from traceability.lots import balancing
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import ItemState


@dataclass
class Shelf:
    """Ten boxes on a shelf, one of them promised to the line L-0; the first six are about to be recalled."""

    operator: Actor
    product_id: UUID
    place_id: UUID
    lot_id: UUID
    code: str
    serials: list[str]


@pytest.fixture
def shelf(database: str) -> Shelf:
    with work() as session:
        stock = make_stock(session, boxes=10)
        lot = session.get_one(Lot, stock.lot_id)
        allocate(session, "ORD-0", [("L-0", stock.product_id, 1)], AT)
        serials = make_serials(session, stock, 10)
        return Shelf(make_actor(session, Role.operator), stock.product_id, stock.place_id, lot.id, lot.code, serials)


def recall(session: Session, shelf: Shelf) -> None:
    serials = shelf.serials[:6]
    scope = trace_boxes(session, session.get_one(Lot, shelf.lot_id), serials).scope
    deciding.confirm_boxes(
        session, shelf.operator, shelf.code, scope=scope, typed=shelf.code, serials=serials, reason="封口破了。",
        left_out_reason="只有这几盒。", at=AT,
    )  # fmt: skip


def buy(shelf: Shelf, boxes: int = 6) -> str:
    try:
        with work() as session:
            allocate(session, "ORD-1", [("L-1", shelf.product_id, boxes)], AT)
        return "sold"
    except OutOfStock:
        return "refused"


def send(shelf: Shelf) -> str:
    try:
        with work() as session:
            dispatch(session, SYSTEM, shelf.place_id, {"L-0": shelf.serials[:1]}, AT)
        return "sent"
    except Conflict as problem:
        return "refused" if "已被召回" in problem.message else problem.message


def while_marking(shelf: Shelf, act: Callable[[Shelf], str]) -> str:
    """What the act ends with that comes when the boxes are marked and the recall is not yet committed."""
    with ThreadPoolExecutor(1) as pool:
        with work() as session:
            recall(session, shelf)
            later = pool.submit(act, shelf)
            _wait_until_it_waits_or_is_done(session, later)
        return later.result(30)


def _wait_until_it_waits_or_is_done(session: Session, later: Future[str]) -> None:
    waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    until = time.monotonic() + 30
    while not later.done() and not session.scalar(waiting):
        assert time.monotonic() < until
        time.sleep(0.01)


def no_shelf_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    plain: Callable[[Select[StockLot]], Select[StockLot]] = lambda query: query.order_by(StockLot.id)  # noqa: E731
    monkeypatch.setattr(guarding, "in_key_order", plain)


def no_lot_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reserving, "list_movable", lambda session, lot_ids: set(lot_ids))
    monkeypatch.setattr(balancing, "_locked", lambda session, ids: session.scalars(select(Lot).where(Lot.id.in_(ids))).all())


def no_box_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    def plain(session: Session, lot: Lot, serials: Sequence[str]) -> Sequence[TradeItem]:
        return session.scalars(select(TradeItem).where(TradeItem.serial.in_(serials))).all()

    monkeypatch.setattr(balancing, "lock_items", plain)


ALL = (no_shelf_lock, no_lot_lock, no_box_lock)


@pytest.mark.parametrize("off", [(), (no_shelf_lock,), (no_lot_lock,)])
def test_who_buys_meanwhile_gets_no_recalled_box(shelf: Shelf, monkeypatch: pytest.MonkeyPatch, off: Sequence[Callable]) -> None:  # type: ignore[type-arg]
    """Nine are free, six recalled: six cannot be had. The shelf's lock and the lot's are enough each."""
    for switch in off:
        switch(monkeypatch)
    assert while_marking(shelf, buy) == "refused"
    assert buy(shelf, 3) == "sold"


def test_without_both_locks_recalled_boxes_are_sold(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    no_shelf_lock(monkeypatch)
    no_lot_lock(monkeypatch)
    assert while_marking(shelf, buy) == "sold"


@pytest.mark.parametrize("left", ALL)
def test_a_box_that_is_being_recalled_does_not_leave(
    shelf: Shelf,
    monkeypatch: pytest.MonkeyPatch,
    left: Callable[[pytest.MonkeyPatch], None],
) -> None:
    """Of the three locks each alone is enough."""
    for switch in ALL:
        if switch is not left:
            switch(monkeypatch)
    assert while_marking(shelf, send) == "refused"


def test_without_any_lock_it_leaves(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    for switch in ALL:
        switch(monkeypatch)
    assert while_marking(shelf, send) == "sent"
    with work() as session:
        item = session.scalars(select(TradeItem).where(TradeItem.serial == shelf.serials[0])).one()
        assert (item.state, item.stopped is not None) == (ItemState.SOLD, True), "recalled, and gone"


def test_a_box_that_leaves_first_is_recalled_as_one_that_left(shelf: Shelf) -> None:
    """The other way round: the parcel is leaving and not yet committed when the recall comes; it waits, and knows."""
    with ThreadPoolExecutor(1) as pool:
        with work() as session:
            dispatch(session, SYSTEM, shelf.place_id, {"L-0": shelf.serials[:1]}, AT)
            later = pool.submit(_recall_apart, shelf)
            _wait_until_it_waits_or_is_done(session, later)
        assert later.result(30) == "5 here"


def _recall_apart(shelf: Shelf) -> str:
    with work() as session:
        recall(session, shelf)
        return f"{trace_boxes(session, session.get_one(Lot, shelf.lot_id), shelf.serials[:6]).here} here"
