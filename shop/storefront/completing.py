"""What arrived and was not complained about is done, though nobody pressed 确认收货."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, exists, or_, select
from sqlalchemy.orm import Session

from shop.cases.models import Case, CaseSubject
from shop.cases.states import CaseState
from shop.orders.models import Order, OrderKind, OrderLine, SubOrder
from shop.orders.states import OrderState

QUIET = timedelta(days=10)  # from the signature: longer than the 48 hours of 坏果包赔 and the seven days of 七天无理由


def complete_quiet_orders(session: Session, *, at: datetime, limit: int = 200) -> int:
    """Complete consumers' orders that were delivered ``QUIET`` ago and about which no case is open; returns how many.

    Those somebody is at work on right now are left for the next time; so are those with an open case, until it is closed. Orders of
    organisations are accepted by their inspector and never complete by themselves.
    """
    quiet = select(Order).where(
        Order.state == OrderState.DELIVERED,
        Order.kind == OrderKind.CONSUMER,
        Order.delivered_at <= at - QUIET,
        ~_has_open_case(),
    )
    found = session.scalars(quiet.order_by(Order.delivered_at, Order.id).limit(limit).with_for_update(skip_locked=True)).all()
    for order in found:
        order.move(OrderState.COMPLETED)
    return len(found)


def _has_open_case() -> ColumnElement[bool]:
    """About the order itself, a seller's part of it or one of its lines."""
    parts = select(SubOrder.code).where(SubOrder.order_id == Order.id)
    lines = select(OrderLine.code).join(SubOrder, SubOrder.id == OrderLine.sub_order_id).where(SubOrder.order_id == Order.id)
    codes = (
        CaseSubject.code == Order.code,
        CaseSubject.code.in_(parts.correlate(Order)),
        CaseSubject.code.in_(lines.correlate(Order)),
    )
    return exists().where(Case.id == CaseSubject.case_id, Case.state != CaseState.CLOSED, or_(*codes)).correlate(Order)
