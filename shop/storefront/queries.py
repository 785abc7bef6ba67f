"""What the storefront's pages show. Each function asks a fixed number of questions, however many products there are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, select, tuple_
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.areas.codes import province_of
from catalog.areas.models import Area
from catalog.areas.queries import list_areas
from catalog.documents.models import DocumentKind
from catalog.parties.models import Organization
from catalog.prices.models import RETAIL, Price, PriceList
from catalog.prices.queries import find_prices
from catalog.products.models import Product, ProductState, Temperature
from catalog.products.queries import map_products, matching, search_products, sellable_on
from kernel.clock import today_shanghai
from kernel.money import Money
from kernel.periods import valid_on
from logistics.stock.models import Presale, StockLot
from logistics.stock.queries import available, find_presales, is_free, list_offers_today, list_presales_today
from shop.reviews.queries import Summary, summarise_many
from shop.storefront.arrangement import first_of_each, months_until, spread
from shop.storefront.models import Page
from shop.storefront.wording import CATEGORY_LABELS

OFFERS_LOOKED_AT = 300


@dataclass(frozen=True)
class Shown:
    """One product as a card shows it; ``price`` is of one box, ``boxes`` how many can be bought now, ``presale`` can be ordered ahead."""

    product: Product
    price: Money | None
    boxes: int
    county: Area | None
    presale: Presale | None = None
    stars: Summary | None = None


@dataclass(frozen=True)
class Filters:
    """What a shopper narrowed the list to; None and False mean: all."""

    county: str | None = None
    province: str | None = None
    category: str | None = None
    storage: Temperature | None = None
    certificate: DocumentKind | None = None
    month: int | None = None
    most_fen: int | None = None
    in_stock: bool = False
    cooperative_id: UUID | None = None
    words: str = ""


@dataclass(frozen=True)
class Shelf:
    """One page of products; ``after`` asks for the next, None when this is the last."""

    rows: Sequence[Shown]
    after: str | None


SORTS = ("", "cheap", "dear")


class Pictured(Protocol):
    """What is laid out by how it looks: a product, or those columns of one."""

    @property
    def picture(self) -> Any: ...

    @property
    def picture_digest(self) -> Any: ...


def looks(product: Pictured) -> str:
    """What its card looks like: two alike are not laid side by side."""
    return str(product.picture_digest or product.picture)


def show_products(session: Session, products: Sequence[Product], at: datetime) -> list[Shown]:
    """Prices, stock, pre-sales, counties and stars of products, in five queries."""
    if not products:
        return []
    ids = [product.id for product in products]
    prices = find_prices(session, dict.fromkeys(ids, 1), today_shanghai(at))
    boxes = available(session, ids, at)
    ahead = {key: presale for key, presale in find_presales(session, ids, at).items() if presale.left > 0}
    counties = list_areas(session, [product.county_code for product in products])
    stars = summarise_many(session, ids)
    return [
        Shown(p, prices.get(p.id), boxes[p.id], counties.get(p.county_code), ahead.get(p.id), stars.get(p.id)) for p in products
    ]


def list_shelf(
    session: Session, filters: Filters, *, sort: str = "", after: str | None = None, at: datetime, limit: int = 24
) -> Shelf:
    """Products that may be sold today and have a price, by SKU, or by price and then age, after the cursor of the page before.

    A cursor that was tampered with starts again.
    """
    on = today_shanghai(at)
    retail = select(PriceList.id).where(PriceList.code == RETAIL, valid_on(PriceList, on)).limit(1)
    query = (
        select(Product, Price.fen)
        .join(Price, Price.product_id == Product.id)
        .where(Price.price_list_id == retail.scalar_subquery(), Price.min_quantity == 1, valid_on(Price, on))
        .where(sellable_on(on), *_conditions(filters, at))
    )
    if filters.most_fen is not None:
        query = query.where(Price.fen <= filters.most_fen)
    cursor = _cursor(after, priced=bool(sort))
    query = _after(query, sort, cursor) if cursor is not None else query
    rows = session.execute(query.order_by(*_ORDER[sort]).limit(limit + 1)).all()
    products = [product for product, _ in rows[:limit]]
    shown = show_products(session, products if sort else spread(products, looks), at)
    last = rows[limit - 1] if len(rows) > limit else None
    return Shelf(shown, (f"{last[1]}~{last[0].id}" if sort else f"~{last[0].sku}") if last else None)


def list_found(
    session: Session, filters: Filters, *, sort: str = "", after: str | None = None, at: datetime, limit: int = 24
) -> Shelf:
    """The same for what matches ``filters.words``, the best match first unless sorted by price."""
    if sort:
        return list_shelf(session, filters, sort=sort, after=after, at=at, limit=limit)
    narrowed = [*_conditions(replace(filters, words=""), at), _priced(filters, at)]
    found = search_products(session, filters.words, on=today_shanghai(at), where=narrowed, after=after, limit=limit)
    return Shelf(show_products(session, found.products, at), found.after)


def count_found(session: Session, filters: Filters, at: datetime, *, most: int = 100) -> int:
    """How many products match; counted to one more than ``most``."""
    rows = (
        select(Product.id).where(sellable_on(today_shanghai(at)), *_conditions(filters, at), _priced(filters, at)).limit(most + 1)
    )
    return session.scalar(select(func.count()).select_from(rows.subquery())) or 0


def _priced(filters: Filters, at: datetime) -> ColumnElement[bool]:
    """Whether a product has a retail price today, and none above what the shopper wants to pay."""
    on = today_shanghai(at)
    retail = select(PriceList.id).where(PriceList.code == RETAIL, valid_on(PriceList, on)).limit(1).scalar_subquery()
    price = exists().where(
        Price.product_id == Product.id, Price.price_list_id == retail, Price.min_quantity == 1, valid_on(Price, on)
    )
    return price.where(Price.fen <= filters.most_fen) if filters.most_fen is not None else price


# Prices that many products share are told apart by the key: an index has both, and reads no further than the page.
_ORDER = {
    "": (Product.sku,),
    "cheap": (Price.fen, Price.product_id),
    "dear": (Price.fen.desc(), Price.product_id.desc()),
}


def _after(query: Select[Product, int], sort: str, cursor: tuple[int, str]) -> Select[Product, int]:
    """Only what comes after the cursor."""
    fen, key = cursor
    if sort == "cheap":
        return query.where(tuple_(Price.fen, Price.product_id) > tuple_(literal(fen), literal(UUID(key))))
    if sort == "dear":
        return query.where(tuple_(Price.fen, Price.product_id) < tuple_(literal(fen), literal(UUID(key))))
    return query.where(Product.sku > key)


def _cursor(after: str | None, *, priced: bool) -> tuple[int, str] | None:
    fen, mark, key = (after or "").partition("~")
    if not mark or not key or (priced and not (fen.isascii() and fen.isdigit() and len(fen) < 16 and _UUID.fullmatch(key))):
        return None
    return (int(fen) if priced else 0, key)


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _conditions(filters: Filters, at: datetime) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if filters.county is not None:
        found.append(Product.county_code == filters.county)
    if filters.province is not None:
        found.append(Product.county_code.startswith(province_of(filters.province)[:2], autoescape=True))
    if filters.category is not None:
        found.append(Product.category == filters.category)
    if filters.storage is not None:
        found.append(Product.temperature == filters.storage)
    if filters.certificate is not None:
        found.append(Product.needs.contains([filters.certificate.value]))
    if filters.month is not None:
        found.append(Product.season_months.contains([filters.month]))
    if filters.words:
        found.append(matching(filters.words))
    if filters.cooperative_id is not None:
        found.append(Product.cooperative_id == filters.cooperative_id)
    if filters.in_stock:
        fresh = (StockLot.sell_until.is_(None)) | (StockLot.sell_until >= today_shanghai(at))
        found.append(exists().where(StockLot.product_id == Product.id, StockLot.on_hand > 0, is_free(at), fresh))
    return found


def list_today(session: Session, at: datetime, *, limit: int = 12) -> list[Shown]:
    """What can be bought this minute, different pictures first: what is in season now before the rest."""
    offers = {offer.product_id: offer for offer in list_offers_today(session, at, limit=OFFERS_LOOKED_AT)}
    on = today_shanghai(at)
    looked_at = select(Product.id, Product.sku, Product.season_months, Product.picture, Product.picture_digest)
    candidates = session.execute(looked_at.where(Product.id.in_(offers), sellable_on(on))).all()
    in_order = sorted(candidates, key=lambda row: (months_until(row.season_months, on.month), row.sku))
    chosen = [row.id for row in first_of_each(in_order, looks, limit)]
    products = map_products(session, chosen)
    return [shown for shown in show_products(session, [products[key] for key in chosen], at) if shown.price is not None]


def list_ahead(session: Session, at: datetime, *, limit: int = 6) -> list[Shown]:
    """What can be ordered ahead of its harvest, the one that ships first at the front."""
    presales = list_presales_today(session, at, limit=limit)
    sellable = sellable_on(today_shanghai(at)), Product.id.in_([row.product_id for row in presales])
    found = {product.id: product for product in session.scalars(select(Product).where(*sellable))}
    products = [found[row.product_id] for row in presales if row.product_id in found]
    return [shown for shown in show_products(session, products, at) if shown.price is not None]


def list_later(session: Session, at: datetime, *, limit: int = 24) -> list[tuple[int, list[Product]]]:
    """Products that may be sold today, without boxes, by the month in which their season next begins: (month, products)."""
    month = today_shanghai(at).month
    stocked = exists().where(StockLot.product_id == Product.id, StockLot.on_hand > 0)
    rows = session.scalars(select(Product).where(sellable_on(today_shanghai(at)), ~stocked).order_by(Product.sku).limit(200)).all()
    by_wait: dict[int, list[Product]] = {}
    for product in sorted(rows, key=lambda product: (months_until(product.season_months, month), product.sku))[:limit]:
        by_wait.setdefault(months_until(product.season_months, month), []).append(product)
    return [((month + wait - 1) % 12 + 1 if wait < 12 else 0, products) for wait, products in by_wait.items()]


def list_calendar(session: Session, at: datetime, *, limit: int = 400) -> Sequence[Product]:
    """Products that may be sold today with the months of their season, by kind and name."""
    query = select(Product).where(sellable_on(today_shanghai(at))).order_by(Product.category, Product.sku)
    return session.scalars(query.limit(limit)).all()


def list_kinds(session: Session) -> Sequence[str]:
    """The kinds of goods on the shelf, in the order of ``CATEGORY_LABELS``, others after them."""
    order = list(CATEGORY_LABELS)
    return sorted(_list_distinct(session, Product.category), key=lambda kind: order.index(kind) if kind in order else len(order))


def _list_distinct(session: Session, column: InstrumentedAttribute[str]) -> Sequence[str]:
    """The values a column has among products on the shelf, jumping from one to the next along its index: few steps for many rows."""
    on_sale = Product.state == ProductState.ON_SALE
    first = select(func.min(column).label("value")).where(on_sale)
    seen = first.cte("seen", recursive=True)
    following = select(func.min(column)).where(on_sale, column > seen.c.value).correlate(seen).scalar_subquery()
    seen = seen.union_all(select(following).where(seen.c.value.is_not(None)))
    return session.scalars(select(seen.c.value).where(seen.c.value.is_not(None))).all()


def list_counties(session: Session) -> list[tuple[Area, list[Area]]]:
    """Counties with something on the shelf, province by province."""
    codes = _list_distinct(session, Product.county_code)
    areas = list_areas(session, [*codes, *(province_of(code) for code in codes)])
    found: dict[str, list[Area]] = {}
    for code in sorted(codes):
        if code in areas and province_of(code) in areas:
            found.setdefault(province_of(code), []).append(areas[code])
    return [(areas[province], counties) for province, counties in sorted(found.items())]


def list_growers(session: Session, county_code: str) -> Sequence[Organization]:
    """The cooperatives that have a product of this county on the shelf, by name."""
    with_goods = select(Product.cooperative_id).where(Product.county_code == county_code, Product.state == ProductState.ON_SALE)
    return session.scalars(select(Organization).where(Organization.id.in_(with_goods)).order_by(Organization.name)).all()


def find_page(session: Session, slug: str) -> Page | None:
    """The newest version of an operator's page, or None."""
    return session.scalar(select(Page).where(Page.slug == slug).order_by(Page.version.desc()).limit(1))


def list_pages(session: Session) -> Sequence[Page]:
    """The newest version of each of the operator's pages."""
    return session.scalars(select(Page).ext(distinct_on(Page.slug)).order_by(Page.slug, Page.version.desc())).all()


def list_cooperatives(session: Session) -> Sequence[str]:
    """Codes of the cooperatives that have something on the shelf."""
    with_goods = select(Product.cooperative_id).where(Product.state == ProductState.ON_SALE)
    return session.scalars(select(Organization.code).where(Organization.id.in_(with_goods)).order_by(Organization.code)).all()


def list_sitemap(session: Session, *, start: str, limit: int, on: date) -> Sequence[str]:
    """SKUs that may be sold on that day, of the ``limit`` on the shelf from ``start`` on: for search engines."""
    part = select(Product.id).where(Product.state == ProductState.ON_SALE, Product.sku >= start).order_by(Product.sku).limit(limit)
    return session.scalars(select(Product.sku).where(Product.id.in_(part), sellable_on(on)).order_by(Product.sku)).all()


def list_sitemap_starts(session: Session, *, each: int) -> Sequence[str]:
    """The first SKU of each part of the sitemap, ``each`` products a part."""
    number = func.row_number().over(order_by=Product.sku).label("number")
    rows = select(Product.sku, number).where(Product.state == ProductState.ON_SALE).subquery()
    return session.scalars(select(rows.c.sku).where(and_((rows.c.number - 1) % each == 0)).order_by(rows.c.sku)).all()
