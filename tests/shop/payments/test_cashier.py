"""Talking to the provider: what is opened, lost, found again, closed and given back, with the local payment server as the other side."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from kernel import clock, outbox
from kernel.errors import Unavailable
from kernel.money import Money
from shop.payments import paying, reconciling, tasks
from shop.payments.cashier import Cashier
from shop.payments.gateway import BadSignature, ProviderPayment, ProviderRefused, ProviderUnavailable, WebhookNotice
from shop.payments.models import Notice, Payment, PaymentCaptured, PaymentRefunded, Reconciliation, Refund
from shop.payments.paying import request_refund, stop_payments
from shop.payments.queries import find_last_run, list_strange_notices
from shop.payments.refunding import list_due_refunds
from shop.payments.states import PaymentState, RefundState
from tests.factories.payments import make_payment
from tests.factories.twin import Received, TwinProcess, checkout, until


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Money news leaves one outbox row each, for the tests to count."""
    monkeypatch.setattr(outbox, "_reactions", {event.__name__: ["tests:count"] for event in (PaymentCaptured, PaymentRefunded)})


def told(session: Session) -> list[tuple[str, int]]:
    session.expire_all()
    rows = session.scalars(select(outbox.OutboxRow).order_by(outbox.OutboxRow.id))
    return [(row.event, row.body["amount_fen"]) for row in rows]


def opened(session: Session, cashier: Cashier, amount: int = 10_000, **over: Any) -> Payment:
    payment = make_payment(session, amount, at=clock.now(), **over)
    session.flush()
    url = cashier.open_page(payment.id, locale="zh")
    session.expire_all()
    assert payment.pay_url == url
    return payment


def pay(twin: TwinProcess, payment: Payment, **how: Any) -> None:
    twin.control(f"sessions/{payment.provider_reference}/pay", how)


def delivered(twin: TwinProcess, payment: Payment, kind: str = "checkout.session.completed") -> Received:
    """The webhook the payment server sent about a payment."""
    reference = (payment.provider_reference or "").encode()
    return until(lambda: next((r for r in list(twin.inbox.received) if kind.encode() in r.body and reference in r.body), None))


def notice_of(cashier: Cashier, received: Received) -> WebhookNotice:
    return cashier.gateway.parse_webhook(received.body, received.signature)


# ---------------------------------------------------------------- opening


def test_opening_twice_is_one_page(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    assert payment.state is PaymentState.OPEN
    assert cashier.open_page(payment.id, locale="en") == payment.pay_url


def test_the_provider_learns_amount_and_code_only(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    there = twin.client.v1.checkout.sessions.retrieve(payment.provider_reference or "")
    assert (there.amount_total, there.client_reference_id, there.customer_email) == (10_000, payment.order_code, None)
    assert f"/pay/{payment.code}/return?t=" in str(there.success_url)


def test_a_lost_answer_opens_the_same_page_again(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = make_payment(session, at=clock.now())
    session.flush()
    twin.control("fault", {"mode": "lost", "times": 2, "path": "/v1/checkout"})
    with pytest.raises(Unavailable):
        cashier.open_page(payment.id, locale="zh")
    session.expire_all()
    assert (payment.state, payment.provider_reference, payment.claimed_until) == (PaymentState.CREATED, None, None)
    assert cashier.open_page(payment.id, locale="en")
    sessions = twin.client.v1.checkout.sessions.list({"limit": 100}).data
    assert [s.client_reference_id for s in sessions].count(payment.order_code) == 1


def test_a_page_paid_though_we_never_learnt_its_address(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = make_payment(session, at=clock.now())
    session.flush()
    twin.control("fault", {"mode": "lost", "times": 2, "path": "/v1/checkout"})
    with pytest.raises(Unavailable):
        cashier.open_page(payment.id, locale="zh")
    (there,) = [
        s for s in twin.client.v1.checkout.sessions.list({"limit": 100}).data if s.client_reference_id == payment.order_code
    ]
    twin.control(f"sessions/{there.id}/pay", {})
    assert cashier.catch_up() > 0
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]
    assert payment.provider_reference == there.id


@pytest.mark.parametrize("mode", ["down", "error", "garbage"])
def test_a_provider_in_trouble_charges_nothing(session: Session, cashier: Cashier, twin: TwinProcess, mode: str) -> None:
    payment = make_payment(session, at=clock.now())
    session.flush()
    twin.control("fault", {"mode": mode, "path": "/v1/"})
    with pytest.raises(ProviderUnavailable):
        cashier.open_page(payment.id, locale="zh")
    twin.control("fault", {"mode": None})
    assert cashier.open_page(payment.id, locale="zh")
    assert told(session) == []


def test_a_slow_provider_is_left_after_ten_seconds(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = make_payment(session, at=clock.now())
    session.flush()
    twin.control("fault", {"mode": "slow", "seconds": 30, "path": "/v1/"})
    began = time.monotonic()
    with pytest.raises(ProviderUnavailable):
        cashier.open_page(payment.id, locale="zh")
    assert time.monotonic() - began < 12


def test_what_the_provider_will_never_take_needs_a_new_payment(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = make_payment(session, at=clock.now() - timedelta(minutes=100))  # too near its end for the provider
    session.flush()
    with pytest.raises(ProviderRefused):
        cashier.open_page(payment.id, locale="zh")
    session.expire_all()
    assert (payment.state, bool(payment.last_error)) == (PaymentState.CLOSED, True)


# ---------------------------------------------------------------- notices


def test_a_signed_notice_captures_and_a_replay_does_nothing(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    pay(twin, payment)
    notice = notice_of(cashier, delivered(twin, payment))
    assert cashier.heed(notice)
    assert not cashier.heed(notice)
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]
    row = session.get_one(Notice, notice.event_id)
    assert row.handled_at is not None
    assert not row.missed


def test_reading_twice_without_the_inbox_still_captures_once(
    session: Session, cashier: Cashier, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The unique event id saves the second reading; were it gone, comparing with the row would still save the money."""
    payment = opened(session, cashier)
    pay(twin, payment)
    notice = notice_of(cashier, delivered(twin, payment))
    reads: list[str] = []
    plain = cashier.gateway.read
    monkeypatch.setattr(cashier.gateway, "read", lambda reference: reads.append(reference) or plain(reference))
    cashier.heed(notice)
    cashier.heed(notice)
    assert len(reads) == 1
    monkeypatch.setattr(reconciling, "take_notice", lambda *_, **__: True)
    cashier.heed(notice)
    assert len(reads) == 2
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]


def test_without_event_id_and_comparison_the_effect_doubles(
    session: Session, cashier: Cashier, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = opened(session, cashier)
    pay(twin, payment)
    notice = notice_of(cashier, delivered(twin, payment))

    def credulous(_payment: Payment, truth: ProviderPayment) -> int:
        return truth.captured_fen

    monkeypatch.setattr(paying, "newly_captured", credulous)
    cashier.heed(notice)
    cashier.heed(notice)
    assert told(session) == [(PaymentCaptured.__name__, 10_000)], "the unique event id alone holds"
    session.execute(text("ALTER TABLE payments_notice DROP CONSTRAINT pk_payments_notice"))
    monkeypatch.setattr(reconciling, "take_notice", lambda *_, **__: True)
    cashier.heed(notice)
    assert told(session) == [(PaymentCaptured.__name__, 10_000)] * 2


def test_forged_notices(cashier: Cashier, twin: TwinProcess, session: Session) -> None:
    payment = opened(session, cashier)
    pay(twin, payment)
    real = delivered(twin, payment)
    stamp, _, signature = real.signature.partition(",")
    for body, signed in (
        (real.body, ""), (real.body, None), (real.body + b" ", real.signature), (real.body.replace(b"10000", b"99999"), real.signature),
        (real.body, f"{stamp},v1={'0' * 64}"), (real.body, f"t={int(stamp[2:]) - 301},{signature}"), (b"", real.signature),
    ):  # fmt: skip
        with pytest.raises(BadSignature):
            cashier.gateway.parse_webhook(body, signed)


def test_late_shuffled_and_double_notices(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    """All there is about one payment, newest first, each twice."""
    payment = opened(session, cashier)
    pay(twin, payment)
    twin.control("refund", {"of": payment.provider_reference, "amount": 2_500})
    until(lambda: [r for r in twin.inbox.received if b"charge.refunded" in r.body])
    notices = [notice for notice in cashier.gateway.list_notices(clock.now() - timedelta(minutes=5)) if notice.reference]
    for notice in [*reversed(notices), *notices]:
        cashier.heed(notice)
    news = told(session)
    assert sorted(set(news)) == sorted(news)
    assert (PaymentCaptured.__name__, 10_000) in news
    assert (PaymentRefunded.__name__, 2_500) in news
    assert (payment.captured_fen, payment.refunded_fen) == (10_000, 2_500)


def test_a_notice_we_cannot_follow_now_is_kept_and_found_later(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    pay(twin, payment)
    notice = notice_of(cashier, delivered(twin, payment))
    twin.control("fault", {"mode": "error", "path": "/v1/checkout"})
    with pytest.raises(ProviderUnavailable):
        cashier.heed(notice)
    assert session.get_one(Notice, notice.event_id).handled_at is None
    assert told(session) == []
    twin.control("fault", {"mode": None})
    session.execute(text("UPDATE payments_notice SET received_at = received_at - interval '1 minute'"))
    session.flush()
    cashier.catch_up()
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]


def test_money_of_a_payment_we_do_not_have_is_shown(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    there = checkout(twin)
    twin.control(f"sessions/{there.id}/pay", {})
    cashier.catch_up()
    assert any(there.id in (row.reference or "") for row in list_strange_notices(session))
    assert told(session) == []


def test_what_webhooks_missed_is_found(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    twin.control("webhooks", {"drop": True})
    pay(twin, payment)
    session.flush()
    assert cashier.catch_up() > 0
    assert cashier.catch_up() == 0
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]
    assert session.scalars(select(Notice.missed).where(Notice.reference == payment.provider_reference)).all() == [True]
    run = find_last_run(session)
    assert run is not None
    assert run.missed == 0


def test_a_notice_nobody_can_place_does_not_stop_the_others(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    strange, payment = opened(session, cashier), opened(session, cashier)
    twin.control("webhooks", {"drop": True})
    pay(twin, strange)
    pay(twin, payment)
    strange.order_code = "ORD-OTHER-1"
    session.flush()
    cashier.catch_up()
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]
    assert find_last_run(session) is not None, "the next run need not ask for all of this again"


def test_a_run_broken_off_is_begun_again_from_the_same_moment(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    twin.control("webhooks", {"drop": True})
    pay(twin, payment)
    twin.control("fault", {"mode": "error", "path": "/v1/events"})
    with pytest.raises(ProviderUnavailable):
        cashier.catch_up()
    twin.control("fault", {"mode": None})
    assert cashier.catch_up() > 0
    whole = session.scalars(select(Reconciliation.finished_at)).all()
    assert [at is None for at in whole] == [True, False]


# ---------------------------------------------------------------- reading and closing


def test_the_clock_reads_what_is_open(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    twin.control("webhooks", {"drop": True})
    pay(twin, payment, method="alipay")
    tasks.use_cashier(cashier)
    tasks.read_unsettled()
    assert told(session) == [], "not yet: its first reading is due after two minutes"
    payment.read_after = clock.now()
    session.flush()
    tasks.read_unsettled()
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]
    assert payment.method == "alipay"


def test_a_stopped_payment_is_closed_at_the_provider(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    stop_payments(session, payment.order_code, at=clock.now())
    session.flush()
    tasks.use_cashier(cashier)
    tasks.read_unsettled()
    session.expire_all()
    assert payment.state is PaymentState.CLOSED
    with pytest.raises(AssertionError):
        pay(twin, payment)


def test_the_buyer_was_faster_than_the_closing(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    twin.control("webhooks", {"drop": True})
    pay(twin, payment)
    stop_payments(session, payment.order_code, at=clock.now())
    session.flush()
    tasks.use_cashier(cashier)
    tasks.read_unsettled()
    assert told(session) == [(PaymentCaptured.__name__, 10_000)]


def test_disputes_are_noted(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = opened(session, cashier)
    pay(twin, payment)
    cashier.look(payment.id)
    dispute = twin.control("dispute", {"of": payment.provider_reference, "amount": 10_000})
    cashier.catch_up()
    session.expire_all()
    assert payment.disputed_fen == 10_000
    twin.control(f"disputes/{dispute['id']}/decide", {"status": "won"})
    cashier.catch_up()
    session.expire_all()
    assert payment.disputed_fen == 0


# ---------------------------------------------------------------- refunds


def paid(session: Session, cashier: Cashier, twin: TwinProcess, **how: Any) -> Payment:
    payment = opened(session, cashier)
    pay(twin, payment, **how)
    cashier.look(payment.id)
    session.expire_all()
    return payment


def ask(session: Session, payment: Payment, amount: int) -> Refund:
    refund = request_refund(session, "tester", payment.id, Money(amount), "坏果", f"{payment.code}-{amount}", clock.now())
    session.flush()
    return refund


def refunded_there(twin: TwinProcess, payment: Payment) -> int:
    """What the provider has given back of a payment."""
    there = twin.client.v1.checkout.sessions.retrieve(
        payment.provider_reference or "", {"expand": ["payment_intent.latest_charge"]}
    )
    return int(there.payment_intent.latest_charge.amount_refunded)  # type: ignore[union-attr]


def test_refunds_are_sent_by_the_clock(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = paid(session, cashier, twin)
    refund = ask(session, payment, 2_500)
    tasks.use_cashier(cashier)
    tasks.send_refunds()
    tasks.send_refunds()
    session.expire_all()
    assert (refund.state, refunded_there(twin, payment)) == (RefundState.DONE, 2_500)
    assert told(session)[1:] == [(PaymentRefunded.__name__, 2_500)]


def test_a_refund_whose_answer_got_lost_is_made_once(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = paid(session, cashier, twin)
    refund = ask(session, payment, 2_500)
    twin.control("fault", {"mode": "lost", "times": 2, "path": "/v1/refunds"})
    with pytest.raises(ProviderUnavailable):
        cashier.send_refund(refund.id)
    session.expire_all()
    assert (refund.state, refund.last_error) == (RefundState.SENT, "no_answer")
    assert list_due_refunds(session, at=clock.now()) == []
    refund.not_before = clock.now()
    session.flush()
    cashier.send_refund(refund.id)
    session.expire_all()
    assert (refund.state, refunded_there(twin, payment)) == (RefundState.DONE, 2_500)


@pytest.mark.parametrize("mode", ["down", "error", "garbage"])
def test_a_refund_survives_a_provider_in_trouble(session: Session, cashier: Cashier, twin: TwinProcess, mode: str) -> None:
    payment = paid(session, cashier, twin)
    refund = ask(session, payment, 10_000)
    twin.control("fault", {"mode": mode, "path": "/v1/refunds"})
    tasks.use_cashier(cashier)
    tasks.send_refunds()
    twin.control("fault", {"mode": None})
    session.expire_all()
    assert refund.state is RefundState.SENT
    refund.not_before = clock.now()
    session.flush()
    cashier.send_refund(refund.id)
    session.expire_all()
    assert (refund.state, refunded_there(twin, payment)) == (RefundState.DONE, 10_000)


def test_a_hand_at_the_provider_was_faster(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = paid(session, cashier, twin)
    refund = ask(session, payment, 10_000)
    twin.control("refund", {"of": payment.provider_reference, "amount": 10_000})
    cashier.send_refund(refund.id)
    session.expire_all()
    assert (refund.state, payment.refunded_fen, refunded_there(twin, payment)) == (RefundState.FAILED, 10_000, 10_000)
    assert told(session)[1:] == [(PaymentRefunded.__name__, 10_000)]


def test_a_pending_refund_is_followed(session: Session, cashier: Cashier, twin: TwinProcess) -> None:
    payment = paid(session, cashier, twin, method="alipay")
    twin.control("settings", {"hold_refunds": True})
    refund = ask(session, payment, 2_500)
    cashier.send_refund(refund.id)
    session.expire_all()
    assert refund.state is RefundState.SENT
    twin.control(f"refunds/{refund.provider_reference}/settle", {"succeeded": False})
    cashier.catch_up()
    session.expire_all()
    assert (refund.state, payment.refunded_fen) == (RefundState.FAILED, 0)


def test_a_silent_provider_is_asked_once_a_round(
    session: Session, cashier: Cashier, twin: TwinProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten refunds and a provider that takes ten seconds to say nothing must not keep a worker busy for minutes."""
    payment = paid(session, cashier, twin)
    asked: list[UUID] = []

    def silent(refund_id: UUID) -> None:
        asked.append(refund_id)
        raise ProviderUnavailable()

    monkeypatch.setattr(cashier, "send_refund", silent)
    for amount in range(1, 11):
        ask(session, payment, amount)
    tasks.use_cashier(cashier)
    tasks.send_refunds()
    assert len(asked) == 1
