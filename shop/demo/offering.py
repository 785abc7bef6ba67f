"""The demo's products: recognised, priced and on the shelf with made-up papers valid around the day of loading."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.queries import list_areas
from catalog.documents import issuing
from catalog.documents.models import Document, DocumentKind, SubjectKind
from catalog.documents.numbers import NumberKind, make_demo_number
from catalog.parties.models import SYSTEM
from catalog.prices import carrying, pricing
from catalog.prices.carrying import ANYWHERE, FreightTerms
from catalog.prices.models import RETAIL
from catalog.products import describing, listing, recognising
from catalog.products.models import Product, Temperature
from kernel.clock import today_shanghai
from kernel.money import Money
from shop.assistance import sharing
from shop.demo.catalogue import SampleProduct, picture_of
from shop.demo.peopling import YANCHI, map_organizations

FAR_PROVINCES = ("540000", "650000", "150000")


def make_products(session: Session, samples: Sequence[SampleProduct], *, at: datetime) -> None:
    """Enter, recognise, price and put on sale every sample that is not there yet."""
    organizations = map_organizations(session)
    today = today_shanghai(at)
    begin = today - timedelta(days=300)
    known = set(session.scalars(select(Product.sku)))
    areas = list_areas(session, [sample.county_code for sample in samples])
    for number, sample in enumerate(samples, start=1):
        if sample.sku in known:
            continue
        is_meat = DocumentKind.MEAT_INSPECTION in sample.papers
        draft = describing.ProductDraft(
            sku=sample.sku,
            name=sample.name,
            name_en=sample.name_en,
            category=sample.category,
            materials=[sample.material],
            county_code=sample.county_code,
            cooperative_id=organizations[f"COOP-{sample.county_code}"],
            seller_id=organizations["DEMO-OPERATOR"],
            processor_id=organizations["DEMO-SLAUGHTER"] if is_meat and sample.county_code == YANCHI else None,
            gtin=make_demo_number(NumberKind.GTIN, number),
            pack_amount=sample.amount,
            pack_unit=sample.unit,
            net_content=sample.net_content,
            shelf_life_days=sample.shelf_life_days,
            temperature=sample.temperature,
            storage=sample.storage,
            needs=sample.papers,
            season_months=sample.months,
            season_note=sample.season,
            picture=picture_of(sample.sku),
            vat_class=sample.vat_class,
            description=f"产自{sample.county}，由合作社统一收购、分级、装箱，每一箱都有自己的编号，扫码可查。",
            description_en=f"Grown in {areas[sample.county_code].name_en}; bought, graded and packed by the cooperative."
            " Each box has its own code.",
            is_demo=True,
        )
        product = describing.create_product(session, SYSTEM, draft, at)
        recognising.apply(session, SYSTEM, product, at)
        recognising.recommend(session, SYSTEM, product, at, "演示：已核查产地和产能")
        recognising.approve(session, SYSTEM, product, at, "演示：资料齐全")
        make_papers(session, product, number, begin, today + timedelta(days=400), at=at)
        pricing.set_price(
            session, SYSTEM, product_id=product.id, price=Money(sample.price_fen), valid_from=begin, price_list_code=RETAIL
        )
        listing.put_on_sale(session, SYSTEM, product, at)
        sharing.set_shares(session, SYSTEM, product, _shares(sample), "示例购销协议", at=at)


def _shares(sample: SampleProduct) -> dict[str, int]:
    """Parts of 100 yuan: what travels cold spends more on the road, what is made from grain or leaf more on making."""
    freight = 1600 if sample.temperature is not Temperature.AMBIENT else 900
    processing = 400 if sample.category in ("水果", "蔬菜") else 1000
    parts = {"cooperative": 900, "processing": processing, "packing": 600, "freight": freight, "payment": 100, "platform": 500}
    return parts | {"household": 10_000 - sum(parts.values())}


def make_papers(session: Session, product: Product, number: int, begin: date, end: date, *, at: datetime) -> None:
    """Every shelf paper the product needs and nobody holds yet; numbers are visibly made up."""
    needs = listing.shelf_needs_of(session, [product])[product.id]
    for place, (kind, subject_kind, subject_code) in enumerate(needs):
        if _held(session, kind, subject_kind, subject_code):
            continue
        scheme = issuing.NUMBER_KINDS[kind][0]
        issuing.record_document(
            session,
            SYSTEM,
            kind=kind,
            number=make_demo_number(scheme, number * 10 + place),
            subject_kind=subject_kind,
            subject_code=subject_code,
            issuer="示例发证机关",
            issued_on=begin,
            valid_from=begin,
            valid_to=end,
            demo=True,
            at=at,
        )


def _held(session: Session, kind: DocumentKind, subject_kind: SubjectKind, code: str) -> bool:
    query = select(Document.id).where(
        Document.kind == kind, Document.subject_kind == subject_kind, Document.subject_code == code, Document.revoked_at.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def make_freight(session: Session, *, at: datetime) -> None:
    """Freight of the demo's seller: one rule for anywhere, a dearer and slower one for far provinces."""
    seller_id = map_organizations(session)["DEMO-OPERATOR"]
    begin = today_shanghai(at) - timedelta(days=300)
    near = FreightTerms(
        first_fen=800, step_fen=200, cold_fen=1000, free_over_fen=19900, handling_days=1, days_from=1, days_to=2
    )  # fmt: skip
    far = FreightTerms(first_fen=1800, step_fen=900, cold_fen=1000, handling_days=1, days_from=3, days_to=5)
    for provinces, terms in (([ANYWHERE], near), (FAR_PROVINCES, far)):
        carrying.set_freight(session, SYSTEM, seller_id=seller_id, provinces=provinces, terms=terms, valid_from=begin, at=at)
