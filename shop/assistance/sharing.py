"""Saying what reaches the grower: the agreement for a product, told to the story page with what was really paid."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.products.models import Product
from catalog.products.queries import find_product
from kernel.clock import today_shanghai
from kernel.errors import Conflict
from kernel.periods import valid_on
from logistics.shipments.events import ItemsDispatched
from shop.assistance.models import ShareRule
from shop.assistance.shares import check_parts
from traceability.lots.models import HouseholdDelivery, Lot
from traceability.lots.queries import find_lot, list_upstream_lots
from traceability.scan.states import FactKind, Payee
from traceability.scan.telling import tell_fact


def set_shares(
    session: Session, actor: Actor, product: Product, parts: Mapping[str, int], basis: str, *, at: datetime
) -> ShareRule:
    """Agree how 100 yuan of a product are divided from today on. The operator or the seller's clerk may. Raises Forbidden, Invalid."""
    actor.must_any({Role.operator: None, Role.clerk: product.seller_id})
    today = today_shanghai(at)
    checked = check_parts(parts, [payee.value for payee in Payee])
    standing = find_shares(session, product.id, at=at)
    if standing is not None:
        if standing.valid_from >= today:
            raise Conflict("今天已经改过一次分配，明天再改。")
        standing.valid_to = today - timedelta(days=1)
        session.flush()
    rule = ShareRule(product_id=product.id, parts=checked, basis=basis.strip(), set_by=actor.label, valid_from=today)
    session.add(rule)
    session.flush()
    return rule


def find_shares(session: Session, product_id: UUID, *, at: datetime) -> ShareRule | None:
    """The agreement that holds today, or None."""
    return session.scalar(select(ShareRule).where(ShareRule.product_id == product_id, valid_on(ShareRule, today_shanghai(at))))


def tell_shares(session: Session, event: ItemsDispatched) -> None:
    """When boxes leave: tell the story page of their lots how the money is divided, and whether households were paid."""
    for lot_code in sorted({box.lot_code for box in event.boxes}):
        lot = find_lot(session, lot_code)
        product = find_product(session, lot.product_sku) if lot is not None and lot.product_sku else None
        rule = find_shares(session, product.id, at=event.at) if product is not None else None
        if lot is not None and rule is not None:
            tell_fact(session, lot_code, FactKind.SHARES, {"parts": _parts(session, lot, rule)}, event.at)


def _parts(session: Session, lot: Lot, rule: ShareRule) -> list[dict[str, Any]]:
    paid_on = _paid_on(session, lot)
    parts: list[dict[str, Any]] = []
    for payee in Payee:
        if fen := rule.parts.get(payee.value):
            part: dict[str, Any] = {"payee": payee.value, "fen": fen, "state": "agreed"}
            if payee is Payee.HOUSEHOLD and paid_on:
                part |= {"state": "paid", "on": paid_on}
            parts.append(part)
    return parts


def _paid_on(session: Session, lot: Lot) -> str | None:
    """The day the last household of this lot was paid; None while one of them waits."""
    upstream = [origin.id for origin in list_upstream_lots(session, lot.id)]
    paid = session.scalars(select(HouseholdDelivery.paid_at).where(HouseholdDelivery.lot_id.in_(upstream))).all()
    days = [today_shanghai(moment) for moment in paid if moment is not None]
    return max(days).isoformat() if days and len(days) == len(paid) else None
