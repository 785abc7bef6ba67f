"""Reading what a clerk typed: every wrong field at once, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from werkzeug.datastructures import MultiDict

from kernel.errors import FieldError, Invalid
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from traceability.lots.processing import OutputDraft
from traceability.lots.states import Step

T = TypeVar("T")
OUTPUT_ROWS = 4
DELIVERY_UNITS = (Unit.KG, Unit.JIN, Unit.HEAD)


class Reading:
    """Collects field errors while a form is read; ``done`` raises them together."""

    def __init__(self, form: Mapping[str, str]) -> None:
        self.form = form
        self.errors: list[FieldError] = []

    def text(self, name: str, message: str = "请填写。") -> str:
        """A text that must not be empty."""
        value = self.form.get(name, "").strip()[:200]
        if not value:
            self.errors.append(FieldError(name, message))
        return value

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """What ``parse`` makes of a field; its Invalid becomes this field's error."""
        try:
            return parse(self.form.get(name, "").strip())
        except Invalid as problem:
            self.errors.append(FieldError(name, problem.message, problem.params))
            return default
        except ValueError:
            self.errors.append(FieldError(name, "请检查这一项。"))
            return default

    def done(self) -> None:
        """Raises Invalid when anything was wrong."""
        if self.errors:
            raise Invalid("有几处需要改一下。", errors=self.errors)


def read_quantity(reading: Reading, name: str = "quantity", unit_name: str = "unit") -> Quantity:
    """Amount and unit of two fields."""
    unit = reading.read(unit_name, Unit, Unit.KG)
    quantity = reading.read(name, lambda text: Quantity.parse(text, unit, name), Quantity(Decimal(1), unit))
    if quantity.amount <= 0:
        reading.errors.append(FieldError(name, "数量要大于 0。"))
    return quantity


def read_money(reading: Reading, name: str) -> Money:
    """Yuan with at most two decimals."""
    return reading.read(name, lambda text: Money.parse(text, field=name), Money(0))


def read_ear_tags(text: str) -> list[str]:
    """Ear tags separated by anything that is not a digit."""
    return "".join(c if c.isdigit() else " " for c in text[:20_000]).split()


def read_uuid(text: str) -> UUID:
    """A key from a choice list. Raises Invalid."""
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("请选择一项。") from error


def read_day(text: str) -> date | None:
    """A date, or None when left empty. Raises Invalid."""
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Invalid("日期请写成 2026-11-22 这样。") from error


def read_outputs(form: MultiDict[str, str], product_sku: str | None) -> tuple[Step, list[OutputDraft]]:
    """Step and outputs of a processing form; empty rows are left out. Raises Invalid with every wrong field."""
    reading = Reading(form)
    step = reading.read("step", Step, Step.PROCESSING)
    outputs = []
    for row in range(OUTPUT_ROWS):
        if not form.get(f"material{row}", "").strip() and not form.get(f"quantity{row}", "").strip():
            continue
        by_product = form.get(f"by_product{row}") == "1"
        outputs.append(
            OutputDraft(
                material=reading.text(f"material{row}", "请填写产出的名称。"),
                quantity=read_quantity(reading, f"quantity{row}", f"unit{row}"),
                yield_low=reading.read(f"low{row}", _decimal, Decimal(0)),
                yield_high=reading.read(f"high{row}", _decimal, Decimal(1)),
                by_product=by_product,
                product_sku=None if by_product else product_sku,
                reason=form.get(f"reason{row}", "").strip()[:200],
            )
        )
    reading.done()
    return step, outputs


def _decimal(text: str) -> Decimal:
    return Quantity.parse(text, Unit.KG).amount
