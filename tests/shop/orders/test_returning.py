"""From capture to refund through the outbox: whatever order news arrives in, each fen is in one paid order or one refund."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel import clock, outbox
from kernel.db import work
from kernel.money import Money
from shop import wiring
from shop.orders import returning
from shop.orders.cancelling import cancel_order, expire_orders
from shop.orders.models import MoneyToReturn, Order, OrderClosed
from shop.orders.states import OrderState
from shop.payments.models import Payment, PaymentCaptured, PaymentRefunded, Provider, Refund
from shop.payments.paying import count_capture, lock_payment, note_read, start_payment
from shop.payments.refunding import claim_refund, list_due_refunds, note_refunded
from shop.payments.states import PaymentState
from tests.factories.catalog import AT
from tests.factories.payments import make_open, refund_there, truth_of
from tests.factories.shop import make_goods, make_order

LATE = AT + timedelta(hours=2)
OURS = (PaymentCaptured, PaymentRefunded, MoneyToReturn, OrderClosed)


@pytest.fixture(autouse=True)
def the_reactions_of_money(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what moves money reacts here, as ``wiring`` has it."""
    monkeypatch.setattr(outbox, "_reactions", type(outbox._reactions)(list))
    for event, reaction in wiring.REACTIONS:
        if event in OURS and reaction.__module__.startswith("shop.orders"):  # type: ignore[attr-defined]
            outbox.react(event, reaction)  # type: ignore[arg-type]


def open_payment(session: Session, order: Order, *, amount: int | None = None, part: int = 0) -> Payment:
    sub_order = order.sub_orders[part]
    return make_open(session, amount or sub_order.payable_fen, order_code=sub_order.code, seller_id=sub_order.seller_id)


def money_comes(session: Session, payment: Payment, amount: int | None = None) -> None:
    note_read(session, payment.id, truth_of(payment, captured=amount or payment.amount_fen), at=AT)
    session.flush()


def settle(session: Session) -> None:
    """Deliver all news, send all refunds, and deliver what that makes, until nothing is left."""
    session.flush()
    for _ in range(5):
        outbox.deliver_all()
        session.expire_all()
        for refund_id in list_due_refunds(session, at=LATE):
            claimed = claim_refund(session, refund_id, at=LATE)
            if claimed:
                note_refunded(session, refund_id, refund_there(claimed.amount.minor), at=LATE)
        session.flush()
    parked = session.scalars(select(outbox.OutboxRow.last_error).where(outbox.OutboxRow.state != outbox.Delivery.DONE)).all()
    assert parked == []


def check_every_fen(session: Session) -> None:
    """Promise 1: captured = kept by orders + given back; an order that ended keeps nothing."""
    session.expire_all()
    captured = sum(session.scalars(select(Payment.captured_fen)))
    back = sum(session.scalars(select(Refund.amount_fen)))
    orders = session.scalars(select(Order)).all()
    kept = sum(order.paid_fen - order.refunded_fen for order in orders)
    assert captured == kept + back
    for order in orders:
        if order.state in (OrderState.CANCELLED, OrderState.EXPIRED):
            assert order.paid_fen == order.refunded_fen
        if order.state is OrderState.PAID:
            assert order.paid_fen - order.refunded_fen == order.total_fen


def test_a_double_payment_gives_the_second_back(session: Session) -> None:
    order = make_order(session)
    first = open_payment(session, order)
    money_comes(session, first)
    second = open_payment(session, order)
    money_comes(session, second)
    settle(session)
    assert (order.state, order.paid_fen, order.refunded_fen) == (OrderState.PAID, order.total_fen, 0)
    (refund,) = session.scalars(select(Refund))
    assert (refund.payment_id, refund.amount_fen, refund.unused) == (second.id, order.total_fen, True)
    check_every_fen(session)


def test_two_superfluous_transfers_of_one_payment_both_go_back(session: Session) -> None:
    order = make_order(session)
    part = order.sub_orders[0]
    payment = start_payment(
        session,
        order_code=part.code,
        seller_id=part.seller_id,
        amount=Money(part.payable_fen),
        provider=Provider.BANK_TRANSFER,
        at=AT,
    )
    for _ in range(3):
        count_capture(session, lock_payment(session, payment.id), part.payable_fen, method="bank_transfer", at=AT)
    settle(session)
    assert sorted(session.scalars(select(Refund.amount_fen))) == [part.payable_fen] * 2
    check_every_fen(session)


def test_cancelling_a_paid_order_gives_it_all_back(session: Session) -> None:
    order = make_order(session)
    money_comes(session, open_payment(session, order))
    settle(session)
    cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
    settle(session)
    assert (order.state, order.refunded_fen) == (OrderState.CANCELLED, order.total_fen)
    check_every_fen(session)


def test_cancelling_stops_what_could_still_be_paid(session: Session) -> None:
    order = make_order(session)
    payment = open_payment(session, order)
    cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
    settle(session)
    assert (payment.state, payment.close_asked_at) == (PaymentState.OPEN, AT)
    money_comes(session, payment)
    settle(session)
    check_every_fen(session)
    assert sum(session.scalars(select(Refund.amount_fen))) == order.total_fen


def test_one_of_two_sellers_paid_then_the_end(session: Session) -> None:
    goods = [make_goods(session, price=price) for price in (1_000, 2_500)]
    order = make_order(session, {product.sku: 1 for product in goods})
    money_comes(session, open_payment(session, order, part=0))
    settle(session)
    expire_orders(session, at=LATE)
    late = open_payment(session, order, part=1)
    money_comes(session, late)
    settle(session)
    assert order.state is OrderState.EXPIRED
    assert sum(session.scalars(select(Refund.amount_fen))) == order.total_fen
    check_every_fen(session)


def test_news_of_the_end_after_the_money_revived_it(session: Session) -> None:
    """Order between events is not promised: the end may be heard of when late money has already brought the order back."""
    order = make_order(session)
    payment = open_payment(session, order)
    expire_orders(session, at=LATE)
    session.flush()
    end = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == "OrderClosed")).one()
    end.not_before = clock.now() + timedelta(hours=1)
    money_comes(session, payment)
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    assert order.state is OrderState.PAID
    end.not_before = clock.now()
    settle(session)
    assert session.scalars(select(Refund)).all() == []
    check_every_fen(session)


def test_without_looking_at_state_a_revived_order_would_be_refunded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    class Upside:
        CANCELLED, EXPIRED = OrderState.PAID, OrderState.PAID

    monkeypatch.setattr(returning, "OrderState", Upside)
    order = make_order(session)
    money_comes(session, open_payment(session, order))
    settle(session)
    returning.refund_closed(session, OrderClosed(order.code, "expired", AT))
    session.flush()
    with pytest.raises(AssertionError):
        check_every_fen(session)


def test_money_given_back_by_hand_is_not_given_back_again(session: Session) -> None:
    order = make_order(session)
    payment = open_payment(session, order)
    cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
    by_hand = refund_there(order.total_fen, ours=False)
    note_read(session, payment.id, truth_of(payment, captured=order.total_fen, refunds=(by_hand,)), at=AT)
    settle(session)
    assert list(session.scalars(select(Refund.asked_by))) == ["provider"]
    check_every_fen(session)


def test_the_end_leaves_alone_what_is_on_its_way_back_already(session: Session) -> None:
    """Paid twice, then cancelled before the second payment's way back was begun: each payment gives back its own."""
    order = make_order(session)
    payments = [open_payment(session, order)]
    money_comes(session, payments[0])
    payments.append(open_payment(session, order))
    money_comes(session, payments[1])
    session.flush()
    with work() as looking:
        captures = list(outbox.list_due(looking, at=clock.now()))
    for row_id in reversed(captures):  # the second one is counted, the first one superfluous
        assert outbox.deliver_one(row_id)
    session.expire_all()
    cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
    session.flush()
    end = session.scalars(select(outbox.OutboxRow.id).where(outbox.OutboxRow.event == "OrderClosed")).one()
    assert outbox.deliver_one(end)
    settle(session)
    assert [payment.refundable_fen for payment in payments] == [0, 0]
    check_every_fen(session)


@pytest.mark.parametrize("seed", range(20))
def test_random_histories_keep_every_fen(session: Session, seed: int) -> None:
    """Payments, double and partial ones, ends and news in any order."""
    dice = random.Random(seed)
    product = make_goods(session, boxes=6)
    orders = [make_order(session, {product.sku: 1}) for _ in range(4)]
    for _ in range(25):
        order = dice.choice(orders)
        what = dice.randrange(6)
        if what <= 1:
            payment = open_payment(session, order)
            if dice.random() < 0.8 and not payment.captured_fen:
                money_comes(session, payment)
        elif what == 2 and order.state in (OrderState.PLACED, OrderState.PAID):
            cancel_order(session, SYSTEM, order.code, reason="cancelled", at=AT)
        elif what == 3 and order.state is OrderState.PLACED and order.expires_at is not None:
            order.expires_at = AT
            session.flush()
            expire_orders(session, at=AT)
        elif what == 4:
            session.flush()
            with work() as looking:
                due = list(outbox.list_due(looking, at=clock.now()))
            for row_id in dice.sample(due, dice.randrange(len(due) + 1)):
                outbox.deliver_one(row_id)
            session.expire_all()
    settle(session)
    check_every_fen(session)
