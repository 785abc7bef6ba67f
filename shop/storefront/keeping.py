"""What a kept page was drawn from, and the one SELECT that tells whether it is still true (kernel/pages.py).

A row that changed has another ``xmin`` (the transaction that wrote it), so the xmins of the rows a page was drawn from are its state; a
row more or less changes the list. What time alone changes is in the day and, for boxes, in what is free at this moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, Uuid, bindparam, func, literal, literal_column, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.db import Glance
from logistics.stock.queries import boxes_left, offer_seen, presale_taking_orders
from shop.basket.models import MOST_BOXES

LISTS_FOR = timedelta(seconds=10)  # which products a list names, and in which order; price and boxes of each are asked every time
PAGES_FOR = timedelta(minutes=10)  # what no state speaks of: the names of areas


@dataclass(frozen=True)
class OneProduct:
    """What the page of one product was drawn from."""

    product_id: UUID
    organization_ids: tuple[UUID, ...]
    papers_of: tuple[tuple[str, str], ...]
    """Whose papers: (kind of subject, its code)."""
    keep: date | None = None
    """The day before which no box it tells of expires; None when no arrival is promised."""


@dataclass(frozen=True)
class Listed:
    """What a list was drawn from: the products it names."""

    product_ids: tuple[UUID, ...]


_PRODUCT = bindparam("product", type_=Uuid)
_ONE = Glance(
    select(
        offer_seen(_PRODUCT, MOST_BOXES),
        text("""
(SELECT row.xmin::text FROM products_product row WHERE row.id = :product),
(SELECT array_agg(row.xmin ORDER BY row.id)::text FROM prices_price row WHERE row.product_id = :product),
(SELECT row.xmin::text FROM prices_price_list row WHERE row.code = 'retail'),
(SELECT array_agg(row.xmin ORDER BY row.id)::text FROM parties_organization row WHERE row.id = ANY(:organizations)),
(SELECT array_agg(row.xmin ORDER BY row.id)::text FROM documents_document row
   JOIN unnest(CAST(:kinds AS text[]), CAST(:codes AS text[])) AS about (kind, code)
     ON row.subject_kind = about.kind AND row.subject_code = about.code),
(SELECT array_agg(row.xmin ORDER BY row.id)::text FROM prices_freight_template row WHERE row.seller_id = ANY(:organizations)),
(SELECT array_agg(row.xmin ORDER BY row.id)::text FROM assistance_share_rule row WHERE row.product_id = :product),
(SELECT concat(count(*), ' ', sum(row.stars)) FROM reviews_review row WHERE row.product_id = :product AND row.state = 'shown'),
(SELECT row.xmin::text FROM stock_presale row WHERE row.product_id = :product AND row.state IN ('asked', 'open'))
"""),
    )
)
_PRICES = "(SELECT array_agg(row.xmin ORDER BY row.id) FROM prices_price row WHERE row.product_id = products_product.id)"
_MANY = Glance(
    select(
        func.string_agg(
            func.concat(
                literal_column("products_product.xmin"),
                ":",
                literal_column(_PRICES),
                ":",
                func.coalesce(boxes_left(Product.id), 0) > 0,
                ":",
                presale_taking_orders(Product.id),
            ),
            aggregate_order_by(literal("; "), Product.id),
        ),
        text("(SELECT row.xmin::text FROM prices_price_list row WHERE row.code = 'retail')"),
    ).where(Product.id == func.any(bindparam("products", type_=ARRAY(Uuid))))
)


def look_at_product(watched: OneProduct, at: datetime) -> str:
    """How that stands which the page of a product was drawn from."""
    kinds, codes = zip(*watched.papers_of, strict=True)
    asked = {
        "product": watched.product_id,
        "organizations": list(watched.organization_ids),
        "kinds": list(kinds),
        "codes": list(codes),
        "keep": watched.keep,
    }
    return _state(_ONE, asked, at, PAGES_FOR)


def look_at_list(watched: Listed, at: datetime) -> str:
    """How the products of a list stand: each row, its price, whether there are boxes, and which pre-sale takes orders."""
    return _state(_MANY, {"products": list(watched.product_ids)}, at, LISTS_FOR)


def _state(glance: Glance, asked: Mapping[str, object], at: datetime, good_for: timedelta) -> str:
    on = today_shanghai(at)
    return repr((on, int(at.timestamp() // good_for.total_seconds()), glance.ask({**asked, "at": at, "on": on})))
