"""What a set of wants costs today, with the products it is about: shown on basket and checkout, and worked out again when placing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Organization
from catalog.prices.models import RETAIL
from catalog.prices.queries import NoPrice, find_price_list_for, find_prices, list_freight
from catalog.prices.quoting import Discount, Quote, QuoteLine, quote
from catalog.products.listing import must_be_on_sale
from catalog.products.models import Product, Temperature
from kernel.clock import today_shanghai
from kernel.errors import NotFound


@dataclass(frozen=True)
class PricedOrder:
    """A quote and the rows behind it: ``products`` by SKU, ``sellers`` by code."""

    quote: Quote
    products: Mapping[str, Product]
    sellers: Mapping[str, UUID]


def price_lines(
    session: Session,
    wants: Mapping[str, int],
    *,
    province_code: str | None,
    at: datetime,
    organization_id: UUID | None = None,
    discounts: Sequence[Discount] = (),
) -> PricedOrder:
    """Price ``wants`` (SKU → boxes) for a province (None: freight not known yet), less ``discounts``, in a fixed number of queries.

    Raises NotFound (no such product), NotForSale (papers, with every reason), NoPrice, NotDeliverable.
    """
    on = today_shanghai(at)
    products = find_wanted(session, wants)
    must_be_on_sale(session, list(products.values()), on)
    special = find_price_list_for(session, organization_id, on) if organization_id else None
    prices = find_prices(
        session, {product.id: wants[sku] for sku, product in products.items()}, on, special.code if special else RETAIL
    )
    sellers = {
        code: seller_id
        for seller_id, code in session.execute(
            select(Organization.id, Organization.code).where(Organization.id.in_({p.seller_id for p in products.values()}))
        )
    }
    codes = {seller_id: code for code, seller_id in sellers.items()}
    lines = []
    for sku, product in products.items():
        if product.id not in prices:
            raise NoPrice("“%(name)s”今天没有定价，暂时不能购买。", params={"name": product.name})
        lines.append(
            QuoteLine(
                sku=sku,
                name=product.name,
                quantity=wants[sku],
                unit_price=prices[product.id],
                seller_code=codes[product.seller_id],
                grams=product.gross_grams,
                cold=product.temperature is not Temperature.AMBIENT,
            )
        )
    rules = list_freight(session, sellers.values(), province_code, on) if province_code else []
    return PricedOrder(quote(lines, rules, province_code=province_code, discounts=discounts), products, sellers)


def find_wanted(session: Session, wants: Mapping[str, int]) -> dict[str, Product]:
    """The products of ``wants`` by SKU, in the order wanted. Raises NotFound naming the first that is gone."""
    found = {product.sku: product for product in session.scalars(select(Product).where(Product.sku.in_(wants)))}
    for sku in wants:
        if sku not in found:
            raise NotFound("没有货号为“%(sku)s”的产品，请从购物篮移除。", params={"sku": sku[:40]})
    return {sku: found[sku] for sku in wants}
