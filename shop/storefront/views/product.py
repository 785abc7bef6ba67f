"""The page of one product: price, freight, dates of the lot on offer, papers, seller, what reaches the grower."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.models import Area
from catalog.areas.queries import find_area, list_areas, list_provinces, province_of
from catalog.documents.models import CHECK_LABELS, KIND_LABELS, Document, SubjectKind
from catalog.documents.queries import list_documents_of
from catalog.parties.models import Organization
from catalog.parties.queries import map_organizations
from catalog.prices.queries import list_freight, list_tiers
from catalog.prices.quoting import Arrival, FreightRule, NotDeliverable, QuoteLine, SellerQuote, find_rule, quote
from catalog.products import listing
from catalog.products.models import Product, ReturnClass
from catalog.products.queries import get_product
from kernel import clock
from kernel.db import reading
from kernel.errors import NotFound
from kernel.files import FileStore, sniff
from kernel.money import Money
from kernel.web import everyone, kept_page, named
from logistics.stock.freshness import keeps_until
from logistics.stock.models import Presale
from logistics.stock.queries import NextLot, available, find_next_lot, find_presales
from shop.assistance.sharing import find_shares
from shop.basket.models import MOST_BOXES
from shop.reviews.queries import Summary, summarise
from shop.storefront.keeping import OneProduct, look_at_product
from shop.storefront.unit_price import price_per_500
from shop.storefront.views.pictures import picture_of
from shop.storefront.views.reader import seen_by_reader
from traceability.lots.queries import list_upstream_lots
from traceability.scan.states import PAYEE_LABELS, Payee

bp = Blueprint("storefront_product", __name__, template_folder="../templates")
PROVINCE = "province"


@dataclass(frozen=True)
class Offer:
    """What one box costs, how many there are and when it arrives; ``price`` is None when the product may not be sold today.

    Boxes and lot are those that arrive fresh in the reader's province, once it is known: none that expires before ``keep``.
    """

    price: Money | None
    tiers: list[tuple[int, Money]]
    boxes: int
    lot: NextLot | None
    arrival: Arrival | None
    keep: date | None
    reasons: list[str]

    @property
    def fresh_days(self) -> int | None:
        """Days of shelf life the lot on offer has left on the last day of arrival; None when no day is promised or it does not expire."""
        if self.lot is None or self.lot.expires_on is None or self.arrival is None:
            return None
        return (self.lot.expires_on - self.arrival.last).days

    @property
    def open(self) -> bool:
        """Whether it can be put into a basket."""
        return self.price is not None and self.boxes > 0 and not self.reasons


@bp.get("/products/<sku>")
@everyone
def show(sku: str) -> ResponseReturnValue:
    """One product; ``?province=`` asks what carrying it there costs, and is remembered."""
    at, province = clock.now(), _wanted_province()
    return kept_page(
        (seen_by_reader(), province),
        lambda watched: look_at_product(watched, at),
        lambda: _draw(sku, province, at),
        questions=("province",),
    )


def _draw(sku: str, wanted_province: str, at: datetime) -> tuple[str, OneProduct]:
    on = clock.today_shanghai(at)
    with reading() as open_session:
        product = get_product(open_session, sku)
        bodies = map_organizations(
            open_session, [i for i in (product.seller_id, product.cooperative_id, product.processor_id) if i is not None]
        )
        seller = bodies[product.seller_id]
        areas = list_areas(open_session, [product.county_code, province_of(product.county_code)])
        province = find_area(open_session, wanted_province) if wanted_province else None
        rules = list_freight(open_session, [seller.id], province.code, on) if province else []
        offer = _offer(open_session, product, at, _arrival(seller, rules, province, on))
        lots = _lots_of(open_session, offer.lot)
        stars = summarise(open_session, product.id)
        presale = find_presales(open_session, [product.id], at).get(product.id) if offer.price and not offer.reasons else None
        html = render_template(
            "storefront/product.html",
            product=product,
            offer=offer,
            most=min(offer.boxes, MOST_BOXES),
            per_500=price_per_500(offer.price, product.pack_amount, product.pack_unit) if offer.price else None,
            county=areas.get(product.county_code),
            area_path=[areas[code] for code in (province_of(product.county_code), product.county_code) if code in areas],
            cooperative=bodies[product.cooperative_id],
            seller=seller,
            maker=bodies.get(product.processor_id) if product.processor_id else None,
            papers=listing.list_shown_documents(open_session, product, on),
            lot_papers=_lot_papers(open_session, lots, on),
            kind_labels=KIND_LABELS,
            check_labels=CHECK_LABELS,
            provinces=list_provinces(open_session),
            province=province,
            freight=_freight(product, seller, offer.price, province, rules, on),
            shares=_shares(open_session, product, at),
            presale=presale,
            ahead=min(presale.left, presale.per_person) if presale else 0,
            closes_on=presale.closes_at - timedelta(seconds=1) if presale else None,
            fresh=product.return_class is ReturnClass.FRESH_NO_RETURN,
            stars=stars,
            structured=_structured(product, offer, (seller, bodies[product.cooperative_id]), presale, stars),
            breadcrumbs=_breadcrumbs(product, areas.get(product.county_code)),
        )
    holders = [(SubjectKind.ORGANIZATION.value, body.code) for body in bodies.values()]
    papers_of = [(SubjectKind.PRODUCT.value, product.sku), *holders, *((SubjectKind.LOT.value, code) for code in lots)]
    return html, OneProduct(product.id, tuple(sorted(bodies)), tuple(sorted(papers_of)), offer.keep)


def _arrival(seller: Organization, rules: Sequence[FreightRule], province: Area | None, on: date) -> Arrival | None:
    """When it arrives in the reader's province, if the seller has said."""
    rule = find_rule(seller.code, rules, province.code) if province else None
    return rule.expect(on) if rule is not None and rule.deliverable else None


def _offer(open_session: Session, product: Product, at: datetime, arrival: Arrival | None) -> Offer:
    on = clock.today_shanghai(at)
    keep = keeps_until(arrival.last, product.shelf_life_days) if arrival else None
    keeping = {product.id: keep} if keep else {}
    tiers = list_tiers(open_session, product.id, on)
    return Offer(
        price=tiers[0][1] if tiers else None,
        tiers=tiers,
        boxes=available(open_session, [product.id], at, keeping=keeping)[product.id],
        lot=find_next_lot(open_session, product.id, at, keeping=keeping),
        arrival=arrival,
        keep=keep,
        reasons=listing.why_not_on_sale(open_session, product, on, _),
    )


def _lots_of(open_session: Session, lot: NextLot | None) -> list[str]:
    """The codes of the lot on offer and of the lots it was made from: animals are inspected, not boxes."""
    return [lot.lot_code, *(origin.code for origin in list_upstream_lots(open_session, lot.lot_id))] if lot else []


def _lot_papers(open_session: Session, lots: list[str], on: date) -> list[Document]:
    """The papers of these lots that hold, the newest of each kind."""
    papers = list_documents_of(open_session, SubjectKind.LOT, lots) if lots else []
    return list({paper.kind: paper for paper in papers if paper.covers(on) and paper.revoked_at is None}.values())


def _wanted_province() -> str:
    """The code of the province the reader wants things sent to: asked for now, or before; "" when never."""
    code = request.args.get("province")
    if not code:
        return str(session.get(PROVINCE, ""))
    with reading() as open_session:
        area = find_area(open_session, province_of(code)) if len(code) == 6 and code.isdigit() else None
    if area is not None:
        session[PROVINCE] = area.code
    return area.code if area is not None else ""


def _freight(
    product: Product, seller: Organization, price: Money | None, province: Area | None, rules: Sequence[FreightRule], on: date
) -> SellerQuote | str | None:
    """What carrying one box there costs, why, and when it arrives, or the sentence that nobody carries it there."""
    if province is None or price is None:
        return None
    line = QuoteLine(product.sku, product.name, 1, price, seller.code, product.gross_grams, product.temperature.value)
    try:
        return quote([line], rules, province_code=province.code, on=on).sellers[0]
    except NotDeliverable:
        return str(_("这个商品不送到%(province)s。", province=named(province)))


def _shares(open_session: Session, product: Product, at: datetime) -> list[tuple[str, int, str]]:
    """(who, fen, shown) of what reaches whom of 100 yuan by the agreement that holds today, for ``parts.shares``."""
    rule = find_shares(open_session, product.id, at=at)
    parts = rule.parts if rule else {}
    return [(_(PAYEE_LABELS[payee]), parts[payee], str(Money(parts[payee]))) for payee in Payee if payee in parts]


def _breadcrumbs(product: Product, county: Area | None) -> dict[str, Any]:
    """schema.org/BreadcrumbList: the county, then the product."""
    site = current_app.config["SHANHAI"].public_url
    steps = [(_("产地"), url_for("storefront.counties"))]
    if county is not None:
        steps.append((named(county), url_for("storefront.county", code=county.code)))
    steps.append((named(product), url_for(".show", sku=product.sku)))
    items = [
        {"@type": "ListItem", "position": place, "name": name, "item": site + path}
        for place, (name, path) in enumerate(steps, start=1)
    ]
    return {"@context": "https://schema.org", "@type": "BreadcrumbList", "itemListElement": items}


def _returns(product: Product) -> dict[str, Any]:
    """schema.org/MerchantReturnPolicy: seven days, or none for what is fresh (消费者权益保护法 art. 25)."""
    found: dict[str, Any] = {"@type": "MerchantReturnPolicy", "applicableCountry": "CN"}
    if product.return_class is ReturnClass.FRESH_NO_RETURN:
        return found | {"returnPolicyCategory": "https://schema.org/MerchantReturnNotPermitted"}
    return found | {"returnPolicyCategory": "https://schema.org/MerchantReturnFiniteReturnWindow", "merchantReturnDays": 7}


def _structured(
    product: Product, offer: Offer, bodies: tuple[Organization, Organization], presale: Presale | None, stars: Summary
) -> dict[str, Any]:
    """schema.org/Product, for search engines; ``bodies``: its seller and its cooperative."""
    site, (seller, cooperative) = current_app.config["SHANHAI"].public_url, bodies
    found: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Product",
        "sku": product.sku,
        "name": product.name,
        "category": product.category,
        "description": product.description or product.name,
        "url": site + url_for(".show", sku=product.sku),
        "image": site + picture_of(product),
        "brand": {"@type": "Brand", "name": cooperative.name},
    }
    if stars.mean is not None:
        found["aggregateRating"] = {"@type": "AggregateRating", "ratingValue": str(stars.mean), "reviewCount": stars.count}
    if product.gtin:
        found["gtin14"] = product.gtin
    if offer.price is not None:
        found["offers"] = {
            "@type": "Offer",
            "price": f"{offer.price.minor // 100}.{offer.price.minor % 100:02d}",
            "priceCurrency": offer.price.currency,
            "availability": f"https://schema.org/{'InStock' if offer.open else 'PreOrder' if presale and presale.left else 'OutOfStock'}",
            "seller": {"@type": "Organization", "name": seller.name},
            "hasMerchantReturnPolicy": _returns(product),
        }
    return found


@bp.get("/products/<sku>/picture/<digest>")
@everyone
def picture(sku: str, digest: str) -> ResponseReturnValue:
    """A product's uploaded photo. Only the one it shows now: other uploads are nobody's business."""
    with reading() as open_session:
        shown = get_product(open_session, sku).picture_digest
    if shown is None or shown != digest:
        raise NotFound("没有这张图片。")
    with FileStore(current_app.config["SHANHAI"].files_dir).open(digest) as file:
        content = file.read()
    answer = Response(content, mimetype=sniff(content))
    answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return answer
