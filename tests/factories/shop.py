"""Valid rows of the shop: buyers, addresses, orders in each state, through the acts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, OrganizationKind
from catalog.prices import carrying
from catalog.prices.carrying import FreightTerms
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.money import Money
from shop.accounts.addressing import add_address
from shop.accounts.models import Address
from shop.basket.couponing import CouponDraft, issue_coupon
from shop.basket.models import Coupon
from shop.orders.following import mark_delivered, mark_shipped
from shop.orders.models import Order
from shop.orders.placing import OrderDraft, place_order
from shop.orders.settling import settle_capture
from shop.payments.models import PaymentCaptured, Provider
from shop.payments.paying import start_payment
from shop.payments.states import PaymentState
from tests.factories.catalog import AT, BEGIN, make_actor, make_organization, make_product
from tests.factories.logistics import make_stock

SHANGHAI = {
    "recipient": "示例收货人",
    "phone": "13900000000",
    "province_code": "310000",
    "city": "上海市",
    "district": "浦东新区",
    "street": "示例路 1 号",
}

_checkouts = count(1)


def make_address(session: Session, person_id: UUID, *, at: datetime = AT, **over: str) -> Address:
    """An address in 上海."""
    return add_address(session, person_id, SHANGHAI | over, at=at)


def make_goods(session: Session, *, boxes: int = 10, at: datetime = AT, **over: Any) -> Product:
    """A product on sale with boxes on the shelf, sold by an operator (自营), so that it may be paid online too."""
    if "seller_id" not in over:
        over["seller_id"] = make_organization(session, OrganizationKind.OPERATOR, at=at).id
    product = make_product(session, at=at, **over)
    make_stock(session, product, boxes=boxes, at=at)
    return product


def make_draft_order(lines: Mapping[str, int], **over: Any) -> OrderDraft:
    """What a consumer in 上海 wants."""
    return OrderDraft(**({"lines": lines, "address": SHANGHAI, "checkout_key": f"checkout-{next(_checkouts)}"} | over))


def make_order(
    session: Session,
    lines: Mapping[str, int] | None = None,
    actor: Actor | None = None,
    *,
    boxes: int = 10,
    at: datetime = AT,
    **over: Any,
) -> Order:
    """A placed order, of 2 boxes of a new product unless ``lines`` says otherwise."""
    wanted = lines if lines is not None else {make_goods(session, boxes=boxes, at=at).sku: 2}
    return place_order(session, actor or make_actor(session, at=at), make_draft_order(wanted, **over), at=at)


def pay(session: Session, order: Order, *, at: datetime = AT) -> Order:
    """Money for everything due arrives and is settled at once (nothing about its arrival waits in the outbox)."""
    for part in order.sub_orders:
        due = part.payable_fen - part.paid_fen
        payment = start_payment(
            session, order_code=part.code, seller_id=part.seller_id, amount=Money(due), provider=Provider.BANK_TRANSFER, at=at
        )
        payment.captured_fen, payment.captured_at, payment.state = due, at, PaymentState.CAPTURED
        settle_capture(session, PaymentCaptured(payment.id, part.code, due, at))
    session.flush()
    return order


def set_freight(
    session: Session, product: Product, *, province_code: str | None = None, valid_from: date = BEGIN, **over: Any
) -> None:
    """What the product's seller charges to carry anywhere: ¥8.00 for the first kilogram, ¥2.00 for each further one; there in 2 or 3 days."""
    values: dict[str, Any] = {"first_fen": 800, "step_fen": 200, "handling_days": 1, "days_from": 1, "days_to": 2}
    carrying.set_freight(
        session,
        SYSTEM,
        seller_id=product.seller_id,
        provinces=[province_code],
        terms=FreightTerms(**(values | over)),
        valid_from=valid_from,
        at=AT,
    )


def deliver(session: Session, order: Order, *, at: datetime = AT) -> Order:
    """A placed order is paid, leaves and arrives."""
    pay(session, order, at=at)
    mark_shipped(session, order.code, {line.code: line.quantity for line in order.lines}, at=at)
    mark_delivered(session, order.code, at=at)
    session.flush()
    return order


def make_coupon(
    session: Session,
    seller_id: UUID,
    *,
    off: int = 2_000,
    at_least: int = 10_000,
    budget: int = 10_000,
    at: datetime = AT,
    **over: Any,
) -> Coupon:
    """SHAN-20: 20 yuan off from 100, five times in all and once a person."""
    draft: dict[str, Any] = {
        "code": "SHAN-20",
        "off": Money(off),
        "at_least": Money(at_least),
        "budget": Money(budget),
        "per_person": 1,
    }
    days: dict[str, Any] = {"valid_from": today_shanghai(at), "valid_to": None}
    return issue_coupon(session, SYSTEM, seller_id, CouponDraft(**(draft | days | over)), at=at)
