"""Giving money back: asking for a refund under the cumulative cap, sending it, and taking in what the provider says.

The payment row is locked first by every act here, so refunds of one payment happen one after the other. Besides the lock the counter is
raised in SQL and a CHECK holds it within what was captured, so that a forgotten lock cannot give back too much.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Invalid, NotFound
from kernel.money import Money
from kernel.outbox import publish
from shop.payments.gateway import ProviderPayment, ProviderRefund, RefundStatus
from shop.payments.models import Payment, PaymentRefunded, Provider, Refund, RefundFailed
from shop.payments.states import RefundState

CLAIM_LASTS = timedelta(seconds=30)
NO_ANSWER = "no_answer"


def lock_payment(session: Session, payment_id: UUID) -> Payment:
    """The payment, locked until the transaction ends. Raises NotFound."""
    payment = session.get(Payment, payment_id, with_for_update=True, populate_existing=True)
    if payment is None:
        raise NotFound("没有这笔付款。")
    return payment


def request_refund(
    session: Session,
    actor_label: str,
    payment_id: UUID,
    amount: Money,
    reason: str,
    request_key: str,
    at: datetime,
    unused: bool = False,
) -> Refund:
    """Ask for ``amount`` to go back the way it came. The same ``request_key`` again returns the first refund.

    ``unused``: no order had counted this money. Raises Invalid for an amount of nothing, Conflict beyond what is left to give back.
    """
    payment = lock_payment(session, payment_id)
    earlier = session.scalar(select(Refund).where(Refund.request_key == request_key))
    if earlier is not None:
        if (earlier.payment_id, earlier.amount_fen) != (payment_id, amount.minor):
            raise Conflict("这个退款申请已用别的金额提交过，请刷新后查看。")
        return earlier
    if amount.minor <= 0 or amount.currency != payment.currency:
        raise Invalid("退款金额要大于 0。", field="amount")
    _reserve(session, payment, amount.minor)
    refund = Refund(
        payment_id=payment_id, amount_fen=amount.minor, reason=reason[:500], request_key=request_key, unused=unused,
        state=RefundState.REQUESTED, asked_by=actor_label, created_at=at, not_before=at, attempt=0, tries=0,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    return refund


def _reserve(session: Session, payment: Payment, amount_fen: int) -> None:
    if amount_fen > payment.refundable_fen:
        raise Conflict("最多还能退 %(left)s，请减少退款金额。", params={"left": Money(payment.refundable_fen)}, field="amount")
    _count(session, payment, amount_fen)


def _count(session: Session, payment: Payment, amount_fen: int) -> None:
    """Raise (or lower) the counter by SQL arithmetic, never by a value read before."""
    payment.refunded_fen = Payment.refunded_fen + amount_fen
    session.flush()
    session.refresh(payment, ["refunded_fen"])


def list_due_refunds(session: Session, *, at: datetime, limit: int = 50) -> list[UUID]:
    """Refunds to send now, also those whose sender got no answer or died."""
    return list(
        session.scalars(
            select(Refund.id).join(Payment).where(_unsent(at), Payment.provider == Provider.STRIPE)
            .order_by(Refund.not_before).limit(limit)
        )
    )  # fmt: skip


def _unsent(at: datetime) -> ColumnElement[bool]:
    waiting = or_(Refund.state == RefundState.REQUESTED, _in_flight())
    return waiting & (Refund.not_before <= at)


def _in_flight() -> ColumnElement[bool]:
    """Sent, and no word yet of what the provider made of it."""
    return (Refund.state == RefundState.SENT) & Refund.provider_reference.is_(None)


@dataclass(frozen=True)
class ClaimedRefund:
    """What to say to the provider. ``again``: it may have been said before, so look there first."""

    refund_id: UUID
    payment_id: UUID
    reference: str
    amount: Money
    key: str
    again: bool


def claim_refund(session: Session, refund_id: UUID, *, at: datetime) -> ClaimedRefund | None:
    """Take a due refund for sending; None when it was sent, is being sent, or another of the same payment is in flight.

    One at a time for each payment: then a refund of ours that the provider knows and we do not can only be that one.
    """
    payment_id = session.scalar(select(Refund.payment_id).where(Refund.id == refund_id))
    if payment_id is None:
        return None
    payment = lock_payment(session, payment_id)
    refund = session.scalar(select(Refund).where(Refund.id == refund_id, _unsent(at)).execution_options(populate_existing=True))
    others = session.scalar(select(Refund.id).where(Refund.payment_id == payment_id, Refund.id != refund_id, _in_flight()).limit(1))
    if refund is None or others is not None or payment.provider_reference is None:
        return None
    again = refund.state is RefundState.SENT
    if not again:
        refund.move(RefundState.SENT)
    refund.tries += 1
    refund.not_before = at + min(CLAIM_LASTS * 2 ** (refund.tries - 1), timedelta(hours=1))
    return ClaimedRefund(
        refund.id, payment_id, payment.provider_reference, Money(refund.amount_fen, payment.currency), refund.provider_key, again
    )


def note_refunded(session: Session, refund_id: UUID, made: ProviderRefund, *, at: datetime) -> Refund:
    """Record the provider's answer to a refund we sent; a second record of the same answer changes nothing."""
    refund = session.get_one(Refund, refund_id)
    payment = lock_payment(session, refund.payment_id)
    session.refresh(refund)
    if session.scalar(select(Refund.id).where(Refund.provider_reference == made.reference, Refund.id != refund_id)) is None:
        _settle(session, payment, refund, made, at)
    return refund


def note_unanswered(session: Session, refund_id: UUID, error: str) -> None:
    """The provider did not answer: it stays in flight and is looked at again later."""
    session.get_one(Refund, refund_id).last_error = error[:200]


def note_refused(session: Session, refund_id: UUID, code: str, *, at: datetime) -> None:
    """The provider refused and knows of no such refund: what it had reserved is free again, and a person must look."""
    refund = session.get_one(Refund, refund_id)
    payment = lock_payment(session, refund.payment_id)
    session.refresh(refund)
    if refund.state is RefundState.SENT and refund.provider_reference is None:
        _fail(session, payment, refund, code, at)


def import_refunds(session: Session, payment: Payment, truth: ProviderPayment, *, at: datetime) -> None:
    """Take in every refund the provider has of a locked payment: ours whose answer was lost, and those made there by hand."""
    for made in truth.refunds:
        refund = session.scalar(select(Refund).where(Refund.provider_reference == made.reference))
        if refund is None and made.ours:
            refund = session.scalar(
                select(Refund).where(Refund.payment_id == payment.id, Refund.amount_fen == made.amount_fen, _in_flight())
            )
        if refund is None:
            if made.status is RefundStatus.failed:
                continue
            refund = _import(session, payment, made, at)
        _settle(session, payment, refund, made, at)


def _import(session: Session, payment: Payment, made: ProviderRefund, at: datetime) -> Refund:
    """A refund made at the provider. It is a fact: what of ours no longer fits beside it is given up, newest first."""
    rivals = select(Refund).where(Refund.payment_id == payment.id, or_(Refund.state == RefundState.REQUESTED, _in_flight()))
    for rival in session.scalars(rivals.order_by(Refund.id.desc())):
        if made.amount_fen <= payment.refundable_fen:
            break
        _fail(session, payment, rival, "refunded_at_provider", at)
    _reserve(session, payment, made.amount_fen)
    refund = Refund(
        payment_id=payment.id, amount_fen=made.amount_fen, reason="", request_key=f"provider:{made.reference}", unused=False,
        state=RefundState.SENT, asked_by="provider", created_at=made.made_at, not_before=at, attempt=0, tries=0,
    )  # fmt: skip
    session.add(refund)
    session.flush()
    return refund


def _settle(session: Session, payment: Payment, refund: Refund, made: ProviderRefund, at: datetime) -> None:
    if refund.state is RefundState.FAILED:
        return
    refund.provider_reference, refund.last_error = made.reference, None
    if made.status is RefundStatus.failed:
        _fail(session, payment, refund, "failed_at_provider", at)
    elif made.status is RefundStatus.succeeded and refund.state is not RefundState.DONE:
        _finish(session, payment, refund, at)
    elif refund.state is RefundState.REQUESTED:
        refund.move(RefundState.SENT)
    session.flush()


def _finish(session: Session, payment: Payment, refund: Refund, at: datetime) -> None:
    refund.move(RefundState.DONE)
    if refund.done_at is None:
        refund.done_at = at
        event = PaymentRefunded(refund.id, payment.id, payment.order_code, refund.amount_fen, refund.unused, at)
        publish(session, event, at=at)


def _fail(session: Session, payment: Payment, refund: Refund, code: str, at: datetime) -> None:
    refund.move(RefundState.FAILED)
    refund.last_error = code[:200]
    _count(session, payment, -refund.amount_fen)
    publish(session, RefundFailed(refund.id, payment.code, payment.order_code, refund.amount_fen, code[:200], at), at=at)


def send_again(session: Session, actor: Actor, refund_id: UUID, *, at: datetime) -> Refund:
    """The operator begins a failed refund anew, with a new key at the provider. Raises Conflict beyond the cap or unless it failed."""
    actor.must(Role.operator)
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFound("没有这笔退款。")
    payment = lock_payment(session, refund.payment_id)
    session.refresh(refund)
    before = {"state": refund.state.value, "code": refund.last_error, "refunded_fen": payment.refunded_fen}
    refund.move(RefundState.REQUESTED)
    _reserve(session, payment, refund.amount_fen)
    refund.attempt += 1
    after = {"state": refund.state.value, "attempt": refund.attempt, "refunded_fen": payment.refunded_fen}
    tell_act(session, actor, "refund.sent_again", payment.code, before, after, at=at)
    refund.tries, refund.provider_reference, refund.last_error, refund.not_before = 0, None, None, at
    return refund


def note_paid_back(session: Session, actor: Actor, refund_id: UUID, bank_reference: str, *, at: datetime) -> Refund:
    """A person has paid a refund back by bank transfer. The second call with the same reference changes nothing.

    Raises Forbidden, Invalid without the bank's number of the transfer, Conflict for money that came another way.
    """
    refund = session.get(Refund, refund_id)
    if refund is None:
        raise NotFound("没有这笔退款。")
    payment = lock_payment(session, refund.payment_id)
    session.refresh(refund)
    actor.must_any({Role.operator: None, Role.finance: payment.seller_id})
    reference = bank_reference.strip()
    if not 4 <= len(reference) <= 64:
        raise Invalid("请填写银行回单上的流水号，4 到 64 个字。", field="reference")
    if payment.provider is not Provider.BANK_TRANSFER:
        raise Conflict("这笔钱不是转账来的，会由支付渠道原路退回，不用另外转账。")
    if refund.state is RefundState.DONE and refund.provider_reference == f"bank:{reference}":
        return refund
    if session.scalar(select(Refund.id).where(Refund.provider_reference == f"bank:{reference}")):
        raise Conflict("这个流水号已经登记在另一笔退款上，请核对。", field="reference")
    if refund.state is not RefundState.REQUESTED:
        raise Conflict("这笔退款已经办过了，请刷新页面查看。")
    refund.provider_reference = f"bank:{reference}"
    before, after = {"state": refund.state.value}, {"state": "done", "amount_fen": refund.amount_fen, "reference": reference}
    tell_act(session, actor, "refund.paid_back", payment.code, before, after, at=at)
    _finish(session, payment, refund, at)
    return refund
