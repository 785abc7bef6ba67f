"""How far a lot has come, over all floors: the dry run of a recall. Nothing here writes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Forbidden, NotFound
from logistics.shipments.models import Shipment
from logistics.shipments.queries import list_shipments_of_lots
from logistics.stock.models import Allocation, StockLot
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.recalls.models import Recall
from traceability.lots.models import Lot
from traceability.lots.queries import list_downstream_lots, list_upstream_households, list_upstream_lots

GONE = (OrderState.CANCELLED, OrderState.EXPIRED)


@dataclass(frozen=True)
class ReachedOrder:
    """An order that holds boxes of the lots; ``lot_codes`` and ``boxes`` say which and how many."""

    code: str
    state: OrderState
    placed_on: str
    person_id: UUID | None
    organization_id: UUID | None
    province_code: str
    products: tuple[str, ...]
    lot_codes: tuple[str, ...]
    boxes: int


@dataclass(frozen=True)
class Shelf:
    """Boxes that still lie somewhere: ``on_hand``, of them ``allocated`` to orders."""

    lot_code: str
    on_hand: int
    allocated: int


@dataclass(frozen=True)
class Reach:
    """Where a lot went: lots made from it, shelves, shipments, orders, buyers; and where it came from."""

    root: Lot
    lots: Sequence[Lot]
    upstream: Sequence[Lot]
    households: Sequence[tuple[UUID, Decimal]]
    shelves: Sequence[Shelf]
    shipments: Sequence[Shipment]
    orders: Sequence[ReachedOrder]

    @property
    def people(self) -> frozenset[UUID]:
        """Consumers who bought some."""
        return frozenset(order.person_id for order in self.orders if order.person_id and not order.organization_id)

    @property
    def organizations(self) -> frozenset[UUID]:
        """Organisations that bought some."""
        return frozenset(order.organization_id for order in self.orders if order.organization_id)

    @property
    def counts(self) -> dict[str, int]:
        """The figures of the dry run."""
        return {
            "lots": len(self.lots),
            "boxes_on_hand": sum(shelf.on_hand for shelf in self.shelves),
            "shipments": len(self.shipments),
            "orders": len(self.orders),
            "boxes_sold": sum(order.boxes for order in self.orders),
            "buyers": len(self.people),
            "organizations": len(self.organizations),
            "households": len(self.households),
        }

    @property
    def scope(self) -> str:
        """SHA-256 of what would be stopped. New orders do not change it, a new lot made meanwhile does."""
        return _digest([lot.code for lot in self.lots])

    @property
    def snapshot(self) -> str:
        """SHA-256 of the whole dry run."""
        return _digest(
            {
                "lots": sorted(lot.code for lot in self.lots),
                "shelves": sorted((shelf.lot_code, shelf.on_hand, shelf.allocated) for shelf in self.shelves),
                "shipments": sorted((row.code, row.state.value) for row in self.shipments),
                "orders": sorted((order.code, order.boxes) for order in self.orders),
            }
        )


def _digest(content: object) -> str:
    text = json.dumps(sorted(content) if isinstance(content, list) else content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def trace_reach(session: Session, root: Lot) -> Reach:
    """The dry run: a fixed number of queries, however far the lot has come."""
    lots = [root, *list_downstream_lots(session, root.id)]
    ids = [lot.id for lot in lots]
    return Reach(
        root=root,
        lots=lots,
        upstream=list_upstream_lots(session, root.id),
        households=list_upstream_households(session, root.id),
        shelves=_list_shelves(session, ids),
        shipments=list_shipments_of_lots(session, ids),
        orders=_list_orders(session, ids),
    )


def _list_shelves(session: Session, lot_ids: Collection[UUID]) -> list[Shelf]:
    query = select(Lot.code, StockLot.on_hand, StockLot.allocated).join(Lot, Lot.id == StockLot.lot_id)
    rows = session.execute(query.where(StockLot.lot_id.in_(lot_ids), StockLot.on_hand > 0).order_by(Lot.code, StockLot.id))
    return [Shelf(*row) for row in rows]


def _list_orders(session: Session, lot_ids: Collection[UUID]) -> list[ReachedOrder]:
    """One query for all: each allocation with its order and line."""
    query = (
        select(Order, Product.name, Lot.code, Allocation.quantity)
        .join(Allocation, Allocation.order_code == Order.code)
        .join(StockLot, StockLot.id == Allocation.stock_lot_id)
        .join(Lot, Lot.id == StockLot.lot_id)
        .join(Product, Product.id == StockLot.product_id)
        .where(StockLot.lot_id.in_(lot_ids), Order.state.not_in(GONE))
        .order_by(Order.id, Allocation.id)
    )
    found: dict[str, tuple[Order, list[tuple[str, str, int]]]] = {}
    for order, product, lot_code, boxes in session.execute(query):
        found.setdefault(order.code, (order, []))[1].append((product, lot_code, boxes))
    return [_reached(order, rows) for order, rows in found.values()]


def _reached(order: Order, rows: Sequence[tuple[str, str, int]]) -> ReachedOrder:
    return ReachedOrder(
        code=order.code,
        state=order.state,
        placed_on=f"{today_shanghai(order.placed_at)}",
        person_id=order.buyer_person_id,
        organization_id=order.buyer_organization_id,
        province_code=order.province_code,
        products=tuple(dict.fromkeys(row[0] for row in rows)),
        lot_codes=tuple(dict.fromkeys(row[1] for row in rows)),
        boxes=sum(row[2] for row in rows),
    )


def may_decide(session: Session, actor: Actor, county_code: str) -> bool:
    """The operator decides everywhere, a county officer about lots of the own county."""
    if actor.has(Role.operator):
        return True
    offices = actor.organizations_with(Role.county_officer)
    query = select(Organization.id).where(Organization.id.in_(offices), Organization.county_code == county_code)
    return bool(offices) and session.scalar(query.limit(1)) is not None


def must_decide(session: Session, actor: Actor, county_code: str) -> None:
    """Raises Forbidden unless the actor may decide about that county's lots."""
    if not may_decide(session, actor, county_code):
        raise Forbidden("只有平台运营和产地县的县级部门能决定召回。")


def get_recall(session: Session, mark_code: str) -> Recall:
    """The recall with this mark. Raises NotFound."""
    recall = session.scalar(select(Recall).where(Recall.mark_code == mark_code))
    if recall is None:
        raise NotFound("没有召回单“%(code)s”。", params={"code": mark_code[:40]})
    return recall


def list_recalls(session: Session, actor: Actor, *, after: UUID | None = None, limit: int = 50) -> Sequence[Recall]:
    """Recalls the actor may see, newest first: staff all of them, a county officer those of the own county."""
    query = select(Recall).order_by(Recall.id.desc()).limit(limit)
    if not (actor.has(Role.operator) or actor.has(Role.auditor)):
        offices = actor.organizations_with(Role.county_officer)
        query = query.where(Recall.county_code.in_(select(Organization.county_code).where(Organization.id.in_(offices))))
    return session.scalars(query.where(Recall.id < after) if after else query).all()
