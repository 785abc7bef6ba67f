"""Kinds of cases and the life of one."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import timedelta

from kernel.states import States


class CaseKind(enum.StrEnum):
    """What a case is about."""

    AFTER_SALES = "after_sales"
    SCAN_REPORT = "scan_report"
    SUSPECTED_COPY = "suspected_copy"
    PARCEL = "parcel"
    PAYMENT = "payment"
    RECALL = "recall"
    PRESALE = "presale"
    INVOICE = "invoice"
    RETURN = "return"


KIND_LABELS: Mapping[CaseKind, str] = {
    CaseKind.AFTER_SALES: "售后",
    CaseKind.SCAN_REPORT: "扫码反馈",
    CaseKind.SUSPECTED_COPY: "疑似仿冒",
    CaseKind.PARCEL: "包裹问题",
    CaseKind.PAYMENT: "付款问题",
    CaseKind.RECALL: "召回",
    CaseKind.PRESALE: "预售未兑现",
    CaseKind.INVOICE: "发票",
    CaseKind.RETURN: "退货",
}

# How long the first answer may take.
ANSWER_WITHIN: Mapping[CaseKind, timedelta] = {
    CaseKind.AFTER_SALES: timedelta(hours=24),
    CaseKind.SCAN_REPORT: timedelta(hours=48),
    CaseKind.SUSPECTED_COPY: timedelta(hours=24),
    CaseKind.PARCEL: timedelta(hours=48),
    CaseKind.PAYMENT: timedelta(hours=24),
    CaseKind.RECALL: timedelta(hours=4),
    CaseKind.PRESALE: timedelta(hours=24),
    CaseKind.INVOICE: timedelta(days=3),
    CaseKind.RETURN: timedelta(hours=24),
}


class CaseState(enum.StrEnum):
    """Open: it is our turn. Waiting: we answered and it is theirs. Closed: done, until they write again."""

    OPEN = "open"
    WAITING = "waiting"
    CLOSED = "closed"


STATES = States(
    {
        CaseState.OPEN: {CaseState.WAITING, CaseState.CLOSED},
        CaseState.WAITING: {CaseState.OPEN, CaseState.CLOSED},
        CaseState.CLOSED: {CaseState.OPEN},
    },
    ends=(CaseState.CLOSED,),
    labels={CaseState.OPEN: "待处理", CaseState.WAITING: "已答复，等对方回复", CaseState.CLOSED: "已结案"},
)


class ReturnState(enum.StrEnum):
    """A return: asked for, on its way to the seller, there, and how it ended."""

    ASKED = "asked"
    SENT = "sent"
    RECEIVED = "received"
    REFUNDED = "refunded"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


RETURNS = States(
    {
        ReturnState.ASKED: {ReturnState.SENT, ReturnState.RECEIVED, ReturnState.REFUSED, ReturnState.WITHDRAWN},
        ReturnState.SENT: {ReturnState.RECEIVED, ReturnState.REFUSED},
        ReturnState.RECEIVED: {ReturnState.REFUNDED, ReturnState.REFUSED},
        ReturnState.REFUNDED: set(),
        ReturnState.REFUSED: set(),
        ReturnState.WITHDRAWN: set(),
    },
    labels={
        ReturnState.ASKED: "已申请退货",
        ReturnState.SENT: "已寄回",
        ReturnState.RECEIVED: "销售方已收到，等退款",
        ReturnState.REFUNDED: "已退款",
        ReturnState.REFUSED: "没有退",
        ReturnState.WITHDRAWN: "已撤回",
    },
)
