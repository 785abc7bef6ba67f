"""How far an uploaded table of deliveries has come."""

from __future__ import annotations

from enum import StrEnum

from kernel.states import States


class SheetState(StrEnum):
    """First every row is tried, and only when all of them hold are they recorded."""

    WAITING = "waiting"
    CHECKING = "checking"
    RECORDING = "recording"
    DONE = "done"
    FAULTY = "faulty"
    FAILED = "failed"


SHEET_FLOW = States(
    {
        SheetState.WAITING: {SheetState.CHECKING, SheetState.FAILED},
        SheetState.CHECKING: {SheetState.RECORDING, SheetState.FAULTY, SheetState.FAILED},
        SheetState.RECORDING: {SheetState.DONE, SheetState.FAULTY, SheetState.FAILED},
        SheetState.DONE: set(),
        SheetState.FAULTY: {SheetState.WAITING},
        SheetState.FAILED: {SheetState.WAITING},
    },
    ends=(SheetState.DONE, SheetState.FAULTY, SheetState.FAILED),
    labels={
        SheetState.WAITING: "等待核对",
        SheetState.CHECKING: "正在核对",
        SheetState.RECORDING: "正在记录",
        SheetState.DONE: "已导入",
        SheetState.FAULTY: "有问题",
        SheetState.FAILED: "没有导入完",
    },
)
UNDER_WAY = (SheetState.WAITING, SheetState.CHECKING, SheetState.RECORDING)
