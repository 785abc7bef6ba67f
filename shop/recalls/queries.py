"""How far a lot has come, over all floors: the dry run of a recall. Nothing here writes."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import groupby
from operator import itemgetter
from uuid import UUID

from sqlalchemy import BigInteger, Select, Subquery, cast, exists, func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Forbidden, Invalid, NotFound
from logistics.shipments.models import Parcel, ParcelItem, Shipment
from logistics.shipments.queries import count_shipments_of_lots
from logistics.shipments.states import ShipmentState
from logistics.stock.models import Allocation, StockLot
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.recalls.models import Recall
from traceability.lots.models import Lot, TradeItem
from traceability.lots.processing import MOST_BOXES
from traceability.lots.queries import list_downstream_lots, list_upstream_households, list_upstream_lots, map_opened
from traceability.lots.states import NOT_GONE, ItemState
from traceability.pallets.queries import get_container, list_items_inside
from traceability.scan.box_codes import read_code

GONE = (OrderState.CANCELLED, OrderState.EXPIRED)
STILL_HERE = (ShipmentState.PACKING, ShipmentState.PACKED)
MOST_TRACED = MOST_BOXES
ARRIVED = (ShipmentState.DELIVERED, ShipmentState.RETURNED)


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
class Sales:
    """Orders that hold boxes of the lots, counted by the database; ``mark`` changes with any of them."""

    orders: int
    boxes: int
    buyers: int
    organizations: int
    mark: str


@dataclass(frozen=True)
class Reach:
    """Where a lot went: lots made from it, shelves, shipments, orders; and where it came from.

    ``lots`` are those that would be stopped, ``left_out`` the others made from the same lot, when somebody chose.
    """

    root: Lot
    lots: Sequence[Lot]
    left_out: Sequence[Lot]
    upstream: Sequence[Lot]
    households: Sequence[tuple[UUID, Decimal]]
    shelves: Sequence[Shelf]
    shipments: Mapping[ShipmentState, int]
    sales: Sales

    @property
    def lot_ids(self) -> list[UUID]:
        """The keys of what would be stopped."""
        return [lot.id for lot in self.lots]

    @property
    def counts(self) -> dict[str, int]:
        """The figures of the dry run."""
        here, there = (sum(self.shipments.get(state, 0) for state in states) for states in (STILL_HERE, ARRIVED))
        return {
            "lots": len(self.lots),
            "boxes_on_hand": sum(shelf.on_hand for shelf in self.shelves),
            "shipments": sum(self.shipments.values()),
            "shipments_here": here,
            "shipments_on_way": sum(self.shipments.values()) - here - there,
            "orders": self.sales.orders,
            "boxes_sold": self.sales.boxes,
            "buyers": self.sales.buyers,
            "organizations": self.sales.organizations,
            "households": len(self.households),
        }

    @property
    def scope(self) -> str:
        """SHA-256 of the lots there are and of those chosen. New orders do not change it, a new lot made meanwhile does."""
        return _digest([sorted(lot.code for lot in self.lots), sorted(lot.code for lot in self.left_out)])

    @property
    def snapshot(self) -> str:
        """SHA-256 of the whole dry run."""
        return _digest(
            {
                "lots": sorted(lot.code for lot in self.lots),
                "shelves": sorted((shelf.lot_code, shelf.on_hand, shelf.allocated) for shelf in self.shelves),
                "shipments": sorted((state.value, count) for state, count in self.shipments.items()),
                "orders": [self.sales.orders, self.sales.boxes, self.sales.mark],
            }
        )


@dataclass(frozen=True)
class TracedBox:
    """One box of a pack lot: its state, and the parcel and order it went into, when it did."""

    serial: str
    state: ItemState
    stopped: bool
    shipment_code: str | None
    shipment_state: ShipmentState | None
    order_code: str | None


@dataclass(frozen=True)
class BoxReach:
    """Where some boxes of a lot are: the dry run of recalling just these."""

    lot: Lot
    boxes: Sequence[TracedBox]
    orders: Sequence[ReachedOrder]

    @property
    def here(self) -> int:
        """Boxes that have not left yet: so many of the lot are not for sale any more."""
        return sum(box.state in NOT_GONE for box in self.boxes)

    @property
    def counts(self) -> dict[str, int]:
        """The figures of the dry run."""
        shipments = {box.shipment_code: box.shipment_state for box in self.boxes if box.shipment_code}
        here, there = (sum(state in states for state in shipments.values()) for states in (STILL_HERE, ARRIVED))
        return {
            "lots": 0,
            "boxes": len(self.boxes),
            "boxes_on_hand": self.here,
            "shipments": len(shipments),
            "shipments_here": here,
            "shipments_on_way": len(shipments) - here - there,
            "orders": len(self.orders),
            "buyers": len({order.person_id for order in self.orders if order.organization_id is None}),
            "organizations": len({order.organization_id for order in self.orders if order.organization_id}),
        }

    @property
    def scope(self) -> str:
        """SHA-256 of the lot and the serials that were looked at."""
        return _digest([self.lot.code, [box.serial for box in self.boxes]])

    @property
    def snapshot(self) -> str:
        """SHA-256 of the whole dry run."""
        rows = [[box.serial, box.state.value, box.shipment_code, box.order_code] for box in self.boxes]
        return _digest([self.lot.code, rows])


def list_named_boxes(session: Session, lot: Lot, text: str) -> list[str]:
    """The serials a text names, one a line or parted by blanks; the number of a case or pallet stands for the boxes of the lot in it.

    Raises NotFound for a case nobody closed, Invalid for one without boxes of the lot. Serials are checked by ``trace_boxes``.
    """
    serials: dict[str, None] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        for word in [line] if _read_container(line) else line.split():
            name = _read_container(word)
            found = _boxes_inside(session, lot, name) if name else [word]
            serials |= dict.fromkeys(found)
    return list(serials)


def _read_container(text: str) -> str | None:
    try:
        code = read_code(text)
    except Invalid:
        return None
    return code if isinstance(code, str) else None


def _boxes_inside(session: Session, lot: Lot, name: str) -> list[str]:
    container = get_container(session, name)
    found = [item.serial for item in list_items_inside(session, container.id) if item.lot_id == lot.id]
    if not found:
        raise Invalid(
            "“%(name)s”里没有批次 %(code)s 的盒子，或者已经拆开。", params={"name": name, "code": lot.code}, field="serials"
        )
    return found


def trace_boxes(session: Session, lot: Lot, serials: Collection[str]) -> BoxReach:
    """The dry run for single boxes of a pack lot. Raises Invalid for none, too many, one that is not of the lot, and one that was opened:
    what was in it goes on as a lot of its own."""
    wanted = sorted({serial.strip() for serial in serials if serial.strip()})
    if not 1 <= len(wanted) <= MOST_TRACED:
        raise Invalid("请写明是哪几盒，一行一个编号，最多 %(most)s 盒。", params={"most": MOST_TRACED}, field="serials")
    query = (
        select(TradeItem.serial, TradeItem.state, TradeItem.stopped, Shipment.code, Shipment.state, Shipment.order_code)
        .outerjoin(ParcelItem, ParcelItem.trade_item_id == TradeItem.id)
        .outerjoin(Parcel, Parcel.id == ParcelItem.parcel_id)
        .outerjoin(Shipment, Shipment.id == Parcel.shipment_id)
        .where(TradeItem.serial.in_(wanted), TradeItem.lot_id == lot.id)
        .order_by(TradeItem.serial)
    )
    boxes = [TracedBox(row[0], row[1], row[2] is not None, *row[3:]) for row in session.execute(query)]
    if strange := sorted(set(wanted) - {box.serial for box in boxes}):
        raise Invalid(
            "盒子 %(serial)s 不属于批次 %(code)s，请核对标签。",
            params={"serial": strange[0][:40], "code": lot.code},
            field="serials",
        )
    for serial, code in map_opened(session, lot.id, wanted).items():
        raise Invalid(
            "盒子 %(serial)s 已拆开，里面的货已成为批次 %(code)s，请召回那个批次。",
            params={"serial": serial, "code": code},
            field="serials",
        )
    count = Counter(box.order_code for box in boxes if box.order_code)
    found = _read_orders(session, _lines([lot.id]).where(Order.code.in_(count)))
    return BoxReach(lot, boxes, [replace(order, boxes=count[order.code]) for order in found])


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def trace_reach(session: Session, root: Lot, only: Collection[str] = ()) -> Reach:
    """The dry run: a fixed number of queries, however far the lot has come and however many bought of it.

    ``only`` narrows it to lots with these codes among those made from ``root`` (itself among them). Raises Invalid for any other code.
    """
    tree = [root, *list_downstream_lots(session, root.id)]
    wanted = {code.strip().upper() for code in only if code.strip()}
    if strange := sorted(wanted - {lot.code for lot in tree}):
        raise Invalid("批次“%(code)s”不是用这一批做成的，不能放进这次召回。", params={"code": strange[0][:40]}, field="lots")
    lots = [lot for lot in tree if not wanted or lot.code in wanted]
    ids = [lot.id for lot in lots]
    return Reach(
        root=root,
        lots=lots,
        left_out=[lot for lot in tree if wanted and lot.code not in wanted],
        upstream=list_upstream_lots(session, root.id),
        households=list_upstream_households(session, root.id),
        shelves=_list_shelves(session, ids),
        shipments=count_shipments_of_lots(session, ids),
        sales=_count_sales(session, ids),
    )


def _list_shelves(session: Session, lot_ids: Collection[UUID]) -> list[Shelf]:
    query = select(Lot.code, StockLot.on_hand, StockLot.allocated).join(Lot, Lot.id == StockLot.lot_id)
    rows = session.execute(query.where(StockLot.lot_id.in_(lot_ids), StockLot.on_hand > 0).order_by(Lot.code, StockLot.id))
    return [Shelf(*row) for row in rows]


def _boxes_by_order(lot_ids: Collection[UUID]) -> Subquery:
    """How many boxes of the lots each order holds."""
    rows = select(StockLot.id).where(StockLot.lot_id.in_(lot_ids))
    query = select(Allocation.order_code, cast(func.sum(Allocation.quantity), BigInteger).label("boxes"))
    return query.where(Allocation.stock_lot_id.in_(rows)).group_by(Allocation.order_code).subquery()


def _count_sales(session: Session, lot_ids: Collection[UUID]) -> Sales:
    """One pass over the orders in the database. Of an order only 64 bits of its code and boxes go into ``mark``, added up: no sorting."""
    boxes = _boxes_by_order(lot_ids)
    person, organization = Order.buyer_person_id, Order.buyer_organization_id
    query = select(
        func.count(),
        func.coalesce(func.sum(boxes.c.boxes), 0),
        func.count(person.distinct()).filter(organization.is_(None)),
        func.count(organization.distinct()),
        func.coalesce(func.sum(func.hashtextextended(Order.code, boxes.c.boxes)), 0),
    )
    row = session.execute(query.join_from(Order, boxes, boxes.c.order_code == Order.code).where(Order.state.not_in(GONE))).one()
    return Sales(row[0], int(row[1]), row[2], row[3], str(row[4]))


def list_reached_orders(session: Session, lot_ids: Collection[UUID], *, after: str = "", limit: int = 100) -> list[ReachedOrder]:
    """Orders that hold boxes of the lots, by code, after the order with code ``after``: one page."""
    rows = select(StockLot.id).where(StockLot.lot_id.in_(lot_ids))
    held = exists().where(Allocation.order_code == Order.code, Allocation.stock_lot_id.in_(rows))
    page = select(Order.code).where(Order.state.not_in(GONE), Order.code > after, held).order_by(Order.code).limit(limit)
    codes = session.scalars(page).all()
    return list(_read_orders(session, _lines(lot_ids).where(Order.code.in_(codes))))


def each_reached_order(session: Session, lot_ids: Collection[UUID]) -> Iterator[ReachedOrder]:
    """All of them, read a thousand lines at a time from one query."""
    return _read_orders(session, _lines(lot_ids).execution_options(yield_per=1000))


def _lines(lot_ids: Collection[UUID]) -> Select[Order, str, str, int]:
    """Each order with what it holds of the lots, line by line: product, lot code, boxes."""
    return (
        select(Order, Product.name, Lot.code, Allocation.quantity)
        .join(Allocation, Allocation.order_code == Order.code)
        .join(StockLot, StockLot.id == Allocation.stock_lot_id)
        .join(Lot, Lot.id == StockLot.lot_id)
        .join(Product, Product.id == StockLot.product_id)
        .where(StockLot.lot_id.in_(lot_ids), Order.state.not_in(GONE))
        .order_by(Order.code, Allocation.id)
    )


def _read_orders(session: Session, query: Select[Order, str, str, int]) -> Iterator[ReachedOrder]:
    rows = ((order, (product, lot, boxes)) for order, product, lot, boxes in session.execute(query))
    for order, lines in groupby(rows, key=itemgetter(0)):
        yield _reached(order, [line for _, line in lines])


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
