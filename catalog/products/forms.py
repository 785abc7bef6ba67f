"""Reading the clerk's product form."""

from __future__ import annotations

import re
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from flask import request

from catalog.documents.models import DocumentKind
from catalog.products.describing import ProductDraft
from catalog.products.models import Temperature
from kernel.errors import FieldError, Invalid
from kernel.ids import new_code
from kernel.quantity import Quantity, Unit

E = TypeVar("E", bound=StrEnum)


def read_product_form(cooperative_id: UUID, county_code: str, *, demo: bool) -> ProductDraft:
    """The form of a new product. Raises Invalid naming every field that cannot be read."""
    form, errors = request.form, list[FieldError]()
    unit = _pick(Unit, "pack_unit", errors)
    temperature = _pick(Temperature, "temperature", errors)
    amount = _amount(unit or Unit.PIECE, errors)
    days = form.get("shelf_life_days", "")
    if not (days.isascii() and days.isdigit() and len(days) < 6):
        errors.append(FieldError("shelf_life_days", "保质期请填天数，例如 365。"))
    needs = [kind for kind in DocumentKind if kind.value in form.getlist("needs")]
    months = [int(month) for month in form.getlist("season_months") if month.isascii() and month.isdigit() and len(month) < 3]
    if errors or unit is None or temperature is None:
        raise Invalid("请先改正标出的内容。", errors=errors)
    return ProductDraft(
        sku=form.get("sku", "")[:40].strip() or new_code("SKU"),
        name=form.get("name", "")[:80],
        name_en=form.get("name_en", "")[:120],
        aliases=form.get("aliases", "")[:200],
        category=form.get("category", "")[:20],
        materials=re.split("[、,，;；\n]", form.get("materials", "")[:900]),
        county_code=county_code,
        cooperative_id=cooperative_id,
        gtin=form.get("gtin", "").strip() or None,
        pack_amount=amount,
        pack_unit=unit,
        net_content=form.get("net_content", "")[:40],
        shelf_life_days=int(days),
        temperature=temperature,
        storage=form.get("storage", "")[:80],
        needs=needs,
        season_months=months,
        season_note=form.get("season_note", "")[:80],
        description=form.get("description", "")[:2000],
        is_demo=demo,
    )


def _pick(kinds: type[E], field: str, errors: list[FieldError]) -> E | None:
    try:
        return kinds(request.form.get(field, ""))
    except ValueError:
        errors.append(FieldError(field, "请从列出的选项里选一个。"))
        return None


def _amount(unit: Unit, errors: list[FieldError]) -> Decimal:
    try:
        return Quantity.parse(request.form.get("pack_amount", ""), unit, field="pack_amount").amount
    except Invalid as problem:
        errors.extend(problem.errors)
        return Decimal(1)
