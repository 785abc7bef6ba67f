"""Money meets order: every captured fen ends in the order it was paid for, or goes back."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import count
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel import outbox
from kernel.ids import uuid7
from logistics.stock.models import Allocation
from logistics.stock.reserving import allocate
from shop.orders import settling
from shop.orders.cancelling import cancel_order, expire_orders
from shop.orders.models import MoneyToReturn, Order, OrderPaid, OrderRefunded
from shop.orders.settling import settle_capture, settle_refund
from shop.orders.states import OrderState
from shop.payments.models import PaymentCaptured, PaymentRefunded, Refund
from shop.payments.states import PaymentState, RefundState
from tests.factories.catalog import AT
from tests.factories.payments import make_payment
from tests.factories.shop import make_goods, make_order

LATE = AT + timedelta(hours=2)
_lines = count(1)


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """News leaves one outbox row each, for the tests to look at."""
    events = (MoneyToReturn, OrderPaid, OrderRefunded)
    monkeypatch.setattr(outbox, "_reactions", {event.__name__: ["tests:count"] for event in events})


def told(session: Session, event: type[outbox.Event]) -> list[dict[str, object]]:
    session.flush()
    query = select(outbox.OutboxRow).where(outbox.OutboxRow.event == event.__name__).order_by(outbox.OutboxRow.id)
    return [row.body for row in session.scalars(query)]


def returned(session: Session) -> list[tuple[object, object]]:
    return [(body["amount_fen"], body["reason"]) for body in told(session, MoneyToReturn)]


def capture(session: Session, order: Order, amount: int, *, part: int = 0, at: datetime = AT) -> UUID:
    """Money of a new payment arrives; returns the payment's key."""
    sub_order = order.sub_orders[part]
    payment = make_payment(session, amount, order_code=sub_order.code, seller_id=sub_order.seller_id, at=at)
    payment.captured_fen, payment.state = amount, PaymentState.CAPTURED
    settle_capture(session, PaymentCaptured(payment.id, sub_order.code, amount, at))
    session.flush()
    return payment.id


def boxes_of(session: Session, order: Order) -> int:
    return sum(session.scalars(select(Allocation.quantity).where(Allocation.order_code == order.code)))


def everything(session: Session, order: Order) -> int:
    """What the order counts, and what it sent back."""
    return order.paid_fen + sum(int(str(amount)) for amount, _reason in returned(session))


def test_the_whole_amount(session: Session) -> None:
    order = make_order(session)
    capture(session, order, order.total_fen)
    assert (order.state, order.paid_fen, order.paid_at, order.expires_at) == (OrderState.PAID, order.total_fen, AT, None)
    assert told(session, OrderPaid) == [
        {"order_code": order.code, "amount_fen": order.total_fen, "paid_at": "2026-11-22T02:00:00Z"}
    ]


def test_in_two_parts(session: Session) -> None:
    order = make_order(session)
    capture(session, order, 1)
    assert (order.state, order.paid_fen) == (OrderState.PLACED, 1)
    capture(session, order, order.total_fen - 1)
    assert order.state is OrderState.PAID
    assert len(told(session, OrderPaid)) == 1
    assert returned(session) == []


def test_paid_twice(session: Session) -> None:
    order = make_order(session)
    capture(session, order, order.total_fen)
    capture(session, order, order.total_fen)
    assert returned(session) == [(order.total_fen, "paid_twice")]
    assert (order.paid_fen, len(told(session, OrderPaid))) == (order.total_fen, 1)


def test_too_much(session: Session) -> None:
    order = make_order(session)
    capture(session, order, order.total_fen + 5)
    assert returned(session) == [(5, "paid_twice")]
    assert order.state is OrderState.PAID


def test_two_sellers_are_paid_apart(session: Session) -> None:
    goods = [make_goods(session, price=price) for price in (1_000, 2_500)]
    order = make_order(session, {product.sku: 1 for product in goods})
    assert len(order.sub_orders) == 2
    capture(session, order, order.sub_orders[0].payable_fen, part=0)
    assert order.state is OrderState.PLACED
    capture(session, order, order.sub_orders[0].payable_fen, part=0)
    assert order.state is OrderState.PLACED, "one seller paid twice is not the other one paid"
    capture(session, order, order.sub_orders[1].payable_fen, part=1)
    assert order.state is OrderState.PAID
    assert everything(session, order) == order.total_fen + order.sub_orders[0].payable_fen


def expired(session: Session, boxes: int = 10) -> Order:
    order = make_order(session, boxes=boxes)
    assert expire_orders(session, at=LATE) == 1
    assert boxes_of(session, order) == 0
    return order


def test_late_money_takes_the_boxes_again(session: Session) -> None:
    order = expired(session)
    capture(session, order, order.total_fen, at=LATE)
    assert (order.state, boxes_of(session, order), returned(session)) == (OrderState.PAID, 2, [])


def test_late_money_goes_back_when_the_boxes_are_gone(session: Session) -> None:
    order = expired(session, boxes=2)
    allocate(session, "ORD-OTHER", [(f"L-{next(_lines)}", order.lines[0].product_id, 1)], LATE)
    capture(session, order, order.total_fen, at=LATE)
    assert (order.state, order.paid_fen, boxes_of(session, order)) == (OrderState.EXPIRED, 0, 0)
    assert returned(session) == [(order.total_fen, "too_late")]


def test_late_money_that_does_not_pay_it_all_goes_back(session: Session) -> None:
    order = expired(session)
    capture(session, order, order.total_fen - 1, at=LATE)
    capture(session, order, 1, at=LATE)
    assert (order.state, order.paid_fen, boxes_of(session, order)) == (OrderState.EXPIRED, 0, 0)
    assert everything(session, order) == order.total_fen


def test_the_rest_after_the_end_goes_back_too(session: Session) -> None:
    """What came before the end is on its way back, so the rest cannot revive the order."""
    order = make_order(session)
    capture(session, order, 100)
    expire_orders(session, at=LATE)
    capture(session, order, order.total_fen - 100, at=LATE)
    assert (order.state, boxes_of(session, order)) == (OrderState.EXPIRED, 0)
    assert returned(session) == [(order.total_fen - 100, "too_late")]


def test_without_that_rule_boxes_go_out_unpaid(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settling, "may_revive", lambda *_: True)
    order = make_order(session)
    capture(session, order, 100)
    expire_orders(session, at=LATE)
    capture(session, order, order.total_fen - 100, at=LATE)
    assert order.state is OrderState.PAID


def test_money_of_a_cancelled_order_goes_back(session: Session) -> None:
    order = make_order(session)
    cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
    capture(session, order, order.total_fen)
    assert (order.state, order.paid_fen) == (OrderState.CANCELLED, 0)
    assert returned(session) == [(order.total_fen, "cancelled")]


def refund(session: Session, order: Order, payment_id: UUID, amount: int, *, unused: bool = False) -> None:
    done = Refund(
        payment_id=payment_id, amount_fen=amount, reason="", request_key=f"test-{uuid7()}", unused=unused, state=RefundState.DONE,
        asked_by="test", created_at=AT, done_at=AT, not_before=AT,
    )  # fmt: skip
    session.add(done)
    session.flush()
    settle_refund(session, PaymentRefunded(done.id, payment_id, order.sub_orders[0].code, amount, unused, AT))


def test_refunds_are_noted_up_to_what_was_counted(session: Session) -> None:
    order = make_order(session)
    payment_id = capture(session, order, order.total_fen)
    refund(session, order, payment_id, 500, unused=True)
    assert order.refunded_fen == 0
    refund(session, order, payment_id, 500)
    refund(session, order, payment_id, order.total_fen)
    assert order.refunded_fen == order.total_fen
    assert [body["amount_fen"] for body in told(session, OrderRefunded)] == [500, order.total_fen - 500]


def test_a_double_payment_given_back_by_hand_is_no_refund_of_the_order(session: Session) -> None:
    order = make_order(session)
    capture(session, order, order.total_fen)
    double = capture(session, order, order.total_fen)
    refund(session, order, double, order.total_fen)
    assert (order.state, order.refunded_fen, told(session, OrderRefunded)) == (OrderState.PAID, 0, [])
