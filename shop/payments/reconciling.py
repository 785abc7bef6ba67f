"""Finding what webhooks missed: the inbox of notices, which payments to read again, and the runs that ask the provider.

Only rows here; ``cashier.py`` does the talking between a claim and its record.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import or_, select, union, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.payments.gateway import NoticeKind, ProviderPayment, WebhookNotice
from shop.payments.models import Notice, Payment, Provider, Reconciliation, Refund
from shop.payments.paying import WAITING
from shop.payments.states import PaymentState, RefundState

# Notices may show up at the provider a little late, and clocks differ.
OVERLAP = timedelta(minutes=10)
# Stripe keeps its events for thirty days.
LONGEST = timedelta(days=29)
PACE_LEAST, PACE_MOST = timedelta(minutes=1), timedelta(hours=1)


def take_notice(session: Session, notice: WebhookNotice, *, missed: bool, at: datetime) -> bool:
    """Put a notice into the inbox; False when it was handled before. Its event id is the key, so it is there once."""
    session.execute(
        insert(Notice)
        .values(
            event_id=notice.event_id, provider=Provider.STRIPE, kind=notice.kind.value, reference=notice.reference,
            happened_at=notice.at, received_at=at, missed=missed,
        )
        .on_conflict_do_nothing(index_elements=["event_id"])
    )  # fmt: skip
    return session.scalar(select(Notice.handled_at).where(Notice.event_id == notice.event_id)) is None


def finish_notice(session: Session, event_id: str, *, error: str | None = None, at: datetime) -> None:
    """The notice led to a reading that is recorded in this transaction, or can lead to none (``error`` says why)."""
    session.execute(
        update(Notice).where(Notice.event_id == event_id, Notice.handled_at.is_(None)).values(handled_at=at, last_error=error)
    )


def list_unhandled(session: Session, *, before: datetime, limit: int = 100) -> list[WebhookNotice]:
    """Notices whose handling broke off, oldest first."""
    rows = session.scalars(
        select(Notice).where(Notice.handled_at.is_(None), Notice.received_at <= before).order_by(Notice.received_at).limit(limit)
    )
    return [WebhookNotice(row.event_id, NoticeKind(row.kind), row.reference, row.happened_at) for row in rows]


def list_unknown(session: Session, event_ids: Iterable[str]) -> set[str]:
    """Those that never reached the inbox."""
    wanted = set(event_ids)
    return wanted - set(session.scalars(select(Notice.event_id).where(Notice.event_id.in_(wanted))))


def find_payment_of(session: Session, truth: ProviderPayment) -> UUID | None:
    """The payment a provider's answer is about.

    By its reference, else the one of the same sub-order and amount whose opening we never got the answer to.
    """
    known = session.scalar(
        select(Payment.id).where(Payment.provider == Provider.STRIPE, Payment.provider_reference == truth.reference)
    )
    if known is not None:
        return known
    lost = select(Payment.id).where(
        Payment.provider == Provider.STRIPE, Payment.provider_reference.is_(None), Payment.order_code == truth.order_code,
        Payment.amount_fen == truth.amount_fen, Payment.state.in_((*WAITING, PaymentState.CLOSED)),
    )  # fmt: skip
    return session.scalar(lost.order_by(Payment.id.desc()).limit(1))


def list_due_readings(session: Session, *, at: datetime, limit: int = 50) -> list[UUID]:
    """Payments that may have changed at the provider without our knowing: open ones, and those with a refund under way."""
    # Both halves stand on small partial indexes: the payments of years are not looked through every twenty seconds.
    unsettled = union(
        select(Payment.id).where(Payment.state == PaymentState.OPEN),
        select(Refund.payment_id).where(Refund.state == RefundState.SENT, Refund.provider_reference.is_not(None)),
    )
    return list(
        session.scalars(
            select(Payment.id)
            .where(
                Payment.id.in_(unsettled), Payment.provider == Provider.STRIPE, Payment.provider_reference.is_not(None),
                Payment.read_after <= at,
            )
            .order_by(Payment.read_after)
            .limit(limit)
        )
    )  # fmt: skip


def claim_reading(session: Session, payment_id: UUID, *, at: datetime) -> tuple[str, bool] | None:
    """Take the next reading of a payment by compare-and-set: its reference, and whether it is to be closed first.

    None when another worker has it. The older the payment, the longer until the next reading.
    """
    payment = session.scalar(
        select(Payment).where(Payment.id == payment_id, Payment.read_after <= at).with_for_update(skip_locked=True)
    )
    if payment is None or payment.provider_reference is None:
        return None
    payment.read_after = at + min(max((at - payment.created_at) / 4, PACE_LEAST), PACE_MOST)
    return payment.provider_reference, payment.close_asked_at is not None and payment.state is PaymentState.OPEN


def close_forgotten(session: Session, *, at: datetime, limit: int = 200) -> int:
    """Close payments past their time that no provider can tell us about: never opened, or transfers nobody made; returns how many."""
    due = session.scalars(
        select(Payment)
        .where(
            Payment.state.in_(WAITING), Payment.provider_reference.is_(None), Payment.expires_at <= at,
            or_(Payment.claimed_until.is_(None), Payment.claimed_until <= at),
        )
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()  # fmt: skip
    for payment in due:
        payment.move(PaymentState.CLOSED)
    return len(due)


def start_run(session: Session, *, at: datetime) -> tuple[UUID, datetime]:
    """Begin a run: its id, and since when to ask."""
    last = session.scalar(
        select(Reconciliation.started_at)
        .where(Reconciliation.finished_at.is_not(None))
        .order_by(Reconciliation.finished_at.desc())
        .limit(1)
    )
    since = max(last - OVERLAP if last else at - LONGEST, at - LONGEST)
    run = Reconciliation(since=since, started_at=at)
    session.add(run)
    session.flush()
    return run.id, since


def finish_run(session: Session, run_id: UUID, *, seen: int, missed: int, at: datetime) -> None:
    """The run has handled everything it saw."""
    run = session.get_one(Reconciliation, run_id)
    run.finished_at, run.seen, run.missed = at, seen, missed
