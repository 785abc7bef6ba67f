"""Money goes back: reactions to money no order can use, and to orders that ended with money in them."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from kernel.money import Money
from shop.orders.cancelling import lock_order
from shop.orders.models import MoneyToReturn, OrderClosed, Receipt
from shop.orders.states import OrderState
from shop.payments import paying
from shop.payments.queries import sum_counted_refunds

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
    """An order ended unfulfilled: nobody shall pay for it any more, and what it had counted as paid goes back.

    Captured money it has not counted yet is not touched here: ``settle_capture`` will see it, and either takes the boxes again or sends it
    back. An order that late money has revived by now keeps everything.
    """
    order = lock_order(session, event.order_code)
    if order.state not in (OrderState.CANCELLED, OrderState.EXPIRED):
        return
    for part in order.sub_orders:
        paying.stop_payments(session, part.code, at=event.at)
        for receipt in session.scalars(select(Receipt).where(Receipt.sub_order_id == part.id).order_by(Receipt.payment_id)):
            payment = paying.lock_payment(session, receipt.payment_id)
            amount = min(receipt.used_fen - sum_counted_refunds(session, payment.id), payment.refundable_fen)
            if amount > 0:
                key = f"closed:{order.code}:{payment.id}"
                paying.request_refund(session, ASKED_BY, payment.id, Money(amount), event.reason, key, at=event.at)
