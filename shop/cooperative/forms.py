"""Reading what a clerk typed: every wrong field at once, nothing lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from kernel import clock
from kernel.errors import FieldError, Invalid
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from shop.cooperative.queries import Register
from shop.cooperative.syncing import Loss, Mixing
from traceability.lots.harvesting import DeliveryDraft
from traceability.lots.processing import OutputDraft
from traceability.lots.states import Step

T = TypeVar("T")
OUTPUT_ROWS = 4
DELIVERY_UNITS = (Unit.KG, Unit.JIN, Unit.HEAD)
MOST_LOTS = 200  # that are mixed at once


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


def read_delivery(session: Session, form: Mapping[str, str], organization_id: UUID, *, happened: bool = False) -> DeliveryDraft:
    """One delivery as the clerk typed it; the household by its key, or by its member number. Raises Invalid with every wrong field.

    ``happened``: the form says by itself when it was brought.
    """
    register = Register(session, organization_id)
    register.load(*asked_for([form]))
    return read_draft(register, form, happened=happened)


def asked_for(forms: Iterable[Mapping[str, str]]) -> tuple[set[int], set[str]]:
    """Member numbers and SKUs in forms of deliveries, for ``Register.load``."""
    forms = list(forms)
    numbers = {number for form in forms if (number := _member_no(form)) is not None}
    return numbers, {sku for form in forms if (sku := form.get("product_sku", "").strip()[:200])}


def _member_no(form: Mapping[str, str]) -> int | None:
    text = form.get("member_no", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def read_draft(register: Register, form: Mapping[str, str], *, happened: bool) -> DeliveryDraft:
    """The same, of members and products that were read before."""
    reading = Reading(form)
    household_id = _read_household(reading, register)
    sku = reading.text("product_sku", "请选择产品。")
    quantity, price = read_quantity(reading), read_money(reading, "agreed_price")
    happened_at = reading.read("happened_at", clock.parse_iso, None) if happened else None
    reading.done()
    product = register.products.get(sku)
    if product is None:
        raise Invalid("请选择本合作社的产品。", field="product_sku")
    return DeliveryDraft(
        organization_id=register.organization_id,
        household_id=household_id,
        material=product.materials[0],
        quantity=quantity,
        agreed_price=price,
        ear_tags=read_ear_tags(form.get("ear_tags", "")),
        grade=form.get("grade", "").strip()[:20],
        product_sku=sku,
        product=product,
        happened_at=happened_at,
    )


def find_household(session: Session, form: Mapping[str, str], organization_id: UUID) -> UUID | None:
    """Whom a question is about, when the form says so. Raises Invalid for a number the cooperative does not have."""
    if not form.get("member_no", "").strip():
        return read_uuid(form["household_id"]) if form.get("household_id") else None
    register, reading = Register(session, organization_id), Reading(form)
    register.load(*asked_for([form]))
    found = _read_household(reading, register)
    reading.done()
    return found


def find_member(session: Session, organization_id: UUID, form: Mapping[str, str]) -> UUID | None:
    """The household with the member number in ``form``; None for what is no number of the cooperative."""
    register = Register(session, organization_id)
    register.load(*asked_for([form]))
    household = register.members.get(_member_no(form) or -1)
    return household.id if household else None


def _read_household(reading: Reading, register: Register) -> UUID:
    if "member_no" not in reading.form:
        return reading.read("household_id", read_uuid, UUID(int=0))
    number = _member_no(reading.form)
    household = register.members.get(number) if number is not None else None
    if household is None:
        reading.errors.append(FieldError("member_no", "没有社员编号“%(no)s”。", {"no": reading.form["member_no"].strip()[:20]}))
    return household.id if household else UUID(int=0)


def read_mixing(form: Mapping[str, str]) -> Mixing:
    """A mixing as a phone kept it. Raises Invalid with every wrong field."""
    reading = Reading(form)
    codes = list(dict.fromkeys(form.get("lots", "").split()))
    if not 1 <= len(codes) <= MOST_LOTS:
        reading.errors.append(FieldError("lots", "请先勾选要合并的批次。"))
    happened_at = reading.read("happened_at", clock.parse_iso, None)
    reading.done()
    return Mixing(codes, form.get("averaged") == "1", form.get("certified") == "1", happened_at)


def read_loss(form: Mapping[str, str]) -> Loss:
    """A loss or a sample as a phone kept it. Raises Invalid with every wrong field."""
    reading = Reading(form)
    lot_code, reason = reading.text("lot", "请选择批次。"), reading.text("lost_reason", "请写明损耗原因，例如“腐烂”“抽样送检”。")
    quantity = read_quantity(reading)
    happened_at = reading.read("happened_at", clock.parse_iso, None)
    reading.done()
    return Loss(lot_code, quantity, reason, form.get("why") == "sample", happened_at)


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
            )
        )
    reading.done()
    return step, outputs


def _decimal(text: str) -> Decimal:
    return Quantity.parse(text, Unit.KG).amount
