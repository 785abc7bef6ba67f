"""The lives of a payment and of a refund (收款状态、退款状态)."""

from __future__ import annotations

import enum

from kernel.states import States


class PaymentState(enum.StrEnum):
    """Where a payment stands with us."""

    CREATED = "created"
    OPEN = "open"
    CAPTURED = "captured"
    CLOSED = "closed"


PAYMENT_STATES = States(
    {
        PaymentState.CREATED: {PaymentState.OPEN, PaymentState.CAPTURED, PaymentState.CLOSED},
        PaymentState.OPEN: {PaymentState.CAPTURED, PaymentState.CLOSED},
        PaymentState.CAPTURED: set(),
        # Money may come to a payment we had given up: a slow transfer, or a notice about a page whose address we never learnt.
        PaymentState.CLOSED: {PaymentState.CAPTURED},
    },
    ends=(PaymentState.CAPTURED, PaymentState.CLOSED),
    labels={
        PaymentState.CREATED: "待付款",
        PaymentState.OPEN: "已发起付款",
        PaymentState.CAPTURED: "已收款",
        PaymentState.CLOSED: "付款已关闭",
    },
)


class RefundState(enum.StrEnum):
    """Where a refund stands: asked for, sent to the provider, done, or refused."""

    REQUESTED = "requested"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


REFUND_STATES = States(
    {
        RefundState.REQUESTED: {RefundState.SENT, RefundState.DONE, RefundState.FAILED},
        RefundState.SENT: {RefundState.DONE, RefundState.FAILED},
        # A bank may send back what it had taken (account closed).
        RefundState.DONE: {RefundState.FAILED},
        # The operator sends a failed one again.
        RefundState.FAILED: {RefundState.REQUESTED},
    },
    ends=(RefundState.DONE, RefundState.FAILED),
    labels={
        RefundState.REQUESTED: "等待退款",
        RefundState.SENT: "退款处理中",
        RefundState.DONE: "已退款",
        RefundState.FAILED: "退款没有成功",
    },
)
