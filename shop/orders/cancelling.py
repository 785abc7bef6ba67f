"""Ending an order before it ships: by its buyer, by the operator, or by the clock."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import SYSTEM, Actor, Role
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.outbox import publish
from logistics.shipments import packing
from logistics.stock import preselling, reserving
from logistics.stock.events import PromiseBroken
from shop.orders.models import Order, OrderClosed, OrderConfirmed
from shop.orders.states import OrderState

HARVEST_SHORT = "harvest_short"
"""Why an order from a pre-sale was cancelled: its boxes did not come."""

NOT_FRESH = "not_fresh"
"""Why a paid order was cancelled: its boxes waited too long for the money, and there are no fresh ones."""


def lock_order(session: Session, code: str) -> Order:
    """The order, locked until the transaction ends and as it is now, whatever was read of it before. Raises NotFound."""
    order = session.scalar(select(Order).where(Order.code == code).with_for_update().execution_options(populate_existing=True))
    if order is None:
        raise NotFound("没有这张订单，请检查订单号。")
    return order


def check_buyer(order: Order, actor: Actor) -> None:
    """Raises NotFound unless ``actor`` is the buyer, belongs to the buying organisation or operates the market."""
    own = actor.person_id is not None and order.buyer_person_id == actor.person_id
    organization = order.buyer_organization_id is not None and order.buyer_organization_id in actor.roles
    if not (own or organization or actor.operator):
        raise NotFound("没有这张订单，请检查订单号。")


def may_cancel(order: Order, actor: Actor) -> bool:
    """Whether somebody who may see the order may also end it: of an organisation's people only those who ask for goods."""
    where = order.buyer_organization_id
    return where is None or actor.operator or actor.has(Role.requester, where)


def cancel_order(session: Session, actor: Actor, code: str, *, reason: str, at: datetime) -> Order:
    """Cancel an order that has not shipped; its boxes are freed and paid money goes back by the upper rooms' reaction.

    Raises NotFound (another's order), Forbidden (a colleague who asks for no goods), Conflict once boxes are on their way; the second call
    changes nothing.
    """
    order = lock_order(session, code)
    check_buyer(order, actor)
    if not may_cancel(order, actor):
        raise Forbidden("单位的订单由采购申请人取消。请联系单位里的采购申请人。")
    if order.state is OrderState.CANCELLED:
        return order
    if any(line.shipped for line in order.lines):
        raise Conflict("订单已经发货，不能直接取消。收到后可以申请售后。")
    if order.buyer_person_id != actor.person_id and actor.operator:
        before, after = {"state": order.state.value}, {"state": "cancelled", "reason": reason[:200]}
        tell_act(session, actor, "order.cancelled", order.code, before, after, at=at)
    order.move(OrderState.CANCELLED)
    packing.cancel_shipments(session, order.code)
    if order.presale_code is not None:
        preselling.release(session, [order.code], at)
    reserving.deallocate(session, order.code)
    publish(session, OrderClosed(order.code, reason or "cancelled", at), at=at)
    return order


def cancel_broken(session: Session, event: PromiseBroken) -> None:
    """Reaction: a pre-sale ended without boxes for this order. What was paid goes back; an order that ended before is left alone."""
    order = lock_order(session, event.order_code)
    if order.state in (OrderState.PLACED, OrderState.PAID):
        cancel_order(session, SYSTEM, order.code, reason=HARVEST_SHORT, at=event.at)


def confirm_on_terms(session: Session, actor: Actor, code: str, *, at: datetime) -> Order:
    """Let an order on terms (先货后款) be packed; only orders of organisations are on terms."""
    order = lock_order(session, code)
    if not actor.operator and not actor.system:
        assert order.buyer_organization_id is not None
        actor.must(Role.requester, order.buyer_organization_id)
    if not order.on_terms:
        raise Conflict("这张订单不是先货后款，请先付款。")
    if order.state is OrderState.PLACED:
        order.move(OrderState.CONFIRMED)
        publish(session, OrderConfirmed(order.code, at), at=at)
    return order


def expire_orders(session: Session, *, at: datetime, limit: int = 50) -> int:
    """Close unpaid orders past their time and free their boxes; returns how many. Rows another worker holds are left to it."""
    due = session.scalars(
        select(Order)
        .where(Order.state == OrderState.PLACED, Order.expires_at <= at)
        .order_by(Order.expires_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    preselling.release(session, [order.code for order in due if order.presale_code is not None], at)
    for order in due:
        order.move(OrderState.EXPIRED)
        reserving.deallocate(session, order.code)
        publish(session, OrderClosed(order.code, "expired", at), at=at)
    return len(due)
