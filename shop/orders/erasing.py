"""Orders are kept three years and longer (电子商务法 art. 31), but not who received them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from kernel.errors import Conflict
from logistics.shipments.erasing import erase_recipients
from shop.orders.models import Order, OrderKind
from shop.orders.states import OrderState

FINISHED = (OrderState.DELIVERED, OrderState.ACCEPTED, OrderState.COMPLETED, OrderState.CANCELLED, OrderState.EXPIRED)
PERSONAL = ("recipient", "phone", "district", "street")


def forget_buyer(session: Session, event: SubjectErased) -> None:
    """The reaction: recipient, telephone and street go from the person's orders and parcels; province and city stay for the reports.

    Raises Conflict while an order is under way, so that it is tried again later: a parcel on its way needs its address.
    """
    if event.kind is not SubjectKind.PERSON:
        return
    if find_unfinished(session, event.subject_id) is not None:
        raise Conflict("还有订单没有完成，完成或取消后才能删除。")
    query = select(Order).where(Order.buyer_person_id == event.subject_id, Order.kind == OrderKind.CONSUMER).with_for_update()
    orders = session.scalars(query.order_by(Order.id)).all()
    for order in orders:
        order.address = order.address | dict.fromkeys(PERSONAL, "")
    session.flush()
    erase_recipients(session, [order.code for order in orders])


def find_unfinished(session: Session, person_id: UUID) -> str | None:
    """An order of the person that still needs its address, or None."""
    query = select(Order.code).where(
        Order.buyer_person_id == person_id, Order.kind == OrderKind.CONSUMER, Order.state.not_in(FINISHED)
    )
    return session.scalar(query.limit(1))
