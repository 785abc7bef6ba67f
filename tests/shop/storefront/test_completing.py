"""Orders complete by the clock, but not under an open case, not too early, and not an organisation's."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import ColumnElement, false
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from shop.cases import claiming, handling
from shop.cases.states import CaseKind
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.storefront import completing, tasks
from shop.storefront.completing import QUIET, complete_quiet_orders
from tests.factories.catalog import AT, make_actor
from tests.factories.procurement import make_office, make_ordered
from tests.factories.shop import deliver, make_order

LATER = AT + QUIET


@pytest.fixture
def buyer(session: Session) -> Actor:
    return make_actor(session)


@pytest.fixture
def order(session: Session, buyer: Actor) -> Order:
    return deliver(session, make_order(session, actor=buyer))


def test_ten_days_after_the_signature_it_is_done(session: Session, order: Order) -> None:
    paid = make_order(session)
    assert complete_quiet_orders(session, at=LATER - timedelta(seconds=1)) == 0
    assert complete_quiet_orders(session, at=LATER) == 1
    assert (order.state, paid.state) == (OrderState.COMPLETED, OrderState.PLACED)
    assert complete_quiet_orders(session, at=LATER) == 0


def test_an_open_case_holds_it_back_until_it_is_closed(
    session: Session, buyer: Actor, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = claiming.ask_about_order(session, buyer, order.code, CaseKind.PARCEL, text="少了一盒。", at=AT)
    line = handling.open_case(session, buyer, CaseKind.SCAN_REPORT, subjects=[order.lines[0].code], text="坏了。", at=AT)
    assert complete_quiet_orders(session, at=LATER) == 0
    operator = make_actor(session, Role.operator)
    handling.close_case(session, operator, case.code, "已补发。", at=AT)
    assert complete_quiet_orders(session, at=LATER) == 0, "the case about its line is open"
    with monkeypatch.context() as patch:
        patch.setattr(completing, "_has_open_case", lambda: no_case())
        nested = session.begin_nested()
        assert complete_quiet_orders(session, at=LATER) == 1, "the guard switched off"
        nested.rollback()
    handling.close_case(session, operator, line.code, "已赔付。", at=AT)
    assert complete_quiet_orders(session, at=LATER) == 1


def no_case() -> ColumnElement[bool]:
    return false()


def test_an_organisation_accepts_by_itself(session: Session) -> None:
    office = make_office(session)
    make_ordered(session, office)
    for order in session.query(Order).all():
        order.state, order.delivered_at = OrderState.DELIVERED, AT
    session.flush()
    assert complete_quiet_orders(session, at=LATER) == 0


def test_the_clock_does_it(session: Session, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks.clock, "now", lambda: LATER)
    tasks.complete_orders()
    session.expire_all()
    assert order.state is OrderState.COMPLETED
