"""The buyer is told once of each thing that happens to an order."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from shop.accounts.claiming import open_guest
from shop.accounts.queries import find_actor
from shop.accounts.signing import open_session
from shop.notices import following_orders
from shop.notices.following_orders import tell_closed, tell_confirmed, tell_delivered, tell_paid, tell_refunded, tell_shipped
from shop.notices.models import Notice
from shop.notices.wording import words_of
from shop.orders.models import Order, OrderClosed, OrderConfirmed, OrderDelivered, OrderPaid, OrderRefunded, OrderShipped
from tests.factories.catalog import make_actor
from tests.factories.shop import make_order


def kinds(session: Session) -> list[str]:
    return [notice.kind for notice in session.scalars(select(Notice).order_by(Notice.id))]


def test_each_event_is_told_once_however_often_it_is_delivered(session: Session, at: datetime) -> None:
    buyer = make_actor(session)
    code = make_order(session, None, buyer).code
    for _ in range(2):
        tell_paid(session, OrderPaid(code, 25_600, at))
        tell_confirmed(session, OrderConfirmed(code, at))
        tell_shipped(session, OrderShipped(code, at))
        tell_delivered(session, OrderDelivered(code, at))
        tell_closed(session, OrderClosed(code, "expired", at))
    assert kinds(session) == ["order_paid", "order_confirmed", "order_shipped", "order_delivered", "order_expired"]
    notice = session.scalars(select(Notice).where(Notice.kind == "order_paid")).one()
    assert notice.person_id == buyer.person_id
    assert words_of(notice.kind, notice.params, str)[1] == f"订单 {code} 已付款 ¥256.00。我们会尽快安排发货。"


def test_a_cancelled_order_is_told_as_such(session: Session, at: datetime) -> None:
    tell_closed(session, OrderClosed(make_order(session).code, "买错了", at))
    assert kinds(session) == ["order_cancelled"]


def test_each_refund_is_told(session: Session, at: datetime) -> None:
    code, first = make_order(session).code, uuid7()
    for refund in (first, first, uuid7()):
        tell_refunded(session, OrderRefunded(code, refund, 1_000, at))
    assert kinds(session) == ["order_refunded"] * 2


def test_an_order_without_a_person_is_told_to_nobody(session: Session, at: datetime) -> None:
    tell_paid(session, OrderPaid("ORD-NONE", 1, at))
    assert kinds(session) == []


def test_an_order_that_ends_with_money_in_it_does_not_say_nothing_was_charged(session: Session, at: datetime) -> None:
    """Of two sellers one was paid when the hour was over: that money goes back."""
    order = make_order(session)
    order.paid_fen = 100
    session.flush()
    tell_closed(session, OrderClosed(order.code, "expired", at))
    (notice,) = session.scalars(select(Notice))
    words = words_of(notice.kind, notice.params, str)[1]
    assert "原路退回" in words
    assert "没有扣款" not in words


def guest_order(session: Session, at: datetime, phone: str = "13900000000") -> Order:
    guest = open_guest(session, phone, at=at)
    actor = find_actor(session, open_session(session, guest.id, at=at), at=at)
    assert actor is not None
    return make_order(session, None, actor)


def test_a_guests_phone_hears_nothing_of_an_order_nobody_paid(session: Session, at: datetime) -> None:
    order = guest_order(session, at)
    for reason in ("expired", "买错了"):
        tell_closed(session, OrderClosed(order.code, reason, at))
    assert kinds(session) == []
    order.paid_fen = 100
    session.flush()
    tell_closed(session, OrderClosed(order.code, "买错了", at))
    assert kinds(session) == ["order_cancelled"]


def test_a_guests_phone_hears_ten_things_a_day(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = [guest_order(session, at) for _ in range(2)]
    for number in range(12):
        tell_refunded(session, OrderRefunded(orders[number % 2].code, uuid7(), 100, at))
    assert len(kinds(session)) == 10
    tell_paid(session, OrderPaid(guest_order(session, at, "13900000001").code, 100, at))
    assert len(kinds(session)) == 11, "another phone is not held up"
    tell_shipped(session, OrderShipped(orders[0].code, at + timedelta(days=1)))
    assert len(kinds(session)) == 12, "nor the next day"
    monkeypatch.setattr(following_orders, "MOST_A_DAY", 100)
    tell_paid(session, OrderPaid(orders[1].code, 100, at))
    assert len(kinds(session)) == 13, "the guard switched off"
