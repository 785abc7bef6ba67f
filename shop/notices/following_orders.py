"""Tell the buyer what happens to their order: one message for each event, however often it is delivered."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.money import Money
from shop.notices.notifying import send_notice
from shop.orders.models import Order, OrderClosed, OrderConfirmed, OrderDelivered, OrderPaid, OrderRefunded, OrderShipped

EXPIRED = "expired"


def tell_paid(session: Session, event: OrderPaid) -> None:
    """Reaction: the money is here."""
    _tell(session, event.order_code, "order_paid", at=event.paid_at, amount=str(Money(event.amount_fen)))


def tell_confirmed(session: Session, event: OrderConfirmed) -> None:
    """Reaction: an order on terms is being packed."""
    _tell(session, event.order_code, "order_confirmed", at=event.at)


def tell_shipped(session: Session, event: OrderShipped) -> None:
    """Reaction: all boxes are on their way."""
    _tell(session, event.order_code, "order_shipped", at=event.at)


def tell_delivered(session: Session, event: OrderDelivered) -> None:
    """Reaction: the parcel was signed for."""
    _tell(session, event.order_code, "order_delivered", at=event.at)


def tell_closed(session: Session, event: OrderClosed) -> None:
    """Reaction: the order ended, by the clock or by somebody."""
    kind = "order_cancelled"
    if event.reason == EXPIRED:
        paid_fen = session.scalar(select(Order.paid_fen).where(Order.code == event.order_code))
        kind = "order_expired_part_paid" if paid_fen else "order_expired"
    _tell(session, event.order_code, kind, at=event.at)


def tell_refunded(session: Session, event: OrderRefunded) -> None:
    """Reaction: money went back; each refund is told once."""
    amount = str(Money(event.amount_fen))
    _tell(session, event.order_code, "order_refunded", at=event.at, once=str(event.refund_id), amount=amount)


def _tell(session: Session, code: str, kind: str, *, at: datetime, once: str = "", **params: str) -> None:
    person_id = session.scalar(select(Order.buyer_person_id).where(Order.code == code))
    if person_id is None:
        return
    key = ":".join(part for part in (kind, code, once) if part)
    send_notice(session, person_id=person_id, kind=kind, key=key, params={"order": code, **params}, order_code=code, at=at)
