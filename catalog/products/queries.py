"""Looking up products: by SKU, by what may be sold on a day, by words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, Float, and_, case, cast, exists, false, func, literal, or_, select, tuple_
from sqlalchemy.dialects.postgresql import REAL, TSQUERY
from sqlalchemy.orm import Session, aliased

from catalog.documents.models import Document
from catalog.parties.models import Organization
from catalog.products.models import Product, ProductState, RecognitionStep
from catalog.products.needs import MAKER_KINDS, PRODUCT_KINDS, SELLER_KINDS
from catalog.products.tokens import query as tsquery_of
from kernel.clock import day_shanghai
from kernel.errors import NotFound
from kernel.periods import valid_on
from kernel.rows import fetch


def get_product(session: Session, sku: str) -> Product:
    """The product with this SKU. Raises NotFound."""
    product = find_product(session, sku)
    if product is None:
        raise NotFound("没有货号为“%(sku)s”的产品。", params={"sku": sku[:40]})
    return product


def find_product(session: Session, sku: str) -> Product | None:
    """The product with this SKU, or None."""
    return session.scalar(select(Product).where(Product.sku == sku))


def list_sellers(
    session: Session, among: Collection[UUID] | None, *, after: str | None = None, limit: int = 300
) -> Sequence[Organization]:
    """Organisations that sell something (of these, None: of all), by code; ``after`` is the code of the last one shown."""
    query = select(Organization).where(exists().where(Product.seller_id == Organization.id))
    if among is not None:
        query = query.where(Organization.id.in_(among))
    if after is not None:
        query = query.where(Organization.code > after)
    return session.scalars(query.order_by(Organization.code).limit(limit)).all()


def find_product_by_gtin(session: Session, gtin: str) -> Product | None:
    """The product with this GTIN-14, or None."""
    return session.scalar(select(Product).where(Product.gtin == gtin))


def map_products(session: Session, ids: Iterable[UUID]) -> dict[UUID, Product]:
    """Products by key, for lists that name many."""
    return fetch(session, Product, ids)


def list_products(
    session: Session,
    *,
    on: date,
    county: str | None = None,
    province: str | None = None,
    category: str | None = None,
    after: str | None = None,
    limit: int = 24,
) -> Sequence[Product]:
    """Products that may be sold on that day (on the shelf, papers valid), by SKU after ``after``."""
    query = select(Product).where(sellable_on(on), *_filters(county, province, category))
    if after is not None:
        query = query.where(Product.sku > after)
    return session.scalars(query.order_by(Product.sku).limit(limit)).all()


def list_products_in(
    session: Session,
    state: ProductState | None,
    *,
    cooperative_ids: Sequence[UUID] | None = None,
    county_codes: Sequence[str] | None = None,
    after: str | None = None,
    limit: int = 50,
) -> Sequence[Product]:
    """Products in one state (or all) for those who work on them: of these cooperatives or these counties (None, None: all)."""
    query = select(Product).order_by(Product.sku).limit(limit)
    if state is not None:
        query = query.where(Product.state == state)
    if cooperative_ids is not None or county_codes is not None:
        mine = list(cooperative_ids or ())
        query = query.where(
            or_(Product.cooperative_id.in_(mine), Product.seller_id.in_(mine), Product.county_code.in_(list(county_codes or ())))
        )
    if after is not None:
        query = query.where(Product.sku > after)
    return session.scalars(query).all()


@dataclass(frozen=True)
class Found:
    """One page of a search; ``after`` asks for the next one, None when this is the last."""

    products: Sequence[Product]
    after: str | None


def search_products(
    session: Session,
    text: str,
    *,
    on: date,
    county: str | None = None,
    province: str | None = None,
    category: str | None = None,
    where: Sequence[ColumnElement[bool]] = (),
    after: str | None = None,
    limit: int = 24,
) -> Found:
    """Products that may be sold on that day and match all that was typed, the best first.

    ``after`` is what the page before gave; one that was tampered with starts again. Nothing searchable in ``text`` finds nothing.
    ``where``: what upper floors narrow it by.
    """
    asked = tsquery_of(text)
    if asked is None:
        return Found([], None)
    match = cast(literal(asked), TSQUERY)
    rank = cast(func.ts_rank(Product.search, match), REAL)
    query = select(Product, cast(rank, Float)).where(
        Product.search.op("@@")(match), sellable_on(on), *_filters(county, province, category), *where
    )
    if (cursor := _cursor(after)) is not None:
        query = query.where(tuple_(-rank, Product.sku) > tuple_(cast(literal(-cursor[0]), REAL), literal(cursor[1])))
    rows = session.execute(query.order_by(-rank, Product.sku).limit(limit + 1)).all()
    more = f"{rows[limit - 1][1]!r}~{rows[limit - 1][0].sku}" if len(rows) > limit else None
    return Found([product for product, _ in rows[:limit]], more)


def matching(text: str) -> ColumnElement[bool]:
    """SQL condition: all that was typed is found in the product; nothing searchable finds nothing."""
    asked = tsquery_of(text)
    return Product.search.op("@@")(cast(literal(asked), TSQUERY)) if asked is not None else false()


def _cursor(after: str | None) -> tuple[float, str] | None:
    rank, mark, sku = (after or "").partition("~")
    try:
        return (float(rank), sku) if mark else None
    except ValueError:
        return None


def _filters(county: str | None, province: str | None, category: str | None) -> list[ColumnElement[bool]]:
    filters: list[ColumnElement[bool]] = []
    if county is not None:
        filters.append(Product.county_code == county)
    if province is not None:
        filters.append(Product.county_code.startswith(province[:2], autoescape=True))
    if category is not None:
        filters.append(Product.category == category)
    return filters


def sellable_on(on: date) -> ColumnElement[bool]:
    """SQL condition: on the shelf, and every shelf paper it needs holds on that day.

    Says in SQL what ``listing.why_not_on_sale`` says in words; a test keeps the two equal.
    """
    need = func.jsonb_array_elements_text(Product.needs).table_valued("value").alias("need")
    kind = need.c.value
    maker, seller = aliased(Organization), aliased(Organization)
    # Each part says by name what it belongs to: left to itself SQLAlchemy would look for the papers of any product.
    makers = select(maker.code).where(maker.id == func.coalesce(Product.processor_id, Product.cooperative_id))
    maker_code = makers.correlate(Product).scalar_subquery()
    seller_code = select(seller.code).where(seller.id == Product.seller_id).correlate(Product).scalar_subquery()
    organization_kinds = [*SELLER_KINDS, *MAKER_KINDS]
    subject_kind = case((kind.in_(organization_kinds), "organization"), else_="product")
    subject_code = case((kind.in_(list(SELLER_KINDS)), seller_code), (kind.in_(list(MAKER_KINDS)), maker_code), else_=Product.sku)
    _, day_ends = day_shanghai(on)
    paper = select(literal(1)).where(
        Document.kind == kind,
        Document.subject_kind == subject_kind,
        Document.subject_code == subject_code,
        valid_on(Document, on),
        or_(Document.revoked_at.is_(None), Document.revoked_at >= day_ends),
    )
    held = exists(paper.correlate(Product, need))
    lacking = exists(select(literal(1)).select_from(need).where(kind.in_([*organization_kinds, *PRODUCT_KINDS]), ~held))
    return and_(Product.state == ProductState.ON_SALE, ~lacking)


def list_categories(session: Session, on: date) -> list[tuple[str, int]]:
    """Categories that have something to sell on that day, with how many, the fullest first."""
    count = func.count()
    query = select(Product.category, count).where(sellable_on(on)).group_by(Product.category)
    rows = session.execute(query.order_by(count.desc(), Product.category)).all()
    return [(category, number) for category, number in rows]


def list_steps(session: Session, product_id: UUID) -> Sequence[RecognitionStep]:
    """The recognition history of a product, oldest first."""
    return session.scalars(
        select(RecognitionStep).where(RecognitionStep.product_id == product_id).order_by(RecognitionStep.at, RecognitionStep.id)
    ).all()


def is_product_picture(session: Session, digest: str) -> bool:
    """Whether a stored file is the picture of some product."""
    return session.scalar(select(Product.id).where(Product.picture_digest == digest).limit(1)) is not None
