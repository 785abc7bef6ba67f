"""Valid rows of the catalog floor: actors, organisations, households, papers, products on sale, prices."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from flask import Flask, g
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents import issuing
from catalog.documents.models import Document, DocumentKind, SubjectKind
from catalog.documents.numbers import NumberKind, make_demo_number
from catalog.parties import registering
from catalog.parties.models import (
    SYSTEM,
    Actor,
    Household,
    Organization,
    OrganizationKind,
    Person,
    Place,
    PlaceKind,
    Role,
)
from catalog.parties.queries import get_actor
from catalog.prices import pricing
from catalog.prices.models import RETAIL, Price
from catalog.products import describing, listing, recognising
from catalog.products.models import Product, Temperature
from kernel.ids import new_code
from kernel.money import Money
from kernel.quantity import Unit

AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
YANCHI = "640323"
JINGNING = "620826"
BEGIN = date(2026, 1, 1)
END = date(2027, 12, 31)

_serials = count(1)


def make_organization(
    session: Session, kind: OrganizationKind = OrganizationKind.COOPERATIVE, *, at: datetime = AT, **over: Any
) -> Organization:
    """An organisation of that kind in 盐池."""
    values: dict[str, Any] = {
        "name": f"示例单位{next(_serials)}",
        "county_code": YANCHI,
        "contact_phone": "13800000000",
        "is_demo": True,
    }
    return registering.register_organization(session, SYSTEM, kind=kind, at=at, **(values | over))


def make_person(session: Session, *, at: datetime = AT, **over: Any) -> Person:
    """A person without any role."""
    return registering.register_person(session, SYSTEM, at=at, **({"name": f"示例人{next(_serials)}", "is_demo": True} | over))


ORGANIZATION_OF: dict[Role, OrganizationKind] = {
    Role.clerk: OrganizationKind.COOPERATIVE,
    Role.packer: OrganizationKind.HUB,
    Role.certifier: OrganizationKind.CERTIFIER,
    Role.county_officer: OrganizationKind.COUNTY_OFFICE,
    Role.operator: OrganizationKind.OPERATOR,
    Role.auditor: OrganizationKind.OPERATOR,
    Role.requester: OrganizationKind.BUYING_ORGANIZATION,
    Role.approver: OrganizationKind.BUYING_ORGANIZATION,
    Role.finance: OrganizationKind.BUYING_ORGANIZATION,
    Role.inspector: OrganizationKind.BUYING_ORGANIZATION,
}


def make_actor(
    session: Session,
    role: Role | Sequence[Role] = Role.consumer,
    organization: Organization | None = None,
    *,
    person: Person | None = None,
    at: datetime = AT,
) -> Actor:
    """The actor of a (new) person with that role, or those roles, in ``organization`` (a new one of the fitting kind when None)."""
    person = person or make_person(session, at=at)
    for each in [role] if isinstance(role, Role) else role:
        if each is not Role.consumer:
            organization = organization or make_organization(session, ORGANIZATION_OF[each], at=at)
            registering.add_member(session, SYSTEM, person_id=person.id, organization_id=organization.id, role=each, at=at)
    return get_actor(session, person.id)


def make_household(session: Session, cooperative: Organization | None = None, *, at: datetime = AT, **over: Any) -> Household:
    """A member household with land, sheep and hives enough for most tests."""
    cooperative = cooperative or make_organization(session, at=at)
    values: dict[str, Any] = {
        "head_name": "王示例",
        "county_code": cooperative.county_code or YANCHI,
        "town": "示例镇",
        "village": "示例村",
        "capacity": {"land_mu": "30", "heads": "100", "hives": "40"},
        "is_demo": True,
    }
    return registering.register_household(session, SYSTEM, cooperative_id=cooperative.id, at=at, **(values | over))


def make_place(session: Session, organization: Organization | None = None, **over: Any) -> Place:
    """A place of the organisation."""
    organization = organization or make_organization(session)
    values: dict[str, Any] = {"name": "示例仓", "kind": PlaceKind.HUB, "county_code": organization.county_code or YANCHI}
    return registering.register_place(session, SYSTEM, organization_id=organization.id, **(values | over))


DEMO_NUMBERS = {kind: schemes[0] for kind, schemes in issuing.NUMBER_KINDS.items()}


def make_document(
    session: Session,
    kind: DocumentKind = DocumentKind.BUSINESS_LICENCE,
    subject_kind: SubjectKind = SubjectKind.ORGANIZATION,
    subject_code: str | None = None,
    *,
    at: datetime = AT,
    **over: Any,
) -> Document:
    """A paper valid from 2026-01-01 to 2027-12-31, with a made-up number."""
    values: dict[str, Any] = {
        "number": make_demo_number(DEMO_NUMBERS[kind], next(_serials)),
        "issuer": "示例发证机关",
        "issued_on": BEGIN,
        "valid_from": BEGIN,
        "valid_to": END,
        "demo": True,
    }
    code = subject_code or make_organization(session, at=at).code
    return issuing.record_document(
        session, SYSTEM, kind=kind, subject_kind=subject_kind, subject_code=code, at=at, **(values | over)
    )


def make_papers(session: Session, product: Product, *, at: datetime = AT) -> list[Document]:
    """Every shelf paper the product still misses."""
    needs = listing.shelf_needs_of(session, [product])[product.id]
    held = {(d.kind, d.subject_kind, d.subject_code) for d in session.scalars(select(Document))}
    return [make_document(session, *need, at=at) for need in needs if need not in held]


def make_draft(session: Session, cooperative: Organization | None = None, *, at: datetime = AT, **over: Any) -> Product:
    """A product that nobody recommended yet."""
    cooperative_id: UUID = (cooperative or make_organization(session, at=at)).id
    values: dict[str, Any] = {
        "sku": new_code("SKU"),
        "name": "盐池滩羊肉（羊腿切块）",
        "category": "肉类",
        "county_code": YANCHI,
        "cooperative_id": cooperative_id,
        "pack_amount": Decimal(1),
        "pack_unit": Unit.KG,
        "net_content": "1kg/盒",
        "shelf_life_days": 365,
        "temperature": Temperature.FROZEN,
        "gtin": make_demo_number(NumberKind.GTIN, 500_000_000 + next(_serials)),
        "needs": [DocumentKind.BUSINESS_LICENCE, DocumentKind.GEOGRAPHICAL_INDICATION],
        "season_months": list(range(1, 13)),
        "picture": "lamb",
        "is_demo": True,
    }
    return describing.create_product(session, SYSTEM, describing.ProductDraft(**(values | over)), at)


def make_product(
    session: Session, cooperative: Organization | None = None, *, at: datetime = AT, price: int | None = 12_800, **over: Any
) -> Product:
    """A product on sale: recommended, approved, with every paper it needs valid, priced at ``price`` fen (None: no price)."""
    product = make_draft(session, cooperative, at=at, **over)
    recognising.apply(session, SYSTEM, product, at)
    recognising.recommend(session, SYSTEM, product, at, "已核查产地和产能")
    recognising.approve(session, SYSTEM, product, at, "资料齐全")
    make_papers(session, product, at=at)
    listing.put_on_sale(session, SYSTEM, product, at)
    if price is not None:
        make_price(session, product, price)
    return product


def make_price(session: Session, product: Product, fen: int = 12_800, **over: Any) -> Price:
    """A retail price from 2026-01-01 on."""
    values: dict[str, Any] = {"valid_from": BEGIN, "price_list_code": RETAIL}
    return pricing.set_price(session, SYSTEM, product_id=product.id, price=Money(fen), **(values | over))


def act_as(app: Flask, actor: Actor) -> None:
    """Let every later request to ``app`` come from ``actor`` (call again to change). Stands in for signing in, nothing else."""
    if "acting" not in app.extensions:
        # Appended last, so it wins over the session that accounts looks at.
        app.before_request_funcs.setdefault(None, []).append(lambda: _set_actor(app))
    app.extensions["acting"] = actor


def _set_actor(app: Flask) -> None:
    g.actor = app.extensions["acting"]
    g.actor_key = str(g.actor.person_id or g.actor.label)


def form(**values: Any) -> dict[str, Any]:
    """Form data with a fresh idempotency key."""
    return {"idempotency_key": new_code("KEY") + "-test", **values}
