"""Shipments as the packer, the buyer and a recall ask for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Place
from catalog.prices.queries import find_rule_of
from catalog.products.models import Product
from kernel.errors import NotFound
from logistics.shipments.events import PackedBox
from logistics.shipments.models import CarrierAccount, CarrierRequest, Movement, PackingTask, Parcel, ParcelItem, Shipment
from logistics.shipments.states import MovementState, ShipmentState
from logistics.stock.freshness import TRANSIT_DAYS, days_left_promised, keeps_until
from logistics.stock.models import StockLot
from traceability.lots.models import Lot, TradeItem
from traceability.lots.states import RecallState
from traceability.pallets.models import Container, Content


@dataclass(frozen=True)
class Progress:
    """A packing task, what it is about, and how many of its boxes are scanned."""

    task: PackingTask
    sku: str
    product_name: str
    lot_code: str
    stock_lot_id: UUID
    scanned: int


@dataclass(frozen=True)
class Waiting:
    """A line of the packer's list."""

    shipment: Shipment
    place_name: str
    boxes: int
    scanned: int


@dataclass(frozen=True)
class Step:
    """A line of a track as the buyer sees it."""

    at: datetime
    text: str
    city: str
    state: MovementState


@dataclass(frozen=True)
class Tracking:
    """A shipment on its way, for the eyes of the signed-in buyer (and staff) only. ``steps``: newest first."""

    shipment_code: str
    state: ShipmentState
    carrier: str | None
    carrier_name: str | None
    carrier_name_en: str | None
    waybill: str | None
    packed_at: datetime | None
    dispatched_at: datetime | None
    delivered_at: datetime | None
    boxes: Sequence[PackedBox]
    steps: Sequence[Step]


def get_shipment(session: Session, code: str) -> Shipment:
    """The shipment with this code. Raises NotFound."""
    shipment = session.scalar(select(Shipment).where(Shipment.code == code))
    if shipment is None:
        raise NotFound("没有编号为 %(code)s 的发货单。", params={"code": code[:40]})
    return shipment


def list_shipments(session: Session, order_code: str) -> Sequence[Shipment]:
    """The shipments of an order, oldest first."""
    return session.scalars(select(Shipment).where(Shipment.order_code == order_code).order_by(Shipment.id)).all()


def list_waiting(
    session: Session, organization_ids: Collection[UUID], state: ShipmentState, after: UUID | None = None, limit: int = 30
) -> list[Waiting]:
    """Shipments in ``state`` that leave from places of these organisations, oldest first."""
    wanted = select(func.sum(PackingTask.quantity)).where(PackingTask.shipment_id == Shipment.id).correlate(Shipment)
    scanned = (
        select(func.count(ParcelItem.id))
        .join(PackingTask, PackingTask.id == ParcelItem.task_id)
        .where(PackingTask.shipment_id == Shipment.id)
        .correlate(Shipment)
    )
    query = (
        select(Shipment, Place.name, wanted.scalar_subquery(), scanned.scalar_subquery())
        .join(Place, Place.id == Shipment.from_place_id)
        .where(Place.organization_id.in_(organization_ids), Shipment.state == state)
        .order_by(Shipment.id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(Shipment.id > after)
    return [Waiting(shipment, name, int(boxes or 0), int(done)) for shipment, name, boxes, done in session.execute(query)]


def list_progress(session: Session, shipment_id: UUID) -> list[Progress]:
    """What is to be packed and how far it is."""
    query = (
        select(PackingTask, Product.sku, Product.name, Lot.code, StockLot.id, func.count(ParcelItem.id))
        .join(Shipment, Shipment.id == PackingTask.shipment_id)
        .join(StockLot, (StockLot.lot_id == PackingTask.lot_id) & (StockLot.place_id == Shipment.from_place_id))
        .join(Product, Product.id == PackingTask.product_id)
        .join(Lot, Lot.id == PackingTask.lot_id)
        .outerjoin(ParcelItem, ParcelItem.task_id == PackingTask.id)
        .where(PackingTask.shipment_id == shipment_id)
        .group_by(PackingTask.id, Product.sku, Product.name, Lot.code, StockLot.id)
        .order_by(PackingTask.id)
    )
    return [Progress(*row) for row in session.execute(query)]


@dataclass(frozen=True)
class StaleLot:
    """A lot of a shipment that would arrive with fewer days of shelf life than are due: ``left`` instead of ``least``."""

    lot_code: str
    product_name: str
    left: int
    least: int


def list_stale_lots(session: Session, shipment: Shipment, on: date) -> list[StaleLot]:
    """The lots of a shipment that would not arrive fresh if they left on that day, by the slowest way the seller tells for its province."""
    rule = find_rule_of(session, shipment.seller_id, shipment.province_code, on)
    arrives = on + timedelta(days=TRANSIT_DAYS if rule is None or rule.days_to is None else rule.days_to)
    rows = session.execute(
        select(Lot.code, Lot.expires_on, Product.name, Product.shelf_life_days)
        .join(PackingTask, PackingTask.lot_id == Lot.id)
        .join(Product, Product.id == PackingTask.product_id)
        .where(PackingTask.shipment_id == shipment.id, Lot.expires_on.is_not(None))
        .distinct()
        .order_by(Lot.code)
    )
    return [
        StaleLot(code, name, (expires_on - arrives).days, days_left_promised(life))
        for code, expires_on, name, life in rows
        if expires_on is not None and expires_on < keeps_until(arrives, life)
    ]


def list_parcels(session: Session, shipment_id: UUID) -> Sequence[Parcel]:
    """The cartons of a shipment."""
    return session.scalars(select(Parcel).where(Parcel.shipment_id == shipment_id).order_by(Parcel.number)).all()


def list_boxes(session: Session, shipment_id: UUID) -> list[PackedBox]:
    """Every box in a shipment's parcels, in the order in which they were scanned."""
    query = (
        select(PackingTask.line_code, Lot.code, ParcelItem.serial)
        .join(PackingTask, PackingTask.id == ParcelItem.task_id)
        .join(Lot, Lot.id == PackingTask.lot_id)
        .where(PackingTask.shipment_id == shipment_id)
        .order_by(ParcelItem.id)
    )
    return [PackedBox(*row) for row in session.execute(query)]


def map_cases(session: Session, shipment_id: UUID) -> dict[str, str]:
    """The closed cases that boxes of a shipment are in: label of the case by serial of the box."""
    query = (
        select(ParcelItem.serial, func.coalesce(Container.sscc, Container.code))
        .join(PackingTask, PackingTask.id == ParcelItem.task_id)
        .join(Content, Content.item_id == ParcelItem.trade_item_id)
        .join(Container, Container.id == Content.parent_id)
        .where(PackingTask.shipment_id == shipment_id, Content.taken_out_at.is_(None))
    )
    return dict(session.execute(query).all())


def list_shipments_of_lots(session: Session, lot_ids: Collection[UUID], *, after: str = "", limit: int = 100) -> Sequence[Shipment]:
    """Shipments that hold boxes of these lots, by code, after ``after``; cancelled ones left out: for a recall."""
    query = select(Shipment).where(_holds(lot_ids), Shipment.state != ShipmentState.CANCELLED, Shipment.code > after)
    return session.scalars(query.order_by(Shipment.code).limit(limit)).all()


def count_shipments_of_lots(session: Session, lot_ids: Collection[UUID]) -> dict[ShipmentState, int]:
    """How many shipments that hold boxes of these lots are in which state, cancelled ones left out."""
    query = select(Shipment.state, func.count()).where(_holds(lot_ids), Shipment.state != ShipmentState.CANCELLED)
    return {state: int(count) for state, count in session.execute(query.group_by(Shipment.state))}


def _holds(lot_ids: Collection[UUID]) -> ColumnElement[bool]:
    return Shipment.id.in_(select(PackingTask.shipment_id).where(PackingTask.lot_id.in_(lot_ids)))


def list_stopped_lots(session: Session, shipment_id: UUID) -> Sequence[str]:
    """Codes of the lots in a shipment that a recall stops now, be it only a box of them that is in its parcels."""
    lots = select(Lot.code).join(PackingTask, PackingTask.lot_id == Lot.id)
    lots = lots.where(PackingTask.shipment_id == shipment_id, Lot.recall_state != RecallState.NONE)
    boxes = select(Lot.code).join(TradeItem, TradeItem.lot_id == Lot.id).join(ParcelItem, ParcelItem.trade_item_id == TradeItem.id)
    boxes = boxes.join(Parcel, Parcel.id == ParcelItem.parcel_id)
    boxes = boxes.where(Parcel.shipment_id == shipment_id, TradeItem.stopped.is_not(None))
    return sorted(session.scalars(lots.union(boxes)))


def get_tracking(session: Session, order_code: str) -> list[Tracking]:
    """The journeys of an order's shipments. The caller has made sure that the reader is the buyer or staff."""
    shipments = [row for row in list_shipments(session, order_code) if row.state is not ShipmentState.CANCELLED]
    names = {account.code: account for account in session.scalars(select(CarrierAccount))}
    return [_tracking(session, shipment, names) for shipment in shipments]


def _tracking(session: Session, shipment: Shipment, accounts: dict[str, CarrierAccount]) -> Tracking:
    account = accounts.get(shipment.carrier or "")
    return Tracking(
        shipment_code=shipment.code,
        state=shipment.state,
        carrier=shipment.carrier,
        carrier_name=account.name if account else None,
        carrier_name_en=account.name_en if account else None,
        waybill=shipment.waybill,
        packed_at=shipment.packed_at,
        dispatched_at=shipment.dispatched_at,
        delivered_at=shipment.delivered_at,
        boxes=list_boxes(session, shipment.id),
        steps=[Step(m.at, m.text, m.city, m.state) for m in reversed(list_movements(session, shipment))],
    )


def list_movements(session: Session, shipment: Shipment) -> Sequence[Movement]:
    """What the carrier said about a shipment, in order of time."""
    query = select(Movement).where(Movement.carrier == shipment.carrier, Movement.number == shipment.waybill)
    return session.scalars(query.order_by(Movement.at, Movement.id)).all()


def count_shipped(session: Session, order_code: str) -> dict[str, int]:
    """How many boxes of each order line a carrier has fetched so far; lines of which none has left are not in it."""
    query = (
        select(PackingTask.line_code, func.sum(PackingTask.quantity))
        .join(Shipment, Shipment.id == PackingTask.shipment_id)
        .where(Shipment.order_code == order_code, Shipment.dispatched_at.is_not(None))
        .group_by(PackingTask.line_code)
    )
    return {line_code: int(boxes) for line_code, boxes in session.execute(query)}


def find_delivered_at(session: Session, order_code: str) -> datetime | None:
    """When the last shipment of an order was signed for; None while one of them is not, or before any was opened."""
    standing = [row for row in list_shipments(session, order_code) if row.state is not ShipmentState.CANCELLED]
    signed = [row.delivered_at for row in standing if row.delivered_at is not None]
    return max(signed) if signed and len(signed) == len(standing) else None


def list_carriers(session: Session) -> Sequence[CarrierAccount]:
    """Carriers on offer to packers."""
    return session.scalars(select(CarrierAccount).where(CarrierAccount.enabled).order_by(CarrierAccount.code)).all()


def find_request(session: Session, shipment_id: UUID) -> CarrierRequest | None:
    """The latest request to a carrier about a shipment."""
    query = select(CarrierRequest).where(CarrierRequest.shipment_id == shipment_id).order_by(CarrierRequest.id.desc()).limit(1)
    return session.scalar(query)
