"""七天无理由退货: own, in the days, not fresh, not twice; each guard off lets through what it holds back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.products.models import ReturnClass
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.cases import handling, returning
from shop.cases.models import Case, Return
from shop.cases.queries import get_return, list_messages
from shop.cases.states import CaseKind, CaseState, ReturnState
from shop.orders.models import Order, OrderKind
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_goods, make_order


@pytest.fixture
def buyer(session: Session) -> Actor:
    return make_actor(session)


@pytest.fixture
def operator(session: Session) -> Actor:
    return make_actor(session, Role.operator)


def bought(session: Session, buyer: Actor, boxes: int = 3, return_class: ReturnClass = ReturnClass.SEVEN_DAYS) -> Order:
    """Three boxes that were signed for."""
    goods = make_goods(session, return_class=return_class)
    return deliver(session, make_order(session, {goods.sku: boxes}, buyer))


@pytest.fixture
def order(session: Session, buyer: Actor) -> Order:
    return bought(session, buyer)


def ask(session: Session, actor: Actor, order: Order, boxes: int = 1, **over: object) -> Case:
    values = {"text": "", "at": AT} | over
    return returning.ask_return(session, actor, order.code, order.lines[0].code, boxes=boxes, **values)  # type: ignore[arg-type]


def test_the_whole_way(session: Session, buyer: Actor, operator: Actor, order: Order) -> None:
    case = ask(session, buyer, order, 2, text="买多了。")
    assert (case.kind, case.due_at) == (CaseKind.RETURN, AT + timedelta(hours=24))
    with pytest.raises(Invalid, match="单号"):
        returning.send_back(session, buyer, case.code, carrier="示例快递", waybill="1", at=AT)
    returning.send_back(session, buyer, case.code, carrier=" 示例快递 ", waybill=" SF 100 ", at=AT)
    with pytest.raises(Forbidden):
        returning.receive_return(session, buyer, case.code, boxes=2, at=AT)
    with pytest.raises(Invalid):
        returning.receive_return(session, operator, case.code, boxes=3, at=AT)
    returned = returning.receive_return(session, operator, case.code, boxes=2, at=AT)
    assert (returned.state, returned.amount_fen, returned.waybill) == (
        ReturnState.RECEIVED,
        order.lines[0].unit_price_fen * 2,
        "SF100",
    )
    assert (case.state, case.due_at) == (CaseState.OPEN, AT + timedelta(days=7))
    with pytest.raises(Conflict):
        handling.close_case(session, operator, case.code, "好了。", at=AT)
    returning.finish_return(session, operator, case.code, at=AT)
    assert (returned.state, case.state) == (ReturnState.REFUNDED, CaseState.CLOSED)
    assert [row.side.value for row in list_messages(session, case.id)] == ["reporter", "reporter", "staff", "staff"]
    with pytest.raises(Conflict):
        returning.refuse_return(session, operator, case.code, "晚了。", at=AT)


def test_the_days_count_from_the_one_after_the_signature(
    session: Session, buyer: Actor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert order.delivered_at is not None
    assert returning.last_day(order) == today_shanghai(AT) + timedelta(days=7)
    last = AT
    while today_shanghai(last + timedelta(hours=1)) <= returning.last_day(order):  # type: ignore[operator]
        last += timedelta(hours=1)
    ask(session, buyer, order, at=last)
    late = last + timedelta(hours=1)
    with pytest.raises(Conflict, match="七天内"):
        ask(session, buyer, order, at=late)
    fresh_off = make_order(session, {make_goods(session, return_class=ReturnClass.SEVEN_DAYS).sku: 1}, buyer)
    with pytest.raises(Conflict, match="七天内"):
        ask(session, buyer, fresh_off)
    monkeypatch.setattr(returning, "last_day", lambda *_: date.max)
    assert ask(session, buyer, order, at=late).kind is CaseKind.RETURN


def test_the_same_boxes_are_not_asked_for_twice(
    session: Session, buyer: Actor, operator: Actor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(session, buyer, order, 2)
    with pytest.raises(Invalid, match="还可以退 1 件"):
        ask(session, buyer, order, 2)
    returning.receive_return(session, operator, first.code, boxes=2, at=AT)
    returning.finish_return(session, operator, first.code, at=AT)
    with pytest.raises(Invalid):
        ask(session, buyer, order, 2)
    second = ask(session, buyer, order, 1)
    with pytest.raises(Invalid):
        ask(session, buyer, order, 1)
    returning.withdraw_return(session, buyer, second.code, at=AT)
    third = ask(session, buyer, order, 1)
    returning.refuse_return(session, operator, third.code, "盒子拆开用过了。", at=AT)
    ask(session, buyer, order, 1)
    monkeypatch.setattr(returning, "count_asked", lambda *_: 0)
    assert ask(session, buyer, order, 3).kind is CaseKind.RETURN, "without counting, six of three boxes go back"


def test_fresh_goods_and_what_organisations_buy_stay(session: Session, buyer: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh, bulk = bought(session, buyer, return_class=ReturnClass.FRESH_NO_RETURN), bought(session, buyer)
    with pytest.raises(Conflict, match="不支持"):
        ask(session, buyer, fresh)
    with session.no_autoflush:
        assert returning.is_returnable(bulk.lines[0])
        bulk.kind = OrderKind.ORGANIZATION
        assert not returning.is_returnable(bulk.lines[0])
        session.refresh(bulk)
    monkeypatch.setattr(returning, "is_returnable", lambda *_: True)
    assert ask(session, buyer, fresh).kind is CaseKind.RETURN


def test_other_peoples_orders_are_not_found(
    session: Session, buyer: Actor, operator: Actor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = ask(session, buyer, order)
    stranger = make_actor(session)
    steps: list[Callable[[Actor], object]] = [
        lambda actor: ask(session, actor, order),
        lambda actor: returning.send_back(session, actor, case.code, carrier="示例快递", waybill="SF100", at=AT),
        lambda actor: returning.withdraw_return(session, actor, case.code, at=AT),
    ]
    for step in steps:
        for actor in (stranger, operator):
            with pytest.raises(NotFound):
                step(actor)
    monkeypatch.setattr("shop.cases.claiming.is_own", lambda *_: True)
    assert ask(session, stranger, order).kind is CaseKind.RETURN


def test_shares_of_a_discount_add_up(session: Session, buyer: Actor, operator: Actor, order: Order) -> None:
    line = order.lines[0]
    line.discount_fen, line.amount_fen = 100, line.amount_fen - 100  # of three boxes: no whole fen each
    session.flush()
    paid = []
    for _ in range(3):
        case = ask(session, buyer, order)
        paid.append(returning.receive_return(session, operator, case.code, boxes=1, at=AT).amount_fen)
        returning.finish_return(session, operator, case.code, at=AT)
    assert sum(amount or 0 for amount in paid) == line.amount_fen
    assert max(paid) - min(paid) == 1  # type: ignore[type-var,operator]
    assert returning.price_of(line, 3) == Money(line.amount_fen)


def test_a_buyer_may_not_pull_the_case_from_under_it(session: Session, buyer: Actor, order: Order) -> None:
    case = ask(session, buyer, order)
    with pytest.raises(Conflict, match="还没有办完"):
        handling.close_case(session, buyer, case.code, "算了。", at=AT)
    returning.withdraw_return(session, buyer, case.code, at=AT)
    assert (case.state, get_return(session, case.code).returned.state) == (CaseState.CLOSED, ReturnState.WITHDRAWN)
    assert session.scalar(select(Return.ended_at)) == AT
