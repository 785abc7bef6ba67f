"""Refunds never exceed what was captured: under the lock, without it, and whoever makes them."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel import outbox
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.money import Money
from shop.payments import refunding
from shop.payments.gateway import RefundStatus
from shop.payments.models import Payment, PaymentRefunded, Provider, Refund
from shop.payments.paying import note_read, request_refund
from shop.payments.refunding import (
    claim_refund,
    list_due_refunds,
    note_paid_back,
    note_refunded,
    note_refused,
    send_again,
)
from shop.payments.states import RefundState
from tests.factories.catalog import AT, make_actor
from tests.factories.payments import make_captured, make_payment, refund_there, together, truth_of

LATER = AT + timedelta(minutes=3)


@pytest.fixture(autouse=True)
def one_reaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refunds done leave one outbox row each, for the tests to count."""
    monkeypatch.setattr(outbox, "_reactions", {PaymentRefunded.__name__: ["tests:count"]})


def told(session: Session) -> list[tuple[int, bool]]:
    session.flush()
    rows = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == PaymentRefunded.__name__)).all()
    return [(row.body["amount_fen"], row.body["unused"]) for row in rows]


def ask(session: Session, payment: Payment, amount: int, key: str = "case-1", *, unused: bool = False) -> Refund:
    return request_refund(session, "tester", payment.id, Money(amount), "坏果", key, AT, unused=unused)


def test_the_cap_is_cumulative(session: Session) -> None:
    payment = make_captured(session)
    ask(session, payment, 6_000, "a")
    with pytest.raises(Conflict) as refused:
        ask(session, payment, 4_001, "b")
    assert "¥40.00" in str(refused.value)
    ask(session, payment, 4_000, "c")
    assert (payment.refunded_fen, payment.refundable_fen) == (10_000, 0)


def test_the_same_key_asks_once(session: Session) -> None:
    payment = make_captured(session)
    first = ask(session, payment, 6_000)
    assert ask(session, payment, 6_000).id == first.id
    assert payment.refunded_fen == 6_000
    with pytest.raises(Conflict):
        ask(session, payment, 5_000)


@pytest.mark.parametrize("amount", [Money(0), Money(-1), Money(100, "USD")])
def test_wrong_amounts(session: Session, amount: Money) -> None:
    payment = make_captured(session)
    with pytest.raises(Invalid):
        request_refund(session, "tester", payment.id, amount, "", "k", AT)


def test_nothing_captured_nothing_refunded(session: Session) -> None:
    with pytest.raises(Conflict):
        ask(session, make_payment(session), 1)


def test_sending(session: Session) -> None:
    payment = make_captured(session)
    refund = ask(session, payment, 6_000, unused=True)
    assert list_due_refunds(session, at=AT) == [refund.id]
    claimed = claim_refund(session, refund.id, at=AT)
    assert claimed is not None
    assert (claimed.amount, claimed.key, claimed.again) == (Money(6_000), str(refund.id), False)
    assert claim_refund(session, refund.id, at=AT) is None
    made = refund_there(6_000)
    note_refunded(session, refund.id, made, at=LATER)
    note_refunded(session, refund.id, made, at=LATER)
    note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(made,)), at=LATER)
    assert (refund.state, refund.done_at, told(session)) == (RefundState.DONE, LATER, [(6_000, True)])
    assert list_due_refunds(session, at=LATER + timedelta(days=1)) == []


def test_one_at_a_time_for_each_payment(session: Session) -> None:
    payment = make_captured(session)
    first, second = ask(session, payment, 3_000, "a"), ask(session, payment, 3_000, "b")
    assert claim_refund(session, first.id, at=AT)
    assert claim_refund(session, second.id, at=AT) is None
    note_refunded(session, first.id, refund_there(3_000, status=RefundStatus.pending), at=AT)
    assert claim_refund(session, second.id, at=AT)


def test_a_lost_answer_is_found_by_reading(session: Session) -> None:
    payment = make_captured(session)
    refund = ask(session, payment, 6_000)
    claim_refund(session, refund.id, at=AT)
    again = claim_refund(session, refund.id, at=LATER)
    assert again is not None
    assert again.again
    made = refund_there(6_000)
    note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(made,)), at=LATER)
    assert (refund.state, refund.provider_reference) == (RefundState.DONE, made.reference)
    note_refunded(session, refund.id, made, at=LATER)
    assert told(session) == [(6_000, False)]
    assert payment.refunded_fen == 6_000


def test_a_refusal_frees_the_cap_and_waits_for_a_person(session: Session) -> None:
    payment = make_captured(session)
    refund = ask(session, payment, 6_000)
    claim_refund(session, refund.id, at=AT)
    note_refused(session, refund.id, "charge_disputed", at=AT)
    assert (refund.state, refund.last_error, payment.refunded_fen, told(session)) == (RefundState.FAILED, "charge_disputed", 0, [])
    operator = make_actor(session, Role.operator)
    with pytest.raises(Forbidden):
        send_again(session, make_actor(session), refund.id, at=LATER)
    send_again(session, operator, refund.id, at=LATER)
    with pytest.raises(Conflict):
        send_again(session, operator, refund.id, at=LATER)
    claimed = claim_refund(session, refund.id, at=LATER)
    assert claimed is not None
    assert claimed.key == f"{refund.id}-1", "the old key would bring the old refusal back"
    assert (payment.refunded_fen, claimed.again) == (6_000, False)


def test_what_bounced_later_is_told_once(session: Session) -> None:
    payment = make_captured(session)
    refund = ask(session, payment, 6_000)
    claim_refund(session, refund.id, at=AT)
    made = refund_there(6_000)
    note_refunded(session, refund.id, made, at=AT)
    bounced = refund_there(6_000, status=RefundStatus.failed, reference=made.reference)
    note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(bounced,)), at=LATER)
    note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(bounced,)), at=LATER)
    assert (refund.state, payment.refunded_fen) == (RefundState.FAILED, 0)
    send_again(session, SYSTEM, refund.id, at=LATER)
    claim_refund(session, refund.id, at=LATER)
    note_refunded(session, refund.id, refund_there(6_000), at=LATER)
    assert (refund.state, payment.refunded_fen, told(session)) == (RefundState.DONE, 6_000, [(6_000, False)])


def test_refunds_made_at_the_provider_come_in_once(session: Session) -> None:
    payment = make_captured(session)
    made = refund_there(2_500, ours=False)
    for _ in range(3):
        note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(made,)), at=LATER)
    (refund,) = session.scalars(select(Refund).where(Refund.payment_id == payment.id))
    assert (refund.asked_by, refund.state, payment.refunded_fen, told(session)) == (
        "provider",
        RefundState.DONE,
        2_500,
        [(2_500, False)],
    )
    note_read(
        session,
        payment.id,
        truth_of(payment, captured=10_000, refunds=(made, refund_there(1, ours=False, status=RefundStatus.failed))),
        at=LATER,
    )
    assert payment.refunded_fen == 2_500


def test_what_no_longer_fits_beside_the_provider_is_given_up(session: Session) -> None:
    payment = make_captured(session)
    older, newer = ask(session, payment, 4_000, "a"), ask(session, payment, 6_000, "b")
    note_read(session, payment.id, truth_of(payment, captured=10_000, refunds=(refund_there(5_000, ours=False),)), at=LATER)
    assert (older.state, newer.state, payment.refunded_fen) == (RefundState.REQUESTED, RefundState.FAILED, 9_000)


def test_transfers_are_paid_back_by_hand(session: Session) -> None:
    payment = make_payment(session, provider=Provider.BANK_TRANSFER)
    from shop.payments.paying import count_capture

    count_capture(session, payment, 12_000, method="bank_transfer", at=AT)
    refund = ask(session, payment, 2_000)
    assert list_due_refunds(session, at=LATER) == []
    assert claim_refund(session, refund.id, at=LATER) is None
    with pytest.raises(Forbidden):
        note_paid_back(session, make_actor(session, Role.finance), refund.id, "2026112200001", at=LATER)
    with pytest.raises(Invalid):
        note_paid_back(session, SYSTEM, refund.id, " ", at=LATER)
    for _ in range(2):
        note_paid_back(session, SYSTEM, refund.id, "2026112200001", at=LATER)
    assert (refund.state, told(session)) == (RefundState.DONE, [(2_000, False)])
    with pytest.raises(Conflict):
        note_paid_back(session, SYSTEM, refund.id, "2026112200002", at=LATER)
    second = ask(session, payment, 1_000, "case-2")
    with pytest.raises(Conflict):
        note_paid_back(session, SYSTEM, second.id, "2026112200001", at=LATER)
    with pytest.raises(Conflict):
        note_paid_back(session, SYSTEM, ask(session, make_captured(session), 1, "card").id, "2026112200003", at=LATER)


# ---------------------------------------------------------------- under fire

CHECK = "ALTER TABLE payments_payment DROP CONSTRAINT ck_payments_payment_refund_within_captured"


def committed() -> UUID:
    with work() as session:
        return make_captured(session).id


def ask_in_work(payment_id: UUID, number: int, amount: int) -> str:
    with work() as session:
        request_refund(session, "tester", payment_id, Money(amount), "", f"key-{number}", AT)
    return "asked"


def totals() -> tuple[int, int]:
    """What the payment counts as given back, and what its refunds add up to."""
    with work() as session:
        return session.scalars(select(Payment.refunded_fen)).one(), sum(session.scalars(select(Refund.amount_fen)))


def test_thirty_refunds_at_once_stay_within_the_captured(database: str) -> None:
    payment_id = committed()
    assert together(30, lambda number: ask_in_work(payment_id, number, 1_500)) == {"asked": 6, "Conflict": 24}
    assert totals() == (9_000, 9_000)


def test_thirty_equal_requests_are_one_refund(database: str) -> None:
    payment_id = committed()
    assert together(30, lambda _: ask_in_work(payment_id, 0, 1_500)) == {"asked": 30}
    assert totals() == (1_500, 1_500)


def forget_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2)

    def looking(session: Session, payment_id: UUID) -> Payment:
        payment = session.get_one(Payment, payment_id)
        both.wait(20)
        return payment

    monkeypatch.setattr(refunding, "lock_payment", looking)


def test_without_the_lock_the_check_refuses(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payment_id = committed()
    forget_the_lock(monkeypatch)
    assert together(2, lambda number: ask_in_work(payment_id, number, 6_000)) == {"asked": 1, "IntegrityError": 1}
    assert totals() == (6_000, 6_000)


def test_without_lock_and_check_too_much_goes_back(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payment_id = committed()
    with work() as session:
        session.execute(text(CHECK))
    forget_the_lock(monkeypatch)
    assert together(2, lambda number: ask_in_work(payment_id, number, 6_000)) == {"asked": 2}
    assert totals() == (12_000, 12_000)


def test_the_lock_alone_holds(database: str) -> None:
    payment_id = committed()
    with work() as session:
        session.execute(text(CHECK))
    assert together(20, lambda number: ask_in_work(payment_id, number, 6_000)) == {"asked": 1, "Conflict": 19}
    assert totals() == (6_000, 6_000)
