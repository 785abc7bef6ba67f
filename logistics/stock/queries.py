"""What lies where, and what may be bought now. Each query is one statement, whatever the number of products."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BindParameter,
    ColumnElement,
    ColumnExpressionArgument,
    Date,
    DateTime,
    ScalarSelect,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    column,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session, aliased

from catalog.parties.models import Organization, OrganizationKind, Place
from catalog.products.models import Product, ProductState
from kernel.clock import today_shanghai
from kernel.errors import NotFound
from logistics.stock.models import Allocation, Hold, MoveKind, Presale, PresaleStep, Promise, StockLot, StockMove
from logistics.stock.states import PresaleState
from traceability.lots.models import Lot
from traceability.lots.queries import speaks_true, stopped_boxes
from traceability.lots.states import LotKind, RecallState


@dataclass(frozen=True)
class Offer:
    """A product that can be bought now: how many boxes, and when the oldest of them expire."""

    product_id: UUID
    boxes: int
    expires_on: date | None


@dataclass(frozen=True)
class NextLot:
    """The lot that the next buyer of a product gets boxes from."""

    lot_id: UUID
    lot_code: str
    produced_on: date
    expires_on: date | None
    boxes: int


@dataclass(frozen=True)
class AllocatedBoxes:
    """Boxes of one lot at one place promised to one order line."""

    line_code: str
    order_code: str
    product_id: UUID
    stock_lot_id: UUID
    lot_id: UUID
    lot_code: str
    place_id: UUID
    expires_on: date | None
    quantity: int
    dispatched: int


@dataclass(frozen=True)
class ShelfRow:
    """One stock row as staff see it; ``free`` is how many boxes are for sale, ``stock.free`` those nobody has a claim on."""

    stock: StockLot
    lot_code: str
    sku: str
    product_name: str
    place_name: str
    recall_state: RecallState
    free: int


def _free(at: datetime | BindParameter[datetime] | None) -> ColumnElement[int]:
    """Boxes of a stock row that may be sold: those nobody has a claim on, less those of the lot that a recall stops one by one.

    A shelf knows how many boxes of a lot lie there, not which: stopped ones come off the lot's shelves in the order of their keys, as
    ``reserving.Shelf`` takes them off.
    """
    other = aliased(StockLot)
    before = select(func.coalesce(func.sum(_unclaimed(other, at)), 0))
    before = before.where(other.lot_id == StockLot.lot_id, other.id < StockLot.id).correlate(StockLot)
    stopped, free = stopped_boxes(StockLot.lot_id), _unclaimed(StockLot, at)
    kept = func.greatest(stopped - before.scalar_subquery(), 0)
    return case((stopped > 0, func.greatest(free - kept, 0)), else_=free)


def _unclaimed(row: type[StockLot], at: datetime | BindParameter[datetime] | None) -> ColumnElement[int]:
    """Boxes of a stock row nobody has a claim on; what abandoned baskets still hold counts, since the next buyer gets it (None: no)."""
    free = row.on_hand - row.held - row.allocated
    if at is None:
        return free
    abandoned = (
        select(func.coalesce(func.sum(Hold.quantity), 0))
        .where(Hold.stock_lot_id == row.id, Hold.until <= at)
        .correlate(row)
        .scalar_subquery()
    )
    return free + abandoned


def is_free(at: datetime) -> ColumnElement[bool]:
    """SQL for whether boxes of a stock row may be sold, as far as claims and recalls of single boxes go."""
    return _free(at) > 0


def _sellable(at: datetime) -> ColumnElement[bool]:
    return _sellable_on(today_shanghai(at))


def _sellable_on(today: date | BindParameter[date]) -> ColumnElement[bool]:
    fresh = or_(StockLot.sell_until.is_(None), StockLot.sell_until >= today)
    return and_(StockLot.on_hand > 0, fresh, Lot.recall_state == RecallState.NONE, speaks_true())


_AT, _ON = bindparam("at", type_=DateTime(timezone=True)), bindparam("on", type_=Date)
_FREE = _free(_AT)
_KEEP = (
    func.unnest(bindparam("kept", type_=ARRAY(Uuid)), bindparam("until", type_=ARRAY(Date)))
    .table_valued(column("product_id", Uuid), column("day", Date))
    .render_derived(name="keep")
)
_KEEPS = func.coalesce(
    StockLot.expires_on >= select(_KEEP.c.day).where(_KEEP.c.product_id == StockLot.product_id).scalar_subquery(), true()
)  # boxes do not expire before the day named for their product, or none is named
_AVAILABLE = (
    select(StockLot.product_id, func.sum(_FREE))
    .join(Lot, Lot.id == StockLot.lot_id)
    .where(StockLot.product_id == func.any(bindparam("products", type_=ARRAY(Uuid))), _sellable_on(_ON))
    .group_by(StockLot.product_id)
)
_AVAILABLE_FRESH = _AVAILABLE.where(_KEEPS)
_NEXT_LOT = (
    select(Lot.id, Lot.code, Lot.produced_on, StockLot.expires_on, _FREE)
    .join(Lot, Lot.id == StockLot.lot_id)
    .where(StockLot.product_id == bindparam("product", type_=Uuid), _sellable_on(_ON), _FREE > 0)
    .order_by(StockLot.expires_on.nulls_last(), StockLot.id)
    .limit(1)
)
_NEXT_LOT_FRESH = _NEXT_LOT.where(_KEEPS)
_SHELVES = (
    select(StockLot.product_id, StockLot.place_id, StockLot.expires_on, _FREE)
    .join(Lot, Lot.id == StockLot.lot_id)
    .where(StockLot.product_id == func.any(bindparam("products", type_=ARRAY(Uuid))), _sellable_on(_ON), _FREE > 0)
    .order_by(StockLot.expires_on.nulls_last(), StockLot.id)
)


def available(
    session: Session, product_ids: Collection[UUID], at: datetime, *, keeping: Mapping[UUID, date] | None = None
) -> dict[UUID, int]:
    """Boxes of each product that can be bought at ``at``; 0 for those without any. Of products in ``keeping`` only those that do not expire
    before the day named there.
    """
    asked = {"products": list(product_ids), "at": at, "on": today_shanghai(at)}
    rows = session.execute(_AVAILABLE_FRESH, asked | _kept(keeping)) if keeping else session.execute(_AVAILABLE, asked)
    found = {product_id: int(boxes) for product_id, boxes in rows}
    return {product_id: found.get(product_id, 0) for product_id in product_ids}


def _kept(keeping: Mapping[UUID, date]) -> dict[str, object]:
    """What ``_KEEPS`` binds."""
    return {"kept": list(keeping), "until": list(keeping.values())}


class Shelves:
    """Free boxes of some products as one look without locks found them, first expired first out; what one takes is gone for the next."""

    def __init__(self, rows: Iterable[tuple[UUID, UUID, date | None, int]]) -> None:
        self.rows = list(rows)
        self.left = [free for *_, free in self.rows]

    def take(self, wants: Mapping[UUID, int], keeping: Mapping[UUID, date]) -> dict[UUID, dict[UUID, int]]:
        """Where the boxes of ``wants`` (product → boxes) would leave from, as ``reserving.allocate`` takes them: product → place → boxes.

        Of products in ``keeping`` only what does not expire before the day named there; fewer boxes when there are no more.
        """
        found: dict[UUID, dict[UUID, int]] = {product_id: {} for product_id in wants}
        for number, (product_id, place_id, expires_on, _free) in enumerate(self.rows):
            if product_id not in wants or (expires_on or date.max) < keeping.get(product_id, date.min):
                continue
            places = found[product_id]
            share = min(wants[product_id] - sum(places.values()), self.left[number])
            if share > 0:
                places[place_id] = places.get(place_id, 0) + share
                self.left[number] -= share
        return found


def look_at_shelves(session: Session, product_ids: Collection[UUID], at: datetime) -> Shelves:
    """What lies free of these products, in one query."""
    rows = session.execute(_SHELVES, {"products": list(product_ids), "at": at, "on": today_shanghai(at)})
    return Shelves((product_id, place_id, expires_on, int(free)) for product_id, place_id, expires_on, free in rows)


def boxes_left(product_id: ColumnExpressionArgument[UUID]) -> ScalarSelect[int | None]:
    """SQL for ``available`` of one product, None for nothing; binds ``at`` and ``on``."""
    query = select(func.sum(_FREE)).join(Lot, Lot.id == StockLot.lot_id)
    return query.where(StockLot.product_id == product_id, _sellable_on(_ON)).correlate_except(StockLot, Lot).scalar_subquery()


def offer_seen(product_id: BindParameter[UUID], most: int) -> ScalarSelect[str]:
    """SQL for what a page tells of a product's boxes: how many are left (``most`` at most) and the stock row ``find_next_lot`` would tell
    of; binds ``at``, ``on`` and ``keep``, the day before which no box may expire (None: any day).
    """
    keep = bindparam("keep", type_=Date)
    row = (
        select(StockLot.id, StockLot.expires_on, _FREE.label("free"))
        .join(Lot, Lot.id == StockLot.lot_id)
        .where(StockLot.product_id == product_id, _sellable_on(_ON), func.coalesce(StockLot.expires_on >= keep, true()))
        .offset(0)  # each row's boxes are counted once, not at each mention
        .subquery()
    )
    in_turn = aggregate_order_by(row.c.id, row.c.expires_on.nulls_last(), row.c.id)
    first = func.array_agg(in_turn, type_=ARRAY(Uuid)).filter(row.c.free > 0)
    return select(func.concat(func.least(func.sum(row.c.free), most), ":", first)).scalar_subquery()


def presale_taking_orders(product_id: ColumnExpressionArgument[UUID]) -> ScalarSelect[UUID]:
    """SQL for the pre-sale of one product that has boxes left to order, None for none; binds ``at``."""
    query = select(Presale.id).where(Presale.product_id == product_id, *_taking_orders(_AT))
    return query.correlate_except(Presale).scalar_subquery()


def _taking_orders(at: datetime | BindParameter[datetime]) -> tuple[ColumnElement[bool], ...]:
    return Presale.state == PresaleState.OPEN, Presale.closes_at > at, Presale.promised < Presale.forecast


def list_offers_today(session: Session, at: datetime, after: UUID | None = None, limit: int = 200) -> list[Offer]:
    """Products with free boxes, in order of their keys; ``after`` is the last key of the page before."""
    boxes = func.sum(_free(at))
    query = (
        select(StockLot.product_id, boxes, func.min(StockLot.expires_on))
        .join(Lot, Lot.id == StockLot.lot_id)
        .where(_sellable(at))
        .group_by(StockLot.product_id)
        .having(boxes > 0)
        .order_by(StockLot.product_id)
        .limit(limit)
    )
    if after is not None:
        query = query.where(StockLot.product_id > after)
    return [Offer(product_id, int(count), expires_on) for product_id, count, expires_on in session.execute(query)]


def find_presales(session: Session, product_ids: Collection[UUID], at: datetime) -> dict[UUID, Presale]:
    """The open pre-sale of each product that has one and still takes orders today, be it with boxes left or without."""
    standing = (Presale.state == PresaleState.OPEN, Presale.closes_at > at)
    rows = session.scalars(select(Presale).where(Presale.product_id.in_(product_ids), *standing))
    return {presale.product_id: presale for presale in rows}


def list_presales_today(session: Session, at: datetime, *, limit: int = 12) -> Sequence[Presale]:
    """Pre-sales with boxes left to order, the one that ships first at the front."""
    return session.scalars(select(Presale).where(*_taking_orders(at)).order_by(Presale.ship_by, Presale.id).limit(limit)).all()


def find_harvested_at(session: Session, order_code: str) -> datetime | None:
    """When all boxes promised to an order from a pre-sale had come; None before that."""
    served = select(Promise.served_at).where(Promise.order_code == order_code, Promise.released_at.is_(None))
    return session.scalar(served.where(Promise.served == Promise.boxes))


def find_next_lot(
    session: Session, product_id: UUID, at: datetime, *, keeping: Mapping[UUID, date] | None = None
) -> NextLot | None:
    """The lot on offer by FEFO (``keeping`` as for ``available``): its dates are what the product page shows. None when nothing is free."""
    asked = {"product": product_id, "at": at, "on": today_shanghai(at)}
    found = session.execute(_NEXT_LOT_FRESH, asked | _kept(keeping)) if keeping else session.execute(_NEXT_LOT, asked)
    row = found.first()
    return NextLot(row[0], row[1], row[2], row[3], int(row[4])) if row else None


def list_allocations(session: Session, order_code: str) -> list[AllocatedBoxes]:
    """What is promised to an order, by line and lot."""
    return _list_allocations(session, Allocation.order_code == order_code)


def list_allocations_of_lots(session: Session, lot_ids: Collection[UUID]) -> list[AllocatedBoxes]:
    """All orders, shipped or not, that got boxes of these lots: the downstream half of a recall."""
    return _list_allocations(session, StockLot.lot_id.in_(lot_ids))


def _list_allocations(session: Session, condition: ColumnElement[bool]) -> list[AllocatedBoxes]:
    rows: Iterable[Any] = session.execute(
        select(
            Allocation.line_code,
            Allocation.order_code,
            StockLot.product_id,
            StockLot.id,
            StockLot.lot_id,
            Lot.code,
            StockLot.place_id,
            StockLot.expires_on,
            Allocation.quantity,
            Allocation.dispatched,
        )
        .join(StockLot, StockLot.id == Allocation.stock_lot_id)
        .join(Lot, Lot.id == StockLot.lot_id)
        .where(condition)
        .order_by(Allocation.line_code, Allocation.id)
    )
    return [AllocatedBoxes(*row) for row in rows]


def list_shelf(
    session: Session, organization_ids: Collection[UUID] | None, after: UUID | None = None, limit: int = 50
) -> list[ShelfRow]:
    """Stock rows at the places of these organisations (None: at all places) that still hold boxes, oldest first."""
    query = _shelf(organization_ids).where(StockLot.on_hand > 0).order_by(StockLot.id).limit(limit)
    if after is not None:
        query = query.where(StockLot.id > after)
    return [ShelfRow(*row) for row in session.execute(query)]


def get_shelf_row(session: Session, stock_lot_id: UUID, organization_ids: Collection[UUID] | None) -> ShelfRow:
    """One stock row at a place of these organisations. Raises NotFound."""
    row = session.execute(_shelf(organization_ids).where(StockLot.id == stock_lot_id)).first()
    if row is None:
        raise NotFound("没有这条库存。")
    return ShelfRow(*row)


def _shelf(organization_ids: Collection[UUID] | None) -> Select[StockLot, str, str, str, str, RecallState, int]:
    query = (
        select(StockLot, Lot.code, Product.sku, Product.name, Place.name, Lot.recall_state, _free(None))
        .join(Lot, Lot.id == StockLot.lot_id)
        .join(Product, Product.id == StockLot.product_id)
        .join(Place, Place.id == StockLot.place_id)
    )
    return query if organization_ids is None else query.where(Place.organization_id.in_(organization_ids))


def list_moves(session: Session, stock_lot_id: UUID, *, limit: int = 500) -> Sequence[StockMove]:
    """The last changes of a stock row's boxes, oldest first."""
    query = select(StockMove).where(StockMove.stock_lot_id == stock_lot_id).order_by(StockMove.id.desc()).limit(limit)
    return session.scalars(query).all()[::-1]


def count_dispatched(session: Session, lot_id: UUID) -> int:
    """Boxes of a lot that left, by the journal: must equal the lot's own ``dispatched``."""
    moved = select(func.coalesce(-func.sum(StockMove.quantity), 0)).join(StockLot, StockLot.id == StockMove.stock_lot_id)
    return int(session.scalar(moved.where(StockLot.lot_id == lot_id, StockMove.kind == MoveKind.DISPATCHED)) or 0)


@dataclass(frozen=True)
class Arriving:
    """A pack lot of which some boxes do not lie on any shelf yet."""

    lot_id: UUID
    lot_code: str
    product_name: str
    boxes: int


def list_arriving(session: Session, organization_ids: Collection[UUID] | None, limit: int = 50) -> list[Arriving]:
    """Pack lots with boxes that nobody has put on a shelf yet, newest first: those of these organisations and those made in the provinces
    where they have hubs (None: all). A hub (产地集配中心) takes in what the cooperatives around it pack."""
    shelved = select(func.coalesce(func.sum(StockLot.on_hand), 0)).where(StockLot.lot_id == Lot.id).correlate(Lot).scalar_subquery()
    left = Lot.made - Lot.used - Lot.lost - Lot.dispatched - shelved
    query = (
        select(Lot.id, Lot.code, Product.name, left)
        .join(Product, Product.sku == Lot.product_sku)
        .where(Lot.kind == LotKind.PACK, left > 0)
        .order_by(Lot.id.desc())
        .limit(limit)
    )
    if organization_ids is not None:
        hubs = select(Organization.id).where(Organization.id.in_(organization_ids), Organization.kind == OrganizationKind.HUB)
        provinces = select(func.substr(Place.county_code, 1, 2)).where(Place.organization_id.in_(hubs))
        near = func.substr(Lot.county_code, 1, 2).in_(provinces)
        query = query.where(or_(Lot.organization_id.in_(organization_ids), near))
    return [Arriving(lot_id, code, name, int(boxes)) for lot_id, code, name, boxes in session.execute(query)]


@dataclass(frozen=True)
class PresaleScope:
    """Whose pre-sales somebody sees: of products these organisations sell or grow, and of products of these counties."""

    organization_ids: Collection[UUID]
    counties: Collection[str]


@dataclass(frozen=True)
class PresaleRow:
    """A pre-sale and what it is of."""

    presale: Presale
    product: Product


def list_presales(session: Session, scope: PresaleScope | None, *, after: UUID | None = None, limit: int = 30) -> list[PresaleRow]:
    """Pre-sales, newest first (None: all); ``after`` is the key of the last one shown."""
    query = _presales(scope).order_by(Presale.id.desc()).limit(limit)
    return [PresaleRow(*row) for row in session.execute(query if after is None else query.where(Presale.id < after))]


def get_presale(session: Session, code: str, scope: PresaleScope | None) -> PresaleRow:
    """One pre-sale somebody may see. Raises NotFound."""
    row = session.execute(_presales(scope).where(Presale.code == code)).one_or_none()
    if row is None:
        raise NotFound("没有这个预售。")
    return PresaleRow(*row)


def _presales(scope: PresaleScope | None) -> Select[Presale, Product]:
    query = select(Presale, Product).join(Product, Product.id == Presale.product_id)
    if scope is None:
        return query
    ours = Product.seller_id.in_(scope.organization_ids) | Product.cooperative_id.in_(scope.organization_ids)
    return query.where(ours | Product.county_code.in_(scope.counties))


def list_to_announce(session: Session, organization_ids: Collection[UUID], *, limit: int = 300) -> Sequence[Product]:
    """Products on the shelf that these organisations sell or grow and that have no pre-sale, by SKU."""
    ours = Product.seller_id.in_(organization_ids) | Product.cooperative_id.in_(organization_ids)
    standing = select(Presale.product_id).where(Presale.state.in_((PresaleState.ASKED, PresaleState.OPEN)))
    query = select(Product).where(ours, Product.state == ProductState.ON_SALE, Product.id.not_in(standing))
    return session.scalars(query.order_by(Product.sku).limit(limit)).all()


def list_presale_steps(session: Session, presale_id: UUID) -> Sequence[PresaleStep]:
    """What was done with a pre-sale, oldest first."""
    return session.scalars(select(PresaleStep).where(PresaleStep.presale_id == presale_id).order_by(PresaleStep.id)).all()


@dataclass(frozen=True)
class Promised:
    """Boxes of a pre-sale that stand promised: in all, paid, and come."""

    orders: int
    boxes: int
    paid: int
    served: int


def count_promises(session: Session, presale_id: UUID) -> Promised:
    """How a pre-sale stands, by its promises."""
    paid = func.coalesce(func.sum(Promise.boxes).filter(Promise.paid_at.is_not(None)), 0)
    sums = select(func.count(), func.coalesce(func.sum(Promise.boxes), 0), paid, func.coalesce(func.sum(Promise.served), 0))
    row = session.execute(sums.where(Promise.presale_id == presale_id, Promise.released_at.is_(None))).one()
    return Promised(*map(int, row))
