"""From rows of text to deliveries: address checked, product found by SKU or GTIN and sellable today, one delivery a recipient."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.queries import list_provinces
from catalog.products.listing import why_not_on_sale_many
from catalog.products.models import Product
from kernel import gs1
from kernel.clock import today_shanghai
from kernel.errors import Invalid
from shop.accounts.addressing import FIELDS, check_address
from shop.orders.placing import MAX_BOXES
from shop.procurement.quoting import WantedDelivery
from shop.procurement.spreadsheet import Fault, SheetRow

# What is wrong with a row that was read well.
MATCH_TEXTS = {
    "boxes": "盒数要填 1 到 %(most)s 的整数。",
    "twice": "和第 %(row)s 行是同一个人的同一种商品，请合并成一行。",
    "unknown": "没有货号或条码为“%(text)s”的产品，请对照“可选商品”填写。",
    "not_on_sale": "“%(name)s”今天不能销售：%(reasons)s",
}
_KIND_OF_AREA = re.compile("(壮族|回族|维吾尔)?(省|市|自治区|特别行政区)$")


@dataclass
class Matched:
    """What rows mean: deliveries in the order of their first rows, and what is wrong with the others."""

    deliveries: list[WantedDelivery] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def match_rows(session: Session, rows: Sequence[SheetRow], *, faulty: frozenset[tuple[int, str | None]], at: datetime) -> Matched:
    """Deliveries of ``rows``; cells in ``faulty`` (row, column) are known to be wrong and not blamed again."""
    matched = Matched()
    provinces = _province_codes(session)
    products, problems = _find_products(session, rows, at)
    grouped: dict[tuple[str, ...], tuple[WantedDelivery, dict[str, int], dict[str, int]]] = {}
    for row in rows:
        address, wrong = _read_address(session, row, provinces)
        product = products.get(row.cells["product"])
        boxes = _read_boxes(row.cells["boxes"])
        if product is None and row.cells["product"]:
            message, params = problems[row.cells["product"]]
            wrong.append(Fault(row.number, "product", message, params))
        if boxes is None and row.cells["boxes"]:
            wrong.append(Fault(row.number, "boxes", MATCH_TEXTS["boxes"], {"most": MAX_BOXES}))
        matched.faults += [fault for fault in wrong if (fault.row, fault.column) not in faulty]
        if address is None or product is None or boxes is None:
            continue
        key = tuple(address[name] for name in FIELDS)
        _, lines, seen = grouped.setdefault(key, (WantedDelivery(address, {}, row.number), {}, {}))
        if product.sku in lines:
            params = {"row": seen[product.sku]}
            matched.faults.append(Fault(row.number, "product", MATCH_TEXTS["twice"], params))
            continue
        lines[product.sku], seen[product.sku] = boxes, row.number
    matched.deliveries = [WantedDelivery(delivery.address, lines, delivery.row) for delivery, lines, _ in grouped.values()]
    return matched


def _province_codes(session: Session) -> dict[str, str]:
    """Every way to write a province → its code: 福建, 福建省, 闽, Fujian, 350000."""
    codes: dict[str, str] = {}
    for area, province in list_provinces(session):
        for name in (area.name, plain_name(area.name), province.short_name, province.label_en, area.name_en, area.code):
            if name:
                codes[name.lower()] = area.code
    return codes


def plain_name(name: str) -> str:
    """A province as people say it: 福建省 → 福建, 广西壮族自治区 → 广西."""
    return _KIND_OF_AREA.sub("", name)


def _read_address(session: Session, row: SheetRow, provinces: Mapping[str, str]) -> tuple[dict[str, str] | None, list[Fault]]:
    typed = {name: row.cells[name] for name in FIELDS}
    typed["phone"] = typed["phone"].replace(" ", "")
    typed["province_code"] = provinces.get(typed["province_code"].lower(), typed["province_code"])
    try:
        return check_address(session, typed), []
    except Invalid as problem:
        return None, [Fault(row.number, error.field, error.message, error.params) for error in problem.errors]


def _read_boxes(text: str) -> int | None:
    boxes = int(text) if text.isascii() and text.isdigit() and len(text) <= 6 else 0
    return boxes if 1 <= boxes <= MAX_BOXES else None


Why = tuple[str, Mapping[str, object]]


def _find_products(session: Session, rows: Sequence[SheetRow], at: datetime) -> tuple[dict[str, Product], dict[str, Why]]:
    """Typed text → product that may be sold today, and typed text → why there is none. Two queries and one look at the papers."""
    typed = {row.cells["product"] for row in rows if row.cells["product"]}
    gtins: dict[str, str] = {}
    problems: dict[str, Why] = {}
    for text in typed:
        if text.isascii() and text.isdigit():
            try:
                gtins[text] = gs1.parse_gtin(text, "product")
            except Invalid as problem:
                problems[text] = (problem.message, problem.params)
    by_gtin = {product.gtin: product for product in session.scalars(select(Product).where(Product.gtin.in_(gtins.values())))}
    skus = {text: text.upper() for text in typed}
    by_sku = {product.sku: product for product in session.scalars(select(Product).where(Product.sku.in_(skus.values())))}
    found = {text: product for text in typed if (product := by_sku.get(skus[text]) or by_gtin.get(gtins.get(text, "-")))}
    reasons = why_not_on_sale_many(session, list(found.values()), today_shanghai(at))
    for text in typed - set(found) - set(problems):
        problems[text] = (MATCH_TEXTS["unknown"], {"text": text[:40]})
    for text, product in list(found.items()):
        if reasons[product.id]:
            problems[text] = (MATCH_TEXTS["not_on_sale"], {"name": product.name, "reasons": "".join(reasons[product.id])})
            del found[text]
        else:
            problems.pop(text, None)
    return found, problems
