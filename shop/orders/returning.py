"""Money goes back: reactions to money no order can use, and to orders that ended with money in them."""

from __future__ import annotations

from sqlalchemy.orm import Session

from kernel.ids import uuid7
from kernel.money import Money
from shop.orders.cancelling import lock_order
from shop.orders.models import MoneyToReturn, OrderClosed
from shop.payments import paying
from shop.payments.queries import list_payments_of

ASKED_BY = "system"


def return_money(session: Session, event: MoneyToReturn) -> None:
    """Ask for late, double or superfluous money to be given back, as far as nobody has given it back already.

    A reaction takes effect once, so each event is a refund of its own, be it of the same amount for the same payment.
    """
    payment = paying.lock_payment(session, event.payment_id)
    amount = min(event.amount_fen, payment.refundable_fen)
    if amount > 0:
        at = event.at
        paying.request_refund(
            session, ASKED_BY, payment.id, Money(amount), event.reason, f"return:{uuid7()}", at=at, unused=True
        )  # fmt: skip


def refund_closed(session: Session, event: OrderClosed) -> None:
    """An order ended unfulfilled: nobody shall pay for it any more, and everything captured for it goes back."""
    order = lock_order(session, event.order_code)
    codes = [part.code for part in order.sub_orders]
    for code in codes:
        paying.stop_payments(session, code, at=event.at)
    for payment_id in sorted(payment.id for payment in list_payments_of(session, codes)):
        payment = paying.lock_payment(session, payment_id)
        if payment.refundable_fen > 0:
            paying.request_refund(
                session, ASKED_BY, payment.id, Money(payment.refundable_fen), event.reason, f"closed:{order.code}:{payment.id}",
                at=event.at,
            )  # fmt: skip
