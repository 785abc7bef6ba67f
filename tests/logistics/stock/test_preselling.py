"""Boxes of a coming harvest: promised within the forecast, handed out in the order of payment, taken back whole; never part of stock."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from random import Random

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
from logistics.stock.models import Allocation, Presale, Promise
from logistics.stock.preselling import SoldOut, is_served, list_owing, note_paid, promise, release, serve
from logistics.stock.queries import available
from logistics.stock.receiving import receive_pack_lot
from logistics.stock.reserving import OutOfStock, allocate, deallocate
from logistics.stock.states import PresaleState
from logistics.stock.tasks import end_presales, serve_presales
from tests.factories.catalog import make_product
from tests.factories.logistics import make_hub, make_presale, make_stock
from tests.factories.lots import make_pack_lot
from traceability.lots.models import Lot
from traceability.lots.recalling import lift, mark_lots


def order(
    session: Session, presale: Presale, number: int, boxes: int, at: datetime, *, paid: bool = True, by: str = "", days: int = 3
) -> str:
    """One order from the pre-sale; returns its code."""
    code = f"ORD-{number}"
    promise(session, presale.code, order_code=code, line_code=f"{code}-1", holder=by or code, boxes=boxes, days=days, at=at)
    if paid:
        note_paid(session, code, at + timedelta(minutes=number))
    return code


def served(session: Session, *, ahead: bool = False) -> dict[str, int]:
    """Boxes by order that lie on a shelf for it, as promises and as allocations say; ``ahead``: others may have bought from the shelf."""
    by_promise = {row.order_code: row.served for row in session.scalars(select(Promise)) if row.served}
    allocated = select(Allocation.order_code, func.sum(Allocation.quantity)).group_by(Allocation.order_code)
    if ahead:
        allocated = allocated.where(Allocation.order_code.like("ORD-%"))
    assert by_promise == {code: int(boxes) for code, boxes in session.execute(allocated)}
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


def test_who_lives_far_gets_only_what_is_fresh_there(session: Session, at: datetime) -> None:
    """Ten days of the product's thirty must be left on arrival; who lives nearer, though behind in the queue, takes the older boxes."""
    presale = make_presale(session, make_product(session, shelf_life_days=30))
    far, near = order(session, presale, 1, 2, at, days=9), order(session, presale, 2, 2, at, days=2)
    make_stock(session, _product(session, presale), boxes=3, expires_on=at.date() + timedelta(days=18))
    assert served(session) == {near: 2}
    assert available(session, [presale.product_id], at) == {presale.product_id: 1}
    make_stock(session, _product(session, presale), boxes=1, expires_on=at.date() + timedelta(days=19))
    assert served(session) == {near: 2, far: 1}
    end(session, SYSTEM, presale.code, note="霜冻减产", at=at)
    assert served(session) == {near: 2}, "one of two is no order, and the old box is none for it"


def test_boxes_that_waited_too_long_for_the_others_are_taken_back(session: Session, at: datetime) -> None:
    presale = make_presale(session, make_product(session, shelf_life_days=30))
    far, near = order(session, presale, 1, 2, at, days=9), order(session, presale, 2, 1, at, days=2)
    make_stock(session, _product(session, presale), boxes=1, expires_on=at.date() + timedelta(days=19))
    assert served(session) == {far: 1}
    assert serve(session, presale.code, at) == 0
    assert serve(session, presale.code, at + timedelta(days=1)) == 1
    assert served(session) == {near: 1}


@pytest.mark.parametrize("ended", [False, True])
def test_boxes_that_waited_too_long_for_money_are_taken_back(
    session: Session, at: datetime, ended: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    news: list[Event] = []
    presale = make_presale(session, make_product(session, shelf_life_days=30))
    slow, quick = order(session, presale, 1, 2, at, paid=False), order(session, presale, 2, 2, at, paid=False)
    make_stock(session, _product(session, presale), boxes=4, expires_on=at.date() + timedelta(days=14))
    assert served(session) == {slow: 2, quick: 2}
    if ended:
        end(session, SYSTEM, presale.code, note="收完了", at=at)
    monkeypatch.setattr(preselling, "publish", lambda _, event, **_more: news.append(event))
    note_paid(session, quick, at + timedelta(days=1))
    assert is_served(session, quick)
    late = at + timedelta(days=2)
    note_paid(session, slow, late)
    assert not is_served(session, slow)
    assert served(session) == {quick: 2}
    assert news == ([PromiseBroken(slow, late)] if ended else []), "where nothing more comes the money goes back"


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


def test_who_paid_gets_the_boxes_of_who_has_not_when_it_ends(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    unpaid = order(session, presale, 1, 3, at, paid=False)
    make_stock(session, _product(session, presale), boxes=4)
    other = order(session, presale, 2, 1, at, paid=False)
    serve(session, presale.code, at)
    assert served(session) == {unpaid: 3, other: 1}
    paid = order(session, presale, 3, 3, at)
    end(session, SYSTEM, presale.code, note="霜冻减产", at=at)
    assert served(session) == {paid: 3, other: 1}
    assert [each.order_code for each in preselling.list_waiting(session, presale)] == [unpaid]
    assert (presale.promised, presale.served) == (7, 4)


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


@pytest.mark.parametrize("seed", range(3))
def test_random_histories_add_up(session: Session, at: datetime, seed: int, request: pytest.FixtureRequest) -> None:
    """promised - taken back = allocated + waiting at every moment, whatever happens in which order."""
    rng, asked, taken_back = Random(seed), 0, 0
    presale = make_presale(session, boxes=30, per_person=30)
    product, hub = _product(session, presale), make_hub(session)
    lot, came, codes = make_pack_lot(session, product, boxes=25), 0, list[str]()
    for number in range(300 if request.config.getoption("--faults") else 60):
        act = rng.choice(("order", "order", "pay", "arrive", "cancel", "serve", "sell"))
        if act == "order":
            boxes = rng.randint(1, 4)
            with contextlib.suppress(SoldOut), session.begin_nested():
                codes.append(order(session, presale, number, boxes, at, paid=False))
                asked += boxes
        elif act == "pay" and codes:
            note_paid(session, rng.choice(codes), at + timedelta(minutes=number))
        elif act == "arrive":
            boxes = min(rng.randint(1, 5), 25 - came)
            if not boxes:
                continue
            receive_pack_lot(session, SYSTEM, lot.id, hub.id, boxes, at)
            came += boxes
        elif act == "cancel" and codes:
            code = codes.pop(rng.randrange(len(codes)))
            taken_back += release(session, [code], at)
            deallocate(session, code)
        elif act == "serve":
            serve(session, presale.code, at)
        elif act == "sell":
            with contextlib.suppress(OutOfStock), session.begin_nested():
                allocate(session, f"S-{number}", [(f"S-{number}-1", product.id, 1)], at)
        session.refresh(presale)
        standing = session.scalars(select(Promise).where(Promise.released_at.is_(None))).all()
        waiting = sum(each.missing for each in standing)
        handed_out = sum(boxes for code, boxes in served(session, ahead=True).items())
        assert asked - taken_back == presale.promised == handed_out + waiting <= presale.forecast
        assert presale.served == handed_out
        if act in ("arrive", "serve") and waiting:
            assert available(session, [product.id], at) == {product.id: 0}, "what is free goes to who waits"


def test_tasks_have_nothing_to_do_where_nothing_is_owed(session: Session, at: datetime) -> None:
    assert list_owing(session, at) == []
    assert {serve_presales.name, end_presales.name} == {"stock.serve_presales", "stock.end_presales"}
