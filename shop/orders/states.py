"""The life of an order (订单状态).

Delivered, a consumer's order completes when the buyer says so, or by the clock: ``storefront/completing.py``, ten days after the
signature, unless a case about it is open. An organisation's is accepted first, and completes when it is paid.
"""

from __future__ import annotations

import enum

from kernel.states import States


class OrderState(enum.StrEnum):
    """Where an order stands. Money is kept apart (``paid_fen``), since on terms goods travel before money does."""

    PLACED = "placed"
    CONFIRMED = "confirmed"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


STATES = States(
    {
        OrderState.PLACED: {OrderState.PAID, OrderState.CONFIRMED, OrderState.CANCELLED, OrderState.EXPIRED},
        OrderState.CONFIRMED: {OrderState.SHIPPED, OrderState.CANCELLED},
        OrderState.PAID: {OrderState.SHIPPED, OrderState.CANCELLED},
        OrderState.SHIPPED: {OrderState.DELIVERED},
        OrderState.DELIVERED: {OrderState.ACCEPTED, OrderState.COMPLETED},
        OrderState.ACCEPTED: {OrderState.COMPLETED},
        OrderState.COMPLETED: set(),
        OrderState.CANCELLED: set(),
        # Money may arrive after the order expired: it is taken up again when the boxes are still there, else refunded.
        OrderState.EXPIRED: {OrderState.PAID},
    },
    start=OrderState.PLACED,
    ends=(OrderState.COMPLETED, OrderState.CANCELLED, OrderState.EXPIRED),
    labels={
        OrderState.PLACED: "待付款",
        OrderState.CONFIRMED: "已确认",
        OrderState.PAID: "已付款",
        OrderState.SHIPPED: "已发货",
        OrderState.DELIVERED: "已签收",
        OrderState.ACCEPTED: "已验收",
        OrderState.COMPLETED: "已完成",
        OrderState.CANCELLED: "已取消",
        OrderState.EXPIRED: "已超时关闭",
    },
)
