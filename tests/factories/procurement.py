"""A buying organisation with its people, budget and goods; requests at every step, through the acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.products.models import Product
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from shop.orders.following import Received, mark_delivered, mark_shipped
from shop.orders.models import Order, Purpose
from shop.procurement import approving, budgeting, drafting, ordering, queries
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.quoting import WantedDelivery
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.shop import SHANGHAI, make_goods

FUZHOU = "350102"


@dataclass(frozen=True)
class Office:
    """A buying organisation: one person a role, budgets for the year, one product with boxes."""

    organization: Organization
    requester: Actor
    approver: Actor
    finance: Actor
    inspector: Actor
    product: Product


def make_office(session: Session, *, budget: int = 1_000_000, boxes: int = 100, at: datetime = AT) -> Office:
    """An office in 福州 with ¥10,000 a purpose."""
    where = make_organization(
        session, OrganizationKind.BUYING_ORGANIZATION, at=at, county_code=FUZHOU, name="示例机关食堂" + str(id(session))
    )
    people = [make_actor(session, role, where, at=at) for role in (Role.requester, Role.approver, Role.finance, Role.inspector)]
    office = Office(where, *people, make_goods(session, boxes=boxes, at=at))
    for purpose in (Purpose.CANTEEN, Purpose.STAFF_GIFT, Purpose.UNION):
        set_budget(session, office, budget, purpose=purpose, at=at)
    return office


def set_budget(session: Session, office: Office, fen: int, *, purpose: Purpose = Purpose.CANTEEN, at: datetime = AT) -> None:
    budgeting.set_budget(
        session, office.finance, organization_id=office.organization.id, year=at.year, purpose=purpose, amount=Money(fen), at=at
    )


def wanted(office: Office, boxes: int = 10, *, people: int = 1, **address: str) -> list[WantedDelivery]:
    """``boxes`` of the office's product to each of so many people."""
    return [
        WantedDelivery(SHANGHAI | {"recipient": f"示例职工{n}", "phone": f"139{n:08d}"} | address, {office.product.sku: boxes})
        for n in range(people)
    ]


def make_draft_request(
    session: Session,
    office: Office,
    boxes: int = 10,
    *,
    people: int = 1,
    actor: Actor | None = None,
    at: datetime = AT,
    **over: Any,
) -> PurchaseRequest:
    """A draft for the canteen: 10 boxes of ¥128.00."""
    actor = actor or office.requester
    values: dict[str, Any] = {"purpose": Purpose.CANTEEN, "title": "食堂十二月肉类", "organization_id": office.organization.id}
    request = drafting.create_request(session, actor, at=at, **(values | over))
    return drafting.change_request(session, actor, request.code, wanted(office, boxes, people=people), at=at)


def make_submitted(session: Session, office: Office, boxes: int = 10, *, at: datetime = AT, **over: Any) -> PurchaseRequest:
    """A request that waits for approval."""
    request = make_draft_request(session, office, boxes, at=at, **over)
    actor = over.get("actor") or office.requester
    assert approving.submit_request(session, actor, request.code, expected_fen=request.total_fen, at=at)
    return request


def approve(session: Session, actor: Actor, request: PurchaseRequest, *, at: datetime = AT, **over: Any) -> PurchaseRequest:
    """Decide the next step as asked (approve unless said otherwise)."""
    values: dict[str, Any] = {"approve": True, "remark": "", "content_hash": request.content_hash}
    return approving.decide(session, actor, request.code, at=at, **(values | over))


def make_approved(session: Session, office: Office, boxes: int = 10, *, at: datetime = AT, **over: Any) -> PurchaseRequest:
    """An approved request, not ordered yet."""
    return approve(session, office.approver, make_submitted(session, office, boxes, at=at, **over), at=at)


def make_ordered(session: Session, office: Office, boxes: int = 10, *, at: datetime = AT, **over: Any) -> PurchaseRequest:
    """An approved request with its orders placed."""
    request = make_approved(session, office, boxes, at=at, **over)
    assert ordering.order_again(session, office.requester, request.code, at=at) is ordering.Placed.ORDERED
    return request


def deliver_orders(session: Session, request: PurchaseRequest, *, at: datetime = AT) -> list[Order]:
    """Every order of the request is shipped and signed for."""
    orders = list(queries.list_orders_of_request(session, request))
    for order in orders:
        mark_shipped(session, order.code, {line.code: line.quantity for line in order.lines}, at=at)
        mark_delivered(session, order.code, at=at)
    return orders


def whole(order: Order, *, boxes: int | None = None, kg: str | None = None) -> dict[str, Received]:
    """Everything of an order received (or so many boxes, so many kilograms of each line)."""
    return {
        line.code: Received(
            line.quantity if boxes is None else boxes, Quantity(Decimal(kg if kg is not None else line.quantity), Unit.KG)
        )
        for line in order.lines
    }
