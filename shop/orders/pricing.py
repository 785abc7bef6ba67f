"""What a set of wants costs today, with the products it is about: shown on basket and checkout, and worked out again when placing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.queries import map_organizations
from catalog.prices.models import RETAIL
from catalog.prices.queries import NoPrice, find_price_list_for, find_prices, list_freight
from catalog.prices.quoting import Arrival, Discount, FreightRule, Quote, QuoteLine, find_rule, quote
from catalog.products.listing import must_be_on_sale
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import NotFound
from logistics.stock.freshness import TRANSIT_DAYS, keeps_until
from logistics.stock.queries import Shelves, look_at_shelves


@dataclass(frozen=True)
class PricedOrder:
    """A quote and the rows behind it: ``products`` by SKU, ``sellers`` by code, the ``rules`` of freight that hold at its province.

    ``stale`` names the products of which there are too few boxes that would arrive there fresh.
    """

    quote: Quote
    products: Mapping[str, Product]
    sellers: Mapping[str, UUID]
    rules: Sequence[FreightRule] = ()
    province_code: str | None = None
    discounts: Sequence[Discount] = ()
    stale: Sequence[str] = ()

    def leaving(self, places: Mapping[str, Mapping[UUID, int]], on: date) -> PricedOrder:
        """The same with the freight of these parcels: SKU → place → boxes."""
        lines = [
            replace(item.line, places=tuple((str(place), boxes) for place, boxes in places.get(item.line.sku, {}).items()))
            for item in self.quote.lines
        ]
        again = quote(lines, self.rules, province_code=self.province_code, discounts=self.discounts, on=on)
        return replace(self, quote=again)

    def arrival(self, product: Product, on: date) -> Arrival | None:
        """When this product arrives that is paid for on that day; None when the seller has not said."""
        codes = {seller_id: code for code, seller_id in self.sellers.items()}
        rule = find_rule(codes[product.seller_id], self.rules, self.province_code)
        return rule.expect(on) if rule is not None else None

    def keeping(self, on: date) -> dict[UUID, date]:
        """The earliest day on which the boxes of each product may expire, so that they arrive fresh."""
        found = {}
        for product in self.products.values():
            arrival = self.arrival(product, on)
            last = arrival.last if arrival is not None else on + timedelta(days=TRANSIT_DAYS)
            found[product.id] = keeps_until(last, product.shelf_life_days)
        return found


def price_lines(
    session: Session,
    wants: Mapping[str, int],
    *,
    province_code: str | None,
    at: datetime,
    organization_id: UUID | None = None,
    discounts: Sequence[Discount] = (),
    from_stock: bool = True,
) -> PricedOrder:
    """Price ``wants`` (SKU → boxes) for a province (None: freight not known yet), less ``discounts``, in a fixed number of queries.

    Freight is that of the parcels the boxes would make if they were promised now; of boxes not ``from_stock`` (预售) nobody knows the
    place yet, so they are one parcel. Raises NotFound (no such product), NotForSale (papers, with every reason), NoPrice, NotDeliverable.
    """
    on = today_shanghai(at)
    products = find_wanted(session, wants)
    must_be_on_sale(session, list(products.values()), on)
    special = find_price_list_for(session, organization_id, on) if organization_id else None
    prices = find_prices(
        session, {product.id: wants[sku] for sku, product in products.items()}, on, special.code if special else RETAIL
    )
    codes = {key: body.code for key, body in map_organizations(session, [p.seller_id for p in products.values()]).items()}
    sellers = {code: key for key, code in codes.items()}
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
                temperature=product.temperature.value,
            )
        )
    rules = list_freight(session, sellers.values(), province_code, on) if province_code else []
    plain = quote(lines, rules, province_code=province_code, discounts=discounts, on=on)
    priced = PricedOrder(plain, products, sellers, rules, province_code, discounts)
    if not (province_code and from_stock):
        return priced
    return leave_from(priced, look_at_shelves(session, [product.id for product in products.values()], at), wants, on)


def leave_from(priced: PricedOrder, shelves: Shelves, wants: Mapping[str, int], on: date) -> PricedOrder:
    """The same with the parcels that its boxes would make if they were taken from ``shelves`` now."""
    boxes = {product.id: wants[sku] for sku, product in priced.products.items()}
    found = shelves.take(boxes, priced.keeping(on))
    short = [sku for sku, product in priced.products.items() if sum(found[product.id].values()) < wants[sku]]
    there = priced.leaving({sku: found[product.id] for sku, product in priced.products.items()}, on)
    return replace(there, stale=short)


def find_wanted(session: Session, wants: Mapping[str, int]) -> dict[str, Product]:
    """The products of ``wants`` by SKU, in the order wanted. Raises NotFound naming the first that is gone."""
    found = {product.sku: product for product in session.scalars(select(Product).where(Product.sku.in_(wants)))}
    for sku in wants:
        if sku not in found:
            raise NotFound("没有货号为“%(sku)s”的产品，请从购物篮移除。", params={"sku": sku[:40]})
    return {sku: found[sku] for sku in wants}
