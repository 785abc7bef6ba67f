"""Nobody takes the shelf without paying: neither one account, nor guests, who are as many as somebody cares to be."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict
from logistics.stock.preselling import find_presale
from logistics.stock.queries import available
from shop.accounts.models import Guest
from shop.orders.models import Order, OrderLine, SubOrder
from shop.orders.states import OrderState

MOST_UNPAID, MOST_UNPAID_OF_ACCOUNT = 3, 10
"""Orders under one guest's phone, and of one account, that wait for money."""
UNPAID = (Order.state == OrderState.PLACED, Order.on_terms.is_(False), Order.buyer_organization_id.is_(None))


def hold_guest(session: Session, actor: Actor) -> None:
    """Before anything else is locked: let orders under one phone pass one after the other, and whoever claims this guest wait.

    Raises Conflict for a guest that was claimed a moment ago.
    """
    if not actor.guest:
        return
    guest = session.get(Guest, actor.person_id, with_for_update={"read": True})
    if guest is None:
        raise Conflict("您的订单刚刚存进了账号，请登录后再下单。")
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"guest {guest.phone}", 0))))


def ration(session: Session, actor: Actor, order: Order, *, at: datetime) -> None:
    """Whether a consumer may have placed ``order``; asked after its boxes were allocated, so that the locks on them keep others waiting.

    Raises Conflict when too many orders of this account or under this guest's phone wait for money, or when unpaid orders of the account,
    or of all guests together, would have more than half (rounded up) of what nobody else has a claim on.
    """
    if order.placed_at < at:  # placed before: the same page, sent again
        return
    if actor.guest:
        _ration_guests(session, actor, order, at)
        return
    own = Order.buyer_person_id == actor.person_id
    if (session.scalar(select(func.count()).select_from(Order).where(*UNPAID, own)) or 0) > MOST_UNPAID_OF_ACCOUNT:
        raise Conflict("您还有好几张没付款的订单，请先付款或取消，再下单。")
    products, left = _names(order), _left(session, order, at)
    for product_id, boxes in session.execute(_boxes(order).where(own)):
        if not is_fair(int(boxes), left[product_id]):
            most = (int(boxes) + left[product_id] + 1) // 2
            raise Conflict(
                "“%(name)s”剩得不多了，没付款的订单里最多有 %(most)s 盒；付款后可以再买。",
                params={"name": products[product_id], "most": most},
            )


def _ration_guests(session: Session, actor: Actor, order: Order, at: datetime) -> None:
    guest = session.get_one(Guest, actor.person_id)
    unpaid = select(func.count()).select_from(Order).join(Guest, Guest.person_id == Order.buyer_person_id)
    if (session.scalar(unpaid.where(*UNPAID, Guest.phone == guest.phone)) or 0) > MOST_UNPAID:
        raise Conflict("这个手机号还有没付款的订单，请先付款或取消，也可以登录后再买。")
    products, left = _names(order), _left(session, order, at)
    for product_id, boxes in session.execute(_boxes(order).join(Guest, Guest.person_id == Order.buyer_person_id)):
        if not is_fair(int(boxes), left[product_id]):
            raise Conflict("“%(name)s”剩得不多了，请登录后再买：用手机号收一个验证码就行。", params={"name": products[product_id]})


def _names(order: Order) -> dict[UUID, str]:
    return {line.product_id: line.name for line in order.lines}


def _left(session: Session, order: Order, at: datetime) -> Mapping[UUID, int]:
    """What nobody has a claim on: of the shelf, or of the pre-sale the order is from."""
    if order.presale_code is None:
        return available(session, list(_names(order)), at)
    presale = find_presale(session, order.presale_code)
    return dict.fromkeys(_names(order), presale.left if presale else 0)


def _boxes(order: Order) -> Select[UUID, int]:
    """How many boxes of each of its products unpaid orders have of the shelf, or of the same pre-sale; whose, is for the caller to add."""
    return (
        select(OrderLine.product_id, func.sum(OrderLine.quantity))
        .join(SubOrder, SubOrder.id == OrderLine.sub_order_id)
        .join(Order, Order.id == SubOrder.order_id)
        .where(*UNPAID, OrderLine.product_id.in_(_names(order)), Order.presale_code.is_not_distinct_from(order.presale_code))
        .group_by(OrderLine.product_id)
    )


def is_fair(taken: int, left: int) -> bool:
    """Whether they have at most half, rounded up, of what they and nobody have."""
    return taken <= (taken + left + 1) // 2
