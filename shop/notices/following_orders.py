"""Tell the buyer what happens to their order: one message for each event, however often it is delivered."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel.money import Money
from logistics.stock.events import PromiseServed
from shop.accounts.models import Guest
from shop.notices.models import Notice
from shop.notices.notifying import send_notice
from shop.orders.cancelling import HARVEST_SHORT
from shop.orders.models import Order, OrderClosed, OrderConfirmed, OrderDelivered, OrderPaid, OrderRefunded, OrderShipped

EXPIRED = "expired"
MOST_A_DAY = 10
"""Messages to one phone that only guests gave, which nobody confirmed."""


def tell_paid(session: Session, event: OrderPaid) -> None:
    """Reaction: the money is here. Who ordered ahead is told by when it leaves, not that it leaves soon."""
    amount = str(Money(event.amount_fen))
    ship_by = session.scalar(select(Order.ship_by).where(Order.code == event.order_code))
    if ship_by is None:
        return _tell(session, event.order_code, "order_paid", at=event.paid_at, amount=amount)
    return _tell(session, event.order_code, "order_paid_ahead", at=event.paid_at, amount=amount, day=f"{ship_by:%Y-%m-%d}")


def tell_confirmed(session: Session, event: OrderConfirmed) -> None:
    """Reaction: an order on terms is being packed."""
    _tell(session, event.order_code, "order_confirmed", at=event.at)


def tell_served(session: Session, event: PromiseServed) -> None:
    """Reaction: the boxes of an order from a pre-sale have come."""
    _tell(session, event.order_code, "order_served", at=event.at)


def tell_shipped(session: Session, event: OrderShipped) -> None:
    """Reaction: all boxes are on their way."""
    _tell(session, event.order_code, "order_shipped", at=event.at)


def tell_delivered(session: Session, event: OrderDelivered) -> None:
    """Reaction: the parcel was signed for."""
    _tell(session, event.order_code, "order_delivered", at=event.at)


def tell_closed(session: Session, event: OrderClosed) -> None:
    """Reaction: the order ended, by the clock or by somebody."""
    buyer = select(Order.paid_fen, Guest.phone).outerjoin(Guest, Guest.person_id == Order.buyer_person_id)
    paid_fen, guest = session.execute(buyer.where(Order.code == event.order_code)).one_or_none() or (0, None)
    if guest is not None and not paid_fen:
        return  # whoever ordered may have given a stranger's number, and no money is at stake
    kind = "order_harvest_short" if event.reason == HARVEST_SHORT else "order_cancelled"
    if event.reason == EXPIRED:
        kind = "order_expired_part_paid" if paid_fen else "order_expired"
    _tell(session, event.order_code, kind, at=event.at)


def tell_refunded(session: Session, event: OrderRefunded) -> None:
    """Reaction: money went back; each refund is told once."""
    amount = str(Money(event.amount_fen))
    _tell(session, event.order_code, "order_refunded", at=event.at, once=str(event.refund_id), amount=amount)


def _tell(session: Session, code: str, kind: str, *, at: datetime, once: str = "", **params: str) -> None:
    person_id = session.scalar(select(Order.buyer_person_id).where(Order.code == code))
    if person_id is None or _has_enough(session, person_id, at):
        return
    key = ":".join(part for part in (kind, code, once) if part)
    send_notice(session, person_id=person_id, kind=kind, key=key, params={"order": code, **params}, order_code=code, at=at)


def _has_enough(session: Session, person_id: UUID, at: datetime) -> bool:
    """Whether the person is a guest whose phone was told as much as is good for one day, under whatever guest."""
    phone = session.scalar(select(Guest.phone).where(Guest.person_id == person_id))
    if phone is None:
        return False
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"told {phone}", 0))))
    told = select(func.count()).select_from(Notice).join(Guest, Guest.person_id == Notice.person_id)
    return (session.scalar(told.where(Guest.phone == phone, Notice.created_at > at - timedelta(days=1))) or 0) >= MOST_A_DAY
