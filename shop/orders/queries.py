"""Orders as their buyers, sellers and the back office look at them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from catalog.parties.models import Actor
from kernel.errors import NotFound
from shop.accounts.models import Guest
from shop.orders.cancelling import check_buyer
from shop.orders.models import Order, SubOrder
from shop.orders.states import OrderState

_WHOLE = selectinload(Order.sub_orders).selectinload(SubOrder.lines)
_PARCELS = selectinload(Order.sub_orders).selectinload(SubOrder.parcels)


def get_order(session: Session, code: str, actor: Actor | None = None) -> Order:
    """The whole order in four queries; with ``actor`` only when it is theirs to see. Raises NotFound."""
    order = session.scalar(select(Order).where(Order.code == code).options(_WHOLE, _PARCELS))
    if order is None:
        raise NotFound("没有这张订单，请检查订单号。")
    if actor is not None:
        check_buyer(order, actor)
    return order


def find_guest_order(session: Session, code: str) -> tuple[Order, str] | None:
    """An order bought without an account, with the phone it is asked after by; None for any other, whoever asks."""
    query = select(Order, Guest.phone).join(Guest, Guest.person_id == Order.buyer_person_id).where(Order.code == code)
    row = session.execute(query.options(_WHOLE)).one_or_none()
    return (row[0], row[1]) if row is not None else None


def knows_phone(order: Order, phone: str, tail: str) -> bool:
    """Whether ``tail`` are the last four digits of the buyer's or the recipient's phone."""
    known = [phone[-4:], str(order.address["phone"])[-4:]]
    return len(tail) == 4 and any(hmac.compare_digest(digits.encode(), tail.encode("utf-8", "replace")) for digits in known)


def list_orders_of(
    session: Session,
    *,
    person_id: UUID | None = None,
    organization_id: UUID | None = None,
    after: UUID | None = None,
    limit: int = 20,
) -> Sequence[Order]:
    """Orders of a person or an organisation, newest first; ``after`` is the last id of the page before."""
    query = select(Order).options(_WHOLE).order_by(Order.id.desc()).limit(limit)
    if organization_id is not None:
        query = query.where(Order.buyer_organization_id == organization_id)
    else:
        query = query.where(Order.buyer_person_id == person_id, Order.buyer_organization_id.is_(None))
    return session.scalars(query.where(Order.id < after) if after else query).all()


def list_orders(
    session: Session, *, state: OrderState | None = None, after: UUID | None = None, limit: int = 50
) -> Sequence[Order]:
    """All orders for the back office, newest first."""
    query = select(Order).options(_WHOLE).order_by(Order.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Order.state == state)
    return session.scalars(query.where(Order.id < after) if after else query).all()
