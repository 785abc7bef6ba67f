"""The table of a day's deliveries: its columns, and one row as the form of a delivery would have it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Final

from kernel.clock import SHANGHAI
from kernel.errors import FieldError, Invalid, Problem, Term
from kernel.quantity import Unit
from kernel.spreadsheet import Column, Fault, Layout
from traceability.lots.harvesting import DeliveryDraft

MAX_ROWS: Final = 200  # one transaction of some seconds: who waits for one of its households waits for all of it
COLUMNS: Final = (
    Column("day", "交货日期", "Date", width=14, day=True),
    Column("member_no", "社员编号", "Member number", width=14),
    Column("product_sku", "货号", "SKU", width=16),
    Column("quantity", "数量", "Quantity", width=12),
    Column("unit", "单位", "Unit", width=10),
    Column("agreed_price", "约定价款", "Agreed price", width=14),
    Column("grade", "等级", "Grade", required=False, width=10),
    Column("paid", "已付款", "Paid", required=False, width=10),
    Column("ear_tags", "耳标", "Ear tags", required=False, width=40),
)
LAYOUT: Final = Layout(COLUMNS, Term("表格里没有内容。请从第 2 行开始，一行填一笔交货。"), MAX_ROWS, csv=True)
PAID: Final = {"是": True, "已付": True, "已付款": True, "yes": True, "y": True, "1": True, "": False, "否": False, "未付": False,
    "未付款": False, "no": False, "n": False, "0": False}  # fmt: skip
_COLUMN_OF: Final = {"household_id": "member_no", "material": "product_sku", "happened_at": "day"}
_KEYS: Final = {column.key for column in COLUMNS}


def read_form(cells: Mapping[str, str], at: datetime) -> tuple[dict[str, str], list[FieldError]]:
    """The row as the form of a delivery, and what is wrong with the words that only tables use: day, unit, paid or not."""
    form, errors = dict(cells), []
    try:
        form["happened_at"] = _moment(cells["day"], at)
    except ValueError:
        errors.append(FieldError("day", "日期请写成 2026-11-22 这样。"))
    try:
        form["unit"] = Unit.parse(cells["unit"], "unit").value
    except Invalid as problem:
        errors += problem.errors
    if cells["paid"].lower() not in PAID:
        errors.append(FieldError("paid", "请填“是”或“否”，不填算未付款。"))
    return form, errors


def _moment(text: str, at: datetime) -> str:
    """Noon of that day, as near as a table knows it, and today not later than now. A day to come the act refuses, which knows the words."""
    year, month, day = (int(part) for part in text.replace("/", "-").replace(".", "-").split("-"))
    noon = datetime.combine(date(year, month, day), time(12), SHANGHAI)
    return (at if noon > at and noon.date() == at.astimezone(SHANGHAI).date() else noon).isoformat()


def is_paid(cells: Mapping[str, str]) -> bool:
    """Whether the row says that the household has its money."""
    return PAID.get(cells["paid"].lower(), False)


def faults_of(number: int, problem: Problem) -> list[Fault]:
    """What is wrong in a row, at the columns of the table."""
    found = problem.errors or (FieldError("", problem.message, problem.params),)
    return [Fault(number, column_of(error.field), error.message, error.params) for error in found]


def column_of(field: str) -> str | None:
    """The column a field of the form stands in; None for what is about the row as a whole."""
    key = _COLUMN_OF.get(field, field)
    return key if key in _KEYS else None


def place_of(column: str | None) -> int:
    """Where a column stands in the table, from the left; before all of them what is about the row as a whole."""
    return next((place for place, each in enumerate(COLUMNS) if each.key == column), -1)


def digest(draft: DeliveryDraft, again: int, day: str = "") -> str:
    """What makes a row the same delivery when it comes a second time, however a program writes its day (2026-11-22, 2026/11/22) and its
    amounts; ``again`` counts equal rows of one file. Payment is no part. ``day`` is only for digests of before.
    """
    told = (day or f"{_day_of(draft)}", str(draft.household_id), draft.product_sku or "", f"{draft.quantity.amount.normalize():f}",
        draft.quantity.unit.value, str(draft.agreed_price.minor), draft.grade, " ".join(sorted(draft.ear_tags)), str(again))  # fmt: skip
    return hashlib.sha256("\n".join(told).encode()).hexdigest()


def former_digests(draft: DeliveryDraft, again: int) -> set[str]:
    """What such a row was known by while the day counted as it was written, however it was written then."""
    day = _day_of(draft)
    ways = [f"{day.year}{mark}{day.month:{size}}{mark}{day.day:{size}}" for mark in "-/." for size in ("", "02")]
    return {digest(draft, again, way) for way in ways}


def _day_of(draft: DeliveryDraft) -> date:
    assert draft.happened_at is not None, "a row says its day"
    return draft.happened_at.astimezone(SHANGHAI).date()
