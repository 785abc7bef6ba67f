"""Everything this house keeps about one person, for that person to take away (个人信息保护法 art. 45): plain values, ready for JSON.

What somebody did at work for an organisation or the platform is not in it: it is that organisation's record.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from catalog.parties.models import Membership, Organization, Person
from catalog.parties.queries import get_person
from kernel.errors import Gettext
from logistics.shipments.queries import get_tracking
from shop.accounts.models import Address, Agreement, Guest, Login, Passkey, SignInSession
from shop.basket.models import Coupon, CouponUse
from shop.basket.queries import Owner, list_lines
from shop.cases.models import Case, CaseMessage, Side
from shop.invoices.models import InvoiceRequest
from shop.notices.models import Notice
from shop.notices.wording import words_of
from shop.orders.models import Order, SubOrder
from shop.payments.models import Payment, Refund
from shop.reviews.models import Review

FORMAT = "shanhai-personal-data/1"
Plain = dict[str, Any]


def export_person(session: Session, person_id: UUID, *, at: datetime, gettext: Gettext) -> Plain:
    """The whole file. Amounts are fen; times are UTC. Raises NotFound."""
    person = get_person(session, person_id)
    return {
        "format": FORMAT,
        "made_at": at,
        "person": _account(session, person),
        "addresses": [
            _take(row, "recipient", "phone", "province_code", "city", "district", "street", "area_code", "created_at", "removed_at")
            for row in session.scalars(select(Address).where(Address.person_id == person_id).order_by(Address.id))
        ],
        "basket": [
            {"sku": product.sku, "name": product.name, "boxes": boxes, "presale": presale.code if presale else None}
            for product, boxes, presale in list_lines(session, Owner(person_id))
        ],
        "orders": _orders(session, person_id),
        "coupons": [
            _take(use, "order_code", "amount_fen", "used_at", "returned_at") | {"code": code}
            for use, code in session.execute(
                select(CouponUse, Coupon.code)
                .join(Coupon, Coupon.id == CouponUse.coupon_id)
                .where(CouponUse.person_id == person_id)
                .order_by(CouponUse.used_at)
            )
        ],
        "messages": [
            dict(zip(("subject", "text"), words_of(row.kind, row.params, gettext), strict=True))
            | _take(row, "order_code", "state", "created_at", "sent_at", "read_at")
            for row in session.scalars(select(Notice).where(Notice.person_id == person_id).order_by(Notice.id))
        ],
        "cases": _cases(session, person_id),
        "reviews": [
            _take(row, "line_code", "stars", "text", "state", "hidden_reason", "written_at")
            for row in session.scalars(select(Review).where(Review.person_id == person_id).order_by(Review.id))
        ],
        "invoices": [
            _take(
                row, "code", "subject_code", "title_kind", "title", "tax_number", "email", "note", "amount_fen", "state", "asked_at",
                "invoice_number", "issued_on", "red_number", "red_on",
            )
            for row in session.scalars(
                select(InvoiceRequest).where(InvoiceRequest.buyer_person_id == person_id).order_by(InvoiceRequest.id)
            )
        ],
    }  # fmt: skip


def _take(row: object, *names: str) -> Plain:
    return {name: getattr(row, name) for name in names}


def _account(session: Session, person: Person) -> Plain:
    """Who the person is to us, how they sign in, what they agreed to, where they work. No secret, not even a hash of one."""
    guest = session.get(Guest, person.id)
    agreed = select(Agreement.agreed_at).where(Agreement.person_id == person.id).order_by(Agreement.id)
    signed_in = select(SignInSession).where(SignInSession.person_id == person.id).order_by(SignInSession.created_at)
    roles = select(Membership, Organization.name).join(Organization, Organization.id == Membership.organization_id)
    return _take(person, "id", "name", "phone", "email", "created_at") | {
        "guest_phone": guest.phone if guest is not None else None,
        "agreed_to_terms_and_privacy_at": list(session.scalars(agreed)),
        "sign_in_names": list(session.scalars(select(Login.name).where(Login.person_id == person.id).order_by(Login.name))),
        "passkeys": [
            _take(row, "label", "created_at", "used_at")
            for row in session.scalars(select(Passkey).where(Passkey.person_id == person.id).order_by(Passkey.id))
        ],
        "sessions": [_take(row, "created_at", "expires_at") for row in session.scalars(signed_in)],
        "roles": [
            {"organization": name, "role": row.role, "since": row.since}
            for row, name in session.execute(roles.where(Membership.person_id == person.id).order_by(Membership.since))
        ],
    }


def _orders(session: Session, person_id: UUID) -> list[Plain]:
    """Orders bought for oneself, with what was paid and returned and where the parcels are."""
    own = select(Order).where(Order.buyer_person_id == person_id, Order.buyer_organization_id.is_(None)).order_by(Order.id)
    orders = session.scalars(own.options(selectinload(Order.sub_orders).selectinload(SubOrder.lines))).all()
    parts = [part.code for order in orders for part in order.sub_orders]
    payments = session.scalars(select(Payment).where(Payment.order_code.in_(parts)).order_by(Payment.id)).all()
    refunds = session.scalars(select(Refund).where(Refund.payment_id.in_([row.id for row in payments])).order_by(Refund.id)).all()
    return [_order(session, order, payments, refunds) for order in orders]


def _order(session: Session, order: Order, payments: Iterable[Payment], refunds: Iterable[Refund]) -> Plain:
    codes = {part.code for part in order.sub_orders}
    paid = [row for row in payments if row.order_code in codes]
    return _take(
        order, "code", "state", "placed_at", "paid_at", "delivered_at", "no_return_agreed_at", "address", "items_fen", "freight_fen",
        "total_fen", "paid_fen", "refunded_fen",
    ) | {
        "lines": [
            _take(line, "code", "sku", "name", "net_content", "quantity", "unit_price_fen", "discount_fen", "amount_fen")
            for line in order.lines
        ],
        "payments": [_take(row, "code", "provider", "state", "amount_fen", "captured_fen", "created_at", "captured_at") for row in paid],
        "refunds": [
            _take(row, "amount_fen", "reason", "state", "created_at", "done_at")
            for row in refunds
            if row.payment_id in {payment.id for payment in paid}
        ],
        "parcels": [
            _take(row, "shipment_code", "carrier_name", "waybill", "state", "dispatched_at")
            | {"boxes": [_take(box, "serial", "lot_code") for box in row.boxes]}
            for row in get_tracking(session, order.code)
        ],
    }  # fmt: skip


def _cases(session: Session, person_id: UUID) -> list[Plain]:
    """What the person reported, and what was answered; staff stay unnamed."""
    cases = session.scalars(select(Case).where(Case.opened_by == person_id).order_by(Case.id)).all()
    said = select(CaseMessage).where(CaseMessage.case_id.in_([case.id for case in cases])).order_by(CaseMessage.id)
    messages = session.scalars(said).all()
    return [
        _take(case, "code", "kind", "state", "contact", "opened_at", "closed_at")
        | {
            "messages": [
                _take(row, "side", "text", "at") | {"photo_sha256": row.photo_digest if row.side is Side.REPORTER else None}
                for row in messages
                if row.case_id == case.id
            ]
        }
        for case in cases
    ]
