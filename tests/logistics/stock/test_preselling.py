"""Boxes of a coming harvest: promised within the forecast, handed out in the order of payment, taken back whole; never part of stock."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from catalog.products.models import Product
from kernel.errors import Conflict, NotFound
from kernel.outbox import Event
from logistics.stock import announcing, preselling
from logistics.stock.announcing import end, end_due, list_due
from logistics.stock.events import PresaleFailed, PromiseBroken, PromiseServed
from logistics.stock.models import Allocation, Presale, Promise, StockLot
from logistics.stock.preselling import SoldOut, is_served, list_owing, note_paid, promise, release, serve
from logistics.stock.queries import available
from logistics.stock.reserving import OutOfStock, allocate, deallocate
from logistics.stock.states import PresaleState
from logistics.stock.tasks import end_presales, serve_presales
from tests.factories.logistics import make_presale, make_stock
from traceability.lots.models import Lot
from traceability.lots.recalling import lift, mark_lots


def order(session: Session, presale: Presale, number: int, boxes: int, at: datetime, *, paid: bool = True, by: str = "") -> str:
    """One order from the pre-sale; returns its code."""
    code = f"ORD-{number}"
    promise(session, presale.code, order_code=code, line_code=f"{code}-1", holder=by or code, boxes=boxes, at=at)
    if paid:
        note_paid(session, code, at + timedelta(minutes=number))
    return code


def served(session: Session) -> dict[str, int]:
    """Boxes by order that lie on a shelf for it, as promises and as allocations say."""
    by_promise = {row.order_code: row.served for row in session.scalars(select(Promise)) if row.served}
    rows = session.execute(select(Allocation.order_code, func.sum(Allocation.quantity)).group_by(Allocation.order_code))
    assert by_promise == {code: int(boxes) for code, boxes in rows}
    return by_promise


def test_never_more_than_the_forecast_and_never_from_stock(session: Session, at: datetime) -> None:
    presale = make_presale(session, boxes=5)
    order(session, presale, 1, 3, at)
    with pytest.raises(SoldOut, match="只剩 2 盒") as short:
        order(session, presale, 2, 3, at)
    assert short.value.left == 2
    order(session, presale, 3, 2, at)
    with pytest.raises(SoldOut, match="订完"):
        order(session, presale, 4, 1, at)
    assert (presale.promised, presale.left) == (5, 0)
    assert available(session, [presale.product_id], at) == {presale.product_id: 0}
    with pytest.raises(OutOfStock):
        allocate(session, "ORD-S", [("ORD-S-1", presale.product_id, 1)], at)


def test_without_the_condition_the_check_refuses(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    presale = make_presale(session, boxes=5)
    monkeypatch.setattr(preselling, "fits", lambda _: true())
    with pytest.raises(IntegrityError, match="not_overpromised"):
        order(session, presale, 1, 6, at)


def test_one_account_gets_so_many(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    presale = make_presale(session, per_person=4)
    order(session, presale, 1, 3, at, by="me")
    with pytest.raises(SoldOut) as short, session.begin_nested():
        order(session, presale, 2, 2, at, by="me")
    assert short.value.left == 1
    session.refresh(presale)
    assert presale.promised == 3
    monkeypatch.setattr(preselling, "within_limit", lambda *_: True)
    order(session, presale, 2, 2, at, by="me")
    assert presale.promised == 5


def test_nothing_is_promised_after_the_last_day_or_before_the_county_has_spoken(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    with pytest.raises(Conflict, match="截止"):
        order(session, presale, 1, 1, at + timedelta(days=6))
    with pytest.raises(Conflict, match="截止"):
        order(session, make_presale(session, decided=False), 1, 1, at)
    with pytest.raises(NotFound):
        promise(session, "PRE-NONE", order_code="O", line_code="L", holder="h", boxes=1, at=at)
    with pytest.raises(ValueError, match="0 boxes"):
        order(session, presale, 1, 0, at)


def test_what_comes_goes_to_who_paid_first_before_anybody_can_buy_it(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    unpaid = order(session, presale, 1, 2, at, paid=False)
    late, early = order(session, presale, 9, 4, at), order(session, presale, 2, 3, at)
    product = make_stock(session, _product(session, presale), boxes=5).product_id
    assert served(session) == {early: 3, late: 2}
    assert available(session, [product], at) == {product: 0}
    assert is_served(session, early)
    assert not is_served(session, late)
    make_stock(session, _product(session, presale), boxes=10)
    assert served(session) == {early: 3, late: 4, unpaid: 2}
    assert available(session, [product], at) == {product: 6}
    assert presale.served == presale.promised == 9


def _product(session: Session, presale: Presale) -> Product:
    return session.get_one(Product, presale.product_id)


def test_boxes_made_before_the_harvest_do_not_serve_it(session: Session, at: datetime) -> None:
    presale = make_presale(session, harvest_from=at.date() + timedelta(days=1))
    code = order(session, presale, 1, 1, at)
    make_stock(session, _product(session, presale))
    assert not is_served(session, code)
    later = at + timedelta(days=1)
    make_stock(session, _product(session, presale), at=later)
    assert is_served(session, code)


def test_what_becomes_free_later_is_handed_out_by_the_clock(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    stock = make_stock(session, _product(session, presale), boxes=4)
    allocate(session, "ORD-S", [("ORD-S-1", presale.product_id, 4)], at)
    code = order(session, presale, 1, 2, at)
    assert serve(session, presale.code, at) == 0
    deallocate(session, "ORD-S")
    assert list_owing(session, at) == [presale.code]
    assert list_owing(session, at - timedelta(days=1)) == []
    assert serve(session, presale.code, at) == 2
    assert serve(session, presale.code, at) == 0
    assert is_served(session, code)
    session.refresh(stock)
    assert (stock.allocated, stock.free) == (2, 2)


def test_recalled_boxes_are_not_handed_out(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    stock = make_stock(session, _product(session, presale), boxes=4)
    lot = session.get_one(Lot, stock.lot_id)
    mark = mark_lots(session, SYSTEM, lot.code, "抽检", at)
    code = order(session, presale, 1, 2, at)
    assert serve(session, presale.code, at) == 0
    lift(session, SYSTEM, mark.code, "复检合格", at)
    assert serve(session, presale.code, at) == 2
    assert is_served(session, code)


def test_taking_back_frees_the_promise_once(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    code, other = order(session, presale, 1, 2, at), order(session, presale, 2, 3, at)
    make_stock(session, _product(session, presale), boxes=3)
    assert served(session) == {code: 2, other: 1}
    assert release(session, [code], at) == 2
    assert release(session, [code], at) == 0
    deallocate(session, code)
    assert (presale.promised, presale.served) == (3, 1)
    assert serve(session, presale.code, at) == 2
    assert served(session) == {other: 3}
    order(session, presale, 1, 2, at)  # late money: the same order again
    assert presale.promised == 5


def test_a_harvest_that_falls_short_serves_whole_orders_and_breaks_the_rest(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[Event] = []
    for module in (announcing, preselling):
        monkeypatch.setattr(module, "publish", lambda _, event, **_more: news.append(event))
    presale = make_presale(session)
    first, large, small = (order(session, presale, number, boxes, at) for number, boxes in ((1, 3), (2, 4), (3, 2)))
    make_stock(session, _product(session, presale), boxes=5)
    assert served(session) == {first: 3, large: 2}
    end(session, SYSTEM, presale.code, note="霜冻减产", at=at)
    assert served(session) == {first: 3, small: 2}
    assert presale.state is PresaleState.ENDED
    assert (presale.promised, presale.served) == (9, 5)
    assert news == [
        PromiseServed(first, at),
        PromiseServed(small, at),
        PromiseBroken(large, at),
        PresaleFailed(presale.code, 1, 4, "霜冻减产", at),
    ]
    assert available(session, [presale.product_id], at) == {presale.product_id: 0}
    make_stock(session, _product(session, presale), boxes=5)
    assert served(session) == {first: 3, small: 2}
    with pytest.raises(Conflict):
        end(session, SYSTEM, presale.code, note="again", at=at)


def test_the_clock_ends_what_is_past_its_day_and_what_owes_nothing(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    order(session, presale, 1, 1, at)
    assert list_due(session, at + timedelta(days=20)) == []
    assert list_due(session, at + timedelta(days=21)) == [presale.code]
    make_stock(session, _product(session, presale), boxes=1)
    assert list_due(session, at + timedelta(days=1)) == []
    assert list_due(session, at + timedelta(days=6)) == [presale.code]
    for _ in range(2):
        end_due(session, SYSTEM, presale.code, at=at + timedelta(days=21))
    assert presale.state is PresaleState.ENDED
    assert list_due(session, at + timedelta(days=30)) == []


def test_counters_are_what_the_promises_say(session: Session, at: datetime) -> None:
    """promised - cancelled = allocated + waiting, whatever happened."""
    presale = make_presale(session, boxes=20, per_person=20)
    for number in range(6):
        order(session, presale, number, number % 3 + 1, at, paid=number % 2 == 0)
        if number % 2:
            make_stock(session, _product(session, presale), boxes=2)
        if number == 4:
            release(session, ["ORD-1"], at)
            deallocate(session, "ORD-1")
    standing = session.scalars(select(Promise).where(Promise.released_at.is_(None))).all()
    cancelled = session.scalars(select(Promise.boxes).where(Promise.released_at.is_not(None))).all()
    assert sum(row.boxes for row in standing) + sum(cancelled) == 12
    assert presale.promised == sum(row.boxes for row in standing)
    assert presale.served == sum(served(session).values()) == sum(session.scalars(select(StockLot.allocated)))


def test_tasks_have_nothing_to_do_where_nothing_is_owed(session: Session, at: datetime) -> None:
    assert list_owing(session, at) == []
    assert {serve_presales.name, end_presales.name} == {"stock.serve_presales", "stock.end_presales"}
