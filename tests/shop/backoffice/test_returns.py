"""The money of a return: what was paid for the boxes, two people over the limit, once."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.products.models import ReturnClass
from kernel.errors import Conflict, Forbidden
from shop.backoffice import refunding
from shop.backoffice.models import ProposalState
from shop.cases import returning
from shop.cases.models import Case
from shop.cases.queries import get_return
from shop.cases.states import CaseState, ReturnState
from shop.orders.models import Order
from shop.payments.models import Refund
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_goods, make_order


@pytest.fixture
def operator(session: Session) -> Actor:
    return make_actor(session, Role.operator)


def bought(session: Session, boxes: int) -> tuple[Actor, Order]:
    """Boxes of ¥128.00 that were signed for."""
    buyer, goods = make_actor(session), make_goods(session, return_class=ReturnClass.SEVEN_DAYS)
    return buyer, deliver(session, make_order(session, {goods.sku: boxes}, buyer))


def came_back(session: Session, operator: Actor, boxes: int, bought_boxes: int = 6) -> Case:
    buyer, order = bought(session, bought_boxes)
    case = returning.ask_return(session, buyer, order.code, order.lines[0].code, boxes=boxes, text="", at=AT)
    returning.receive_return(session, operator, case.code, boxes=boxes, at=AT)
    return case


def state(session: Session, case: Case) -> ReturnState:
    return get_return(session, case.code).returned.state


def asked(session: Session) -> list[int]:
    return list(session.scalars(select(Refund.amount_fen).order_by(Refund.id)))


def test_a_small_one_is_paid_at_once_and_once(session: Session, operator: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    case = came_back(session, operator, 1)
    with pytest.raises(Forbidden):
        refunding.refund_return(session, make_actor(session), case.code, at=AT)
    refunding.refund_return(session, operator, case.code, at=AT)
    assert (state(session, case), case.state, asked(session)) == (ReturnState.REFUNDED, CaseState.CLOSED, [12_800])
    with pytest.raises(Conflict, match="办完"):
        refunding.refund_return(session, operator, case.code, at=AT)
    monkeypatch.setattr(refunding, "check_received", lambda session, code: get_return(session, code))
    monkeypatch.setattr(refunding, "sum_proposed", lambda *_: 0)
    refunding.refund_return(session, operator, case.code, at=AT)
    assert sum(asked(session)) == 25_600, "without both guards it is paid twice"


def test_before_the_goods_came_nothing_goes_back(session: Session, operator: Actor) -> None:
    buyer, order = bought(session, 1)
    case = returning.ask_return(session, buyer, order.code, order.lines[0].code, boxes=1, text="", at=AT)
    with pytest.raises(Conflict, match="还没有登记收到"):
        refunding.refund_return(session, operator, case.code, at=AT)


def test_a_large_one_waits_for_somebody_else(session: Session, operator: Actor) -> None:
    case, second = came_back(session, operator, 5), make_actor(session, Role.operator)
    (proposal,) = refunding.refund_return(session, operator, case.code, at=AT)
    assert (proposal.state, state(session, case), asked(session)) == (ProposalState.WAITING, ReturnState.RECEIVED, [])
    with pytest.raises(Conflict, match="等另一位"):
        refunding.refund_return(session, operator, case.code, at=AT)
    refunding.decide_refund(session, second, proposal.code, agree=False, at=AT)
    (again,) = refunding.refund_return(session, operator, case.code, at=AT)
    refunding.decide_refund(session, second, again.code, agree=True, at=AT)
    assert (state(session, case), asked(session)) == (ReturnState.REFUNDED, [64_000])


def test_what_was_refused_meanwhile_is_not_paid(session: Session, operator: Actor) -> None:
    case, second = came_back(session, operator, 5), make_actor(session, Role.operator)
    (proposal,) = refunding.refund_return(session, operator, case.code, at=AT)
    returning.refuse_return(session, operator, case.code, "盒子是空的。", at=AT)
    with pytest.raises(Conflict):
        refunding.decide_refund(session, second, proposal.code, agree=True, at=AT)
    assert asked(session) == []


def test_never_more_than_is_left_of_the_payment(session: Session, operator: Actor) -> None:
    case = came_back(session, operator, 2, bought_boxes=2)
    found = get_return(session, case.code)
    payment = refunding.list_payments_of(session, [found.line.sub_order.code])[0]
    payment.refunded_fen = payment.captured_fen - 100
    session.flush()
    with pytest.raises(Conflict, match="剩下可退"):
        refunding.refund_return(session, operator, case.code, at=AT)
    assert (state(session, case), asked(session)) == (ReturnState.RECEIVED, [])
