"""Guests are as many as somebody cares to be: what they have not paid for leaves half of every product to those who signed in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict
from logistics.stock.queries import available
from shop.accounts.models import Guest
from shop.orders.models import Order, OrderLine, SubOrder
from shop.orders.states import OrderState

MOST_UNPAID = 3
"""Orders under one phone that wait for money."""


def ration_guests(session: Session, actor: Actor, order: Order, *, at: datetime) -> None:
    """Whether a guest may have placed ``order``; asked after its boxes were allocated, so that the locks on them keep others waiting.

    Raises Conflict when too many orders under this phone wait for money, or when unpaid orders of guests would have more than half (rounded
    up) of what nobody else has a claim on.
    """
    if not actor.guest:
        return
    guest = session.get(Guest, actor.person_id, with_for_update={"read": True})  # whoever claims this guest waits for the order
    if guest is None:
        raise Conflict("您的订单刚刚存进了账号，请登录后再下单。")
    unpaid = select(func.count()).select_from(Order).join(Guest, Guest.person_id == Order.buyer_person_id)
    if (session.scalar(unpaid.where(Order.state == OrderState.PLACED, Guest.phone == guest.phone)) or 0) > MOST_UNPAID:
        raise Conflict("这个手机号还有没付款的订单，请先付款或取消，也可以登录后再买。")
    products = {line.product_id: line for line in order.lines}
    taken = session.execute(
        select(OrderLine.product_id, func.sum(OrderLine.quantity))
        .join(SubOrder, SubOrder.id == OrderLine.sub_order_id)
        .join(Order, Order.id == SubOrder.order_id)
        .join(Guest, Guest.person_id == Order.buyer_person_id)
        .where(Order.state == OrderState.PLACED, OrderLine.product_id.in_(products))
        .group_by(OrderLine.product_id)
    )
    left = available(session, list(products), at)
    for product_id, boxes in taken:
        if not is_fair(int(boxes), left[product_id]):
            raise Conflict(
                "“%(name)s”剩得不多了，请登录后再买：用手机号收一个验证码就行。", params={"name": products[product_id].name}
            )


def is_fair(taken: int, left: int) -> bool:
    """Whether guests have at most half, rounded up, of what they and nobody have."""
    return taken <= (taken + left + 1) // 2
