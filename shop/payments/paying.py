"""Asking for money and counting what came: a payment is started, opened at its provider, read there, captured or closed.

``note_read`` is the one place where a provider's word becomes our money: it compares what the provider has captured with what the row has,
under the row's lock, so that webhooks may come twice, late, in any order or not at all.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from kernel.errors import Conflict, Invalid
from kernel.ids import new_code
from kernel.money import Money
from kernel.outbox import publish
from shop.payments.gateway import ProviderPayment, ProviderStatus, Redirect
from shop.payments.models import Payment, PaymentCaptured, PaymentDisputed, Provider
from shop.payments.queries import get_payment, takes_online
from shop.payments.refunding import import_refunds, lock_payment, note_refunded, request_refund
from shop.payments.remittance import new_remittance_code
from shop.payments.states import PaymentState

__all__ = [
    "claim_payment", "count_capture", "lock_payment", "note_opened", "note_read", "note_refunded", "note_refused",
    "pay_online_instead",
    "request_refund", "start_payment", "stop_payments",
]  # fmt: skip

# Stripe takes 30 minutes to 24 hours from the call; a page opened at the last minute of an order's hour still has to be payable.
OPEN_FOR = {Provider.STRIPE: timedelta(hours=2), Provider.BANK_TRANSFER: timedelta(days=90)}
# A payment with less time left than this is replaced rather than offered again.
LEAST_LEFT = {PaymentState.CREATED: timedelta(minutes=35), PaymentState.OPEN: timedelta(minutes=5)}
CLAIM_LASTS = timedelta(seconds=20)
FIRST_READ = timedelta(minutes=2)
WAITING = (PaymentState.CREATED, PaymentState.OPEN)


def start_payment(
    session: Session, *, order_code: str, seller_id: UUID, amount: Money, provider: Provider, at: datetime
) -> Payment:
    """The one open payment of a sub-order: the earlier one when it asks for the same, else a new one (the earlier is then given up).

    The caller has checked who may pay and how much is due. Raises Invalid when that is nothing, Conflict when the money would not
    reach the seller that way.
    """
    if amount.minor <= 0:
        raise Invalid("这张订单没有需要付的金额。")
    if provider is Provider.STRIPE and seller_id not in takes_online(session, [seller_id]):
        raise Conflict("这个销售方不收在线支付。请回到订单页，用对公转账直接付给销售方。")
    _lock_code(session, order_code)
    for earlier in _list_waiting(session, order_code):
        if _still_fits(earlier, provider, amount, at):
            return earlier
        _give_up(earlier, at)
    session.flush()
    transfer = provider is Provider.BANK_TRANSFER
    payment = Payment(
        code=new_code("PAY"), order_code=order_code, seller_id=seller_id, provider=provider, amount_fen=amount.minor,
        currency=amount.currency, state=PaymentState.OPEN if transfer else PaymentState.CREATED, captured_fen=0, refunded_fen=0,
        remittance_code=_fresh_remittance_code(session) if transfer else None, created_at=at, expires_at=at + OPEN_FOR[provider],
        read_after=at + FIRST_READ,
    )  # fmt: skip
    session.add(payment)
    session.flush()
    return payment


def pay_online_instead(session: Session, code: str, *, at: datetime) -> Payment:
    """Replace a transfer nobody has made by a payment at the provider, for what is still missing.

    Raises NotFound, Conflict when it is no open transfer, or the seller is paid by transfer only.
    """
    order_code = get_payment(session, code).order_code
    _lock_code(session, order_code)
    for earlier in _list_waiting(session, order_code):
        if earlier.code == code and earlier.provider is Provider.BANK_TRANSFER:
            missing = Money(earlier.amount_fen - earlier.captured_fen, earlier.currency)
            return start_payment(
                session, order_code=order_code, seller_id=earlier.seller_id, amount=missing, provider=Provider.STRIPE, at=at
            )
    raise Conflict("这笔付款已经完成或关闭，请回到订单页查看。")


def _lock_code(session: Session, order_code: str) -> None:
    """One starter at a time for each sub-order; a unique index stands behind it."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"payment\x1f{order_code}", 0))))


def _list_waiting(session: Session, order_code: str) -> list[Payment]:
    query = select(Payment).where(
        Payment.order_code == order_code, Payment.state.in_(WAITING), Payment.close_asked_at.is_(None)
    )  # fmt: skip
    return list(session.scalars(query.order_by(Payment.id).with_for_update().execution_options(populate_existing=True)))


def _still_fits(payment: Payment, provider: Provider, amount: Money, at: datetime) -> bool:
    same = payment.provider is provider and payment.currency == amount.currency
    missing = payment.amount_fen - payment.captured_fen
    return same and missing == amount.minor and payment.expires_at - at >= LEAST_LEFT[payment.state]


def _give_up(payment: Payment, at: datetime) -> None:
    """Nobody shall pay it any more: closed at once when no provider knows of it, else asked to be closed there."""
    unknown = payment.state is PaymentState.CREATED and (payment.claimed_until is None or payment.claimed_until <= at)
    if unknown or payment.provider is Provider.BANK_TRANSFER:
        payment.move(PaymentState.CLOSED)
    else:
        payment.close_asked_at = payment.read_after = at


def _fresh_remittance_code(session: Session) -> str:
    while True:
        code = new_remittance_code()
        if session.scalar(select(Payment.id).where(Payment.remittance_code == code)) is None:
            return code


def stop_payments(session: Session, order_code: str, *, at: datetime) -> None:
    """The sub-order needs no money any more: give up what could still be paid for it."""
    _lock_code(session, order_code)
    for payment in _list_waiting(session, order_code):
        _give_up(payment, at)


def claim_payment(session: Session, payment_id: UUID, *, locale: str, at: datetime) -> Payment | None:
    """Take the right to open a payment at its provider, by compare-and-set; None when it is open, given up or being opened.

    The first claim fixes ``locale``, so that a second try says the very same thing under the same key.
    """
    taken = session.scalar(
        update(Payment)
        .where(
            Payment.id == payment_id, Payment.state == PaymentState.CREATED, Payment.provider == Provider.STRIPE,
            Payment.close_asked_at.is_(None), or_(Payment.claimed_until.is_(None), Payment.claimed_until <= at),
        )
        .values(claimed_until=at + CLAIM_LASTS, locale=func.coalesce(Payment.locale, locale))
        .returning(Payment.id)
    )  # fmt: skip
    return session.get_one(Payment, taken, populate_existing=True) if taken else None


def note_opened(session: Session, payment_id: UUID, redirect: Redirect, *, at: datetime) -> Payment:
    """The provider has opened a page for it."""
    payment = lock_payment(session, payment_id)
    payment.provider_reference, payment.pay_url, payment.claimed_until, payment.last_error = (
        redirect.reference,
        redirect.url,
        None,
        None,
    )
    if payment.state is PaymentState.CREATED:
        payment.move(PaymentState.OPEN)
        payment.read_after = at if payment.close_asked_at else at + FIRST_READ
    return payment


def note_refused(session: Session, payment_id: UUID, error: str, *, final: bool) -> None:
    """Opening failed. ``final``: the provider will never take this request, so the next try needs a new payment."""
    payment = lock_payment(session, payment_id)
    payment.claimed_until, payment.last_error = None, error[:200]
    if final and payment.state is PaymentState.CREATED:
        payment.move(PaymentState.CLOSED)


def note_read(session: Session, payment_id: UUID, truth: ProviderPayment, *, at: datetime) -> Payment:
    """Make the row agree with what the provider had at ``at`` (when the reading began). The one place that captures.

    Any number of readings, in any order, count each fen once. Raises Conflict when the truth is about another payment.
    """
    payment = lock_payment(session, payment_id)
    if truth.order_code != payment.order_code or payment.provider_reference not in (None, truth.reference):
        raise Conflict("支付渠道的答复与这笔付款对不上，已记录，请联系客服。")
    payment.provider_reference = truth.reference
    newly = newly_captured(payment, truth)
    if newly > 0:
        count_capture(session, payment, newly, method=truth.method, at=truth.paid_at or at)
    elif truth.status is ProviderStatus.expired and payment.state in WAITING:
        payment.move(PaymentState.CLOSED)
    elif payment.state is PaymentState.CREATED:
        payment.move(PaymentState.OPEN)
    session.flush()
    import_refunds(session, payment, truth, at=at)
    if payment.last_read_at is None or payment.last_read_at <= at:
        if truth.disputed_fen > payment.disputed_fen:
            publish(session, PaymentDisputed(payment.code, payment.order_code, truth.disputed_fen, at), at=at)
        payment.last_read_at, payment.disputed_fen = at, truth.disputed_fen
    return payment


def newly_captured(payment: Payment, truth: ProviderPayment) -> int:
    """What the provider has captured and the row has not counted yet."""
    return truth.captured_fen - payment.captured_fen


def unchanged(payment: Payment) -> ColumnElement[bool]:
    """Condition of the update: nobody has counted anything since the row was read."""
    return Payment.captured_fen == payment.captured_fen


def count_capture(session: Session, payment: Payment, amount_fen: int, *, method: str | None, at: datetime) -> None:
    """Count money on a locked payment and tell whose order it is for. Called by ``note_read`` and by the statement import only.

    Raises Conflict when the row is not as it was read: should the lock ever be forgotten, nothing is counted twice.
    """
    session.flush()
    counted = session.scalar(
        update(Payment)
        .where(Payment.id == payment.id, unchanged(payment))
        .values(captured_fen=Payment.captured_fen + amount_fen)
        .returning(Payment.captured_fen)
        .execution_options(synchronize_session=False)
    )
    if counted is None:
        raise Conflict("这笔付款正在入账，请稍候再试。")
    session.refresh(payment, ["captured_fen"])
    if payment.captured_fen >= payment.amount_fen and payment.state is not PaymentState.CAPTURED:
        payment.move(PaymentState.CAPTURED)
    payment.method = method or payment.method
    payment.captured_at = payment.captured_at or at
    publish(session, PaymentCaptured(payment.id, payment.order_code, amount_fen, at), at=at)
