"""What a clerk's pages show: members, deliveries of the day, lots with something left, boxes waiting for labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.products.models import Product
from kernel.clock import SHANGHAI
from shop.cooperative.models import CountyQuestion
from traceability.lots.models import HouseholdDelivery, Lot, TradeItem
from traceability.lots.states import ItemState, LotKind


@dataclass(frozen=True)
class DeliveryRow:
    """One delivery with its lot and household."""

    delivery: HouseholdDelivery
    lot: Lot
    household: Household


def list_deliveries(
    session: Session, organization_id: UUID, *, on: date | None = None, after: UUID | None = None, limit: int = 30
) -> list[DeliveryRow]:
    """Deliveries to a cooperative, newest first, of one day (Shanghai) or all."""
    query = (
        select(HouseholdDelivery, Lot, Household)
        .join(Lot, Lot.id == HouseholdDelivery.lot_id)
        .join(Household, Household.id == HouseholdDelivery.household_id)
        .where(Lot.organization_id == organization_id)
        .order_by(HouseholdDelivery.id.desc())
        .limit(limit)
    )
    if on is not None:
        begin = datetime.combine(on, time(), SHANGHAI)
        query = query.where(HouseholdDelivery.delivered_at >= begin, HouseholdDelivery.delivered_at < begin + timedelta(days=1))
    if after is not None:
        query = query.where(HouseholdDelivery.id < after)
    return [DeliveryRow(*row) for row in session.execute(query)]


def list_open_lots(session: Session, organization_id: UUID, kinds: Collection[LotKind], *, limit: int = 60) -> Sequence[Lot]:
    """Lots of these kinds with something left in them, newest first."""
    left = Lot.made - Lot.used - Lot.lost - Lot.dispatched
    return session.scalars(
        select(Lot)
        .where(Lot.organization_id == organization_id, Lot.kind.in_(kinds), left > Decimal(0))
        .order_by(Lot.id.desc())
        .limit(limit)
    ).all()


def list_own_products(session: Session, organization_id: UUID, *, sku: str | None = None) -> Sequence[Product]:
    """The products of a cooperative by SKU, or only the one of that SKU."""
    query = select(Product).where(Product.cooperative_id == organization_id).order_by(Product.sku).limit(200)
    return session.scalars(query.where(Product.sku == sku) if sku else query).all()


def count_items(session: Session, lot_id: UUID) -> dict[ItemState, int]:
    """Boxes of a pack lot by state."""
    rows = session.execute(select(TradeItem.state, func.count()).where(TradeItem.lot_id == lot_id).group_by(TradeItem.state))
    return {state: int(count) for state, count in rows}


def list_printed_serials(session: Session, lot_id: UUID) -> list[str]:
    """Serials whose labels are printed and not yet activated."""
    return list(session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot_id, TradeItem.state == ItemState.PRINTED)))


def list_questions(
    session: Session, *, organization_id: UUID | None = None, counties: Collection[str] = (), limit: int = 50
) -> Sequence[CountyQuestion]:
    """Questions of a cooperative, or those put to some counties, open ones first."""
    query = select(CountyQuestion).order_by(CountyQuestion.answered_at.is_not(None), CountyQuestion.id.desc()).limit(limit)
    if organization_id is not None:
        query = query.where(CountyQuestion.organization_id == organization_id)
    else:
        query = query.where(CountyQuestion.county_code.in_(counties))
    return session.scalars(query).all()
