"""The life of a purchase request (采购申请), of one step of its approval, and of a settlement (结算单)."""

from __future__ import annotations

import enum

from kernel.states import States


class RequestState(enum.StrEnum):
    """Where a purchase request stands. ``ordered`` lasts until every order of it was accepted or cancelled."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    ORDERED = "ordered"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REFUSED = "refused"
    CANCELLED = "cancelled"


STATES = States(
    {
        RequestState.DRAFT: {RequestState.SUBMITTED, RequestState.CANCELLED},
        # Back to draft: its requester took it back or changed it, which voids every approval given.
        RequestState.SUBMITTED: {RequestState.APPROVED, RequestState.REFUSED, RequestState.DRAFT, RequestState.CANCELLED},
        RequestState.APPROVED: {RequestState.ORDERED, RequestState.DRAFT, RequestState.CANCELLED},
        RequestState.ORDERED: {RequestState.ACCEPTED, RequestState.CANCELLED},
        RequestState.ACCEPTED: {RequestState.SETTLED},
        RequestState.SETTLED: set(),
        RequestState.REFUSED: {RequestState.DRAFT, RequestState.CANCELLED},
        RequestState.CANCELLED: set(),
    },
    ends=(RequestState.SETTLED, RequestState.CANCELLED),
    labels={
        RequestState.DRAFT: "草稿",
        RequestState.SUBMITTED: "审批中",
        RequestState.APPROVED: "已批准",
        RequestState.ORDERED: "已下单",
        RequestState.ACCEPTED: "已验收",
        RequestState.SETTLED: "已结清",
        RequestState.REFUSED: "已退回申请",
        RequestState.CANCELLED: "已取消",
    },
)


class StepState(enum.StrEnum):
    """One approval: waiting, given, refused, or void because the request changed or was refused elsewhere."""

    WAITING = "waiting"
    APPROVED = "approved"
    REFUSED = "refused"
    VOID = "void"


STEP_STATES = States(
    {
        StepState.WAITING: {StepState.APPROVED, StepState.REFUSED, StepState.VOID},
        StepState.APPROVED: {StepState.VOID},
        StepState.REFUSED: set(),
        StepState.VOID: set(),
    },
    ends=(StepState.APPROVED, StepState.REFUSED, StepState.VOID),
    labels={
        StepState.WAITING: "待审批",
        StepState.APPROVED: "已批准",
        StepState.REFUSED: "已退回申请",
        StepState.VOID: "已作废",
    },
)


class SettlementState(enum.StrEnum):
    """What is owed to one seller: open until all of it arrived."""

    OPEN = "open"
    PAID = "paid"


SETTLEMENT_STATES = States(
    {SettlementState.OPEN: {SettlementState.PAID}, SettlementState.PAID: set()},
    labels={SettlementState.OPEN: "待付款", SettlementState.PAID: "已付款"},
)
