"""The demo's product list as values: reads ``data/products.csv`` strictly."""

from __future__ import annotations

import csv
import functools
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files

from catalog.documents.models import DocumentKind
from catalog.products.models import Temperature
from catalog.products.wording import find_claims
from kernel.quantity import Unit

PAPERS = {
    "绿色食品": DocumentKind.GREEN_FOOD,
    "有机产品认证": DocumentKind.ORGANIC,
    "有机产品": DocumentKind.ORGANIC,
    "农产品地理标志": DocumentKind.GEOGRAPHICAL_INDICATION,
    "地理标志": DocumentKind.GEOGRAPHICAL_INDICATION,
    "地理标志产品": DocumentKind.GEOGRAPHICAL_INDICATION,
    "动物检疫合格证明": DocumentKind.ANIMAL_QUARANTINE,
    "肉品品质检验合格证": DocumentKind.MEAT_INSPECTION,
    "承诺达标合格证": DocumentKind.PROMISE_CERTIFICATE,
    "检测报告": DocumentKind.TEST_REPORT,
}


@dataclass(frozen=True)
class SampleProduct:
    """One row of the sample catalogue; prices are yuan for one pack, ``months`` when it is harvested."""

    sku: str
    name: str
    name_en: str
    county_code: str
    county: str
    category: str
    amount: Decimal
    unit: Unit
    net_content: str
    price_fen: int
    shelf_life_days: int
    temperature: Temperature
    storage: str
    season: str
    months: tuple[int, ...]
    papers: tuple[DocumentKind, ...]
    vat_class: str
    cooperative: str

    @property
    def material(self) -> str:
        """What the household delivers: the name without its note in brackets."""
        return self.name.split("（")[0]


@functools.cache
def list_samples() -> tuple[SampleProduct, ...]:
    """All 80 products. Raises ValueError for a row that cannot be read."""
    text = (files("shop.demo") / "data" / "products.csv").read_text("utf-8")
    return tuple(_sample(row) for row in csv.DictReader(text.splitlines()))


@functools.cache
def picture_of(sku: str) -> str:
    """The illustration that fits a product."""
    text = (files("catalog.products") / "pictures.csv").read_text("utf-8")
    return {row["sku"]: row["picture"] for row in csv.DictReader(text.splitlines())}.get(sku, "basket")


def _sample(row: dict[str, str]) -> SampleProduct:
    papers = {PAPERS[name] for name in row["usual_certification"].split(";") if name in PAPERS}
    papers.add(DocumentKind.BUSINESS_LICENCE)
    if row["needs_sc_licence"] == "Y":
        papers.add(DocumentKind.FOOD_PRODUCTION_LICENCE)
    if row["needs_promise_certificate"] == "Y":
        papers.add(DocumentKind.PROMISE_CERTIFICATE)
    papers.update(find_claims(row["name"]).values())
    low, high = Decimal(row["price_min_cny"]), Decimal(row["price_max_cny"])
    return SampleProduct(
        sku=row["sku"],
        name=row["name"],
        name_en=row["name_en"],
        county_code=row["county_code"],
        county=row["county"],
        category=row["category"],
        amount=Decimal(row["content"]) * Decimal(row["pieces"] or 1),
        unit=Unit(row["content_unit"]),
        net_content=row["unit"],
        price_fen=int((low + high) / 2 * 100) // 10 * 10,
        shelf_life_days=int(row["shelf_life_days"]),
        temperature=Temperature(row["storage"]),
        storage=row["storage_temp"],
        season=row["harvest_season"],
        months=tuple(int(month) for month in row["harvest_months"].split(";") if month),
        papers=tuple(sorted(papers)),
        vat_class=row["vat_class_hint"],
        cooperative=row["producer_example"],
    )
