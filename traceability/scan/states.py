"""Kinds of told facts, and the life of a print job."""

from __future__ import annotations

from enum import StrEnum

from kernel.states import States


class FactKind(StrEnum):
    """What upper floors may tell the story page about a box or a lot."""

    MOVED = "moved"
    TEMPERATURE = "temperature"
    SHARES = "shares"
    SOLD = "sold"
    DISPATCHED = "dispatched"


class Payee(StrEnum):
    """Who receives a part of 100 yuan."""

    HOUSEHOLD = "household"
    COOPERATIVE = "cooperative"
    PROCESSING = "processing"
    PACKING = "packing"
    FREIGHT = "freight"
    PAYMENT = "payment"
    PLATFORM = "platform"
    TAX = "tax"
    OTHER = "other"


PAYEE_LABELS: dict[Payee, str] = {
    Payee.HOUSEHOLD: "农户",
    Payee.COOPERATIVE: "合作社",
    Payee.PROCESSING: "加工",
    Payee.PACKING: "包装",
    Payee.FREIGHT: "物流",
    Payee.PAYMENT: "支付手续费",
    Payee.PLATFORM: "平台",
    Payee.TAX: "税费",
    Payee.OTHER: "其他",
}


class PartState(StrEnum):
    """Whether a part of 100 yuan is agreed (按约定) or was paid on a day (已支付)."""

    AGREED = "agreed"
    PAID = "paid"


class Sheet(StrEnum):
    """What labels are printed on: an A4 sheet of 3 × 8, or a roll of 50 × 30 mm."""

    A4 = "a4"
    ROLL = "roll"


SHEET_LABELS: dict[Sheet, str] = {
    Sheet.A4: "A4 不干胶纸（每页 24 张）",
    Sheet.ROLL: "标签机卷纸（50 × 30 毫米）",
}


class JobState(StrEnum):
    """Where a print job stands."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


JOB_FLOW = States(
    {
        JobState.WAITING: {JobState.RUNNING},
        JobState.RUNNING: {JobState.WAITING, JobState.DONE, JobState.FAILED},
        JobState.DONE: set(),
        JobState.FAILED: set(),
    },
    labels={
        JobState.WAITING: "排队中",
        JobState.RUNNING: "生成中",
        JobState.DONE: "可以下载",
        JobState.FAILED: "没有生成",
    },
)
