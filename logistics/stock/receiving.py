"""Boxes of a pack lot arrive at a place, or are found spoiled there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, OrganizationKind, Place, Role
from catalog.parties.queries import get_organization
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from kernel.quantity import Quantity, Unit
from logistics.stock import preselling
from logistics.stock.casing import bring_cases
from logistics.stock.dating import days_on_way
from logistics.stock.freshness import sell_until
from logistics.stock.guarding import change, lock_stock
from logistics.stock.models import MoveKind, StockLot, StockMove
from traceability.lots import accounting, balancing, returning, reworking
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import count_stopped
from traceability.lots.states import LotKind
from traceability.pallets.aggregating import take_out_boxes


def receive_pack_lot(session: Session, actor: Actor, lot_id: UUID, place_id: UUID, boxes: int, at: datetime) -> StockLot:
    """Put ``boxes`` of a pack lot on the shelf of a place; the same lot may lie at several places, or arrive in parts.

    A place takes in what its own organisation packed; a hub (产地集配中心), and whoever the operator sends it to, also what others did.
    Once all that is left of the lot lies here, its cases do too. Who ordered boxes of this harvest before it came (预售) gets them first.
    Raises NotFound, Invalid (not a pack lot, no boxes), Forbidden, and Conflict when more boxes would lie on shelves than the lot has.
    """
    if boxes <= 0:
        raise Invalid("收货数量至少是 1 盒。", field="boxes")
    place = session.get(Place, place_id)
    if place is None:
        raise NotFound("没有这个仓库或地点。")
    actor.must_any({Role.packer: place.organization_id, Role.clerk: place.organization_id, Role.operator: None})
    lot = session.get(Lot, lot_id)
    if lot is None:
        raise NotFound("没有这个批次。")
    _must_keep(session, actor, lot, place)
    product = _product_of(session, lot)
    presale = preselling.lock_open_presale(session, product.id)
    row = _shelf_of(session, lot, product, place_id, at)
    lot = balancing.lock_lots(session, [lot_id])[lot_id]
    elsewhere = session.scalar(select(func.coalesce(func.sum(StockLot.on_hand), 0)).where(StockLot.lot_id == lot_id)) or 0
    if elsewhere + boxes > lot.left.amount:
        raise Conflict(
            "批次 %(lot)s 只有 %(left)s 盒还没有入库，不能再收 %(boxes)s 盒。请点数后重新填写。",
            params={"lot": lot.code, "left": int(lot.left.amount) - elsewhere, "boxes": boxes},
        )
    assert change(session, row.id, on_hand=boxes)
    accounting.move(session, lot, Decimal(boxes), at, to_place_id=place_id)
    session.add(StockMove(stock_lot_id=row.id, kind=MoveKind.RECEIVED, quantity=boxes, actor=actor.label, at=at))
    session.flush()
    if presale is not None:
        preselling.serve_arrival(session, presale, row.id, at)
    session.refresh(row)
    if row.on_hand == lot.left.amount:
        bring_cases(session, lot_id, place_id)
    return row


def _must_keep(session: Session, actor: Actor, lot: Lot, place: Place) -> None:
    """Whoever has boxes on the shelf prints their labels, writes them off and sends them: nobody takes in a neighbour's."""
    keeper = get_organization(session, place.organization_id)
    if lot.organization_id != keeper.id and keeper.kind is not OrganizationKind.HUB and not actor.has(Role.operator):
        raise Forbidden("这里只收本单位的批次；别的单位的批次由仓配中心入库。")


def _product_of(session: Session, lot: Lot) -> Product:
    """What a pack lot is boxes of. Raises Invalid for any other lot."""
    product = session.scalar(select(Product).where(Product.sku == lot.product_sku)) if lot.kind is LotKind.PACK else None
    if product is None:
        raise Invalid("批次 %(lot)s 不是装盒批次，不能入库销售。请先装盒。", params={"lot": lot.code}, field="lot")
    return product


def _shelf_of(session: Session, lot: Lot, product: Product, place_id: UUID, at: datetime) -> StockLot:
    """The locked stock row of a lot at a place, made when there is none."""
    row = {
        "id": uuid7(),
        "lot_id": lot.id,
        "product_id": product.id,
        "place_id": place_id,
        "on_hand": 0,
        "held": 0,
        "allocated": 0,
        "dispatched": 0,
        "expires_on": lot.expires_on,
        "sell_until": sell_until(lot.expires_on, product.shelf_life_days, days_on_way(session, product.seller_id, at)),
        "received_at": at,
    }
    session.execute(insert(StockLot).values(row).on_conflict_do_nothing(index_elements=["lot_id", "place_id"]))
    return lock_stock(session, (StockLot.lot_id == lot.id) & (StockLot.place_id == place_id))[0]


def discard_boxes(session: Session, actor: Actor, stock_lot_id: UUID, serials: Sequence[str], reason: str, at: datetime) -> None:
    """Take spoiled or broken boxes off the shelf, out of the lot and out of their cases.

    Only free boxes, and recalled ones: promised ones are first taken back from orders.

    Raises NotFound, Forbidden, Conflict when fewer boxes are free, and what ``lots.balancing.record_loss`` raises (reason, serials).
    """
    keeper, row = _take_off(session, actor, stock_lot_id, serials, reason, MoveKind.DISCARDED, at)
    quantity = Quantity(Decimal(len(serials)), Unit.BOX)
    balancing.record_loss(
        session, keeper, lot_id=row.lot_id, quantity=quantity, reason=reason, at=at, serials=serials, place_id=row.place_id
    )
    session.flush()
    take_out_boxes(session, keeper, serials, at)


def open_boxes(session: Session, actor: Actor, stock_lot_id: UUID, serials: Sequence[str], reason: str, at: datetime) -> Lot:
    """Take free boxes off the shelf and open them (返工): what was in them is a lot again, which is packed anew.

    Raises as ``discard_boxes``, and what ``lots.reworking.open_boxes`` raises (recalled, past its date).
    """
    keeper, row = _take_off(session, actor, stock_lot_id, serials, reason, MoveKind.OPENED, at)
    opened = reworking.open_boxes(session, keeper, lot_id=row.lot_id, serials=serials, reason=reason, at=at, place_id=row.place_id)
    take_out_boxes(session, keeper, serials, at)
    return opened


def take_back_boxes(session: Session, actor: Actor, stock_lot_id: UUID, serials: Sequence[str], reason: str, at: datetime) -> Lot:
    """Note boxes that came back to this shelf's place. They do not go back on the shelf.

    Raises NotFound, Forbidden, and what ``lots.returning.take_back_items`` raises.
    """
    keeper, row = _keeper_of(session, actor, stock_lot_id)
    return returning.take_back_items(
        session, keeper, lot_id=row.lot_id, serials=serials, reason=reason, at=at, place_id=row.place_id
    )


def _keeper_of(session: Session, actor: Actor, stock_lot_id: UUID) -> tuple[Actor, StockLot]:
    """The row, locked with the lot's other shelves, and who may act on the lot: whoever keeps the shelf, though it is another's lot."""
    shelves = lock_stock(session, StockLot.lot_id.in_(select(StockLot.lot_id).where(StockLot.id == stock_lot_id)))
    row = next((row for row in shelves if row.id == stock_lot_id), None)
    if row is None:
        raise NotFound("没有这条库存。")
    place = session.get_one(Place, row.place_id)
    actor.must_any({Role.packer: place.organization_id, Role.clerk: place.organization_id, Role.operator: None})
    return replace(actor, system=True), row


def _take_off(
    session: Session, actor: Actor, stock_lot_id: UUID, serials: Sequence[str], reason: str, kind: MoveKind, at: datetime
) -> tuple[Actor, StockLot]:
    keeper, row = _keeper_of(session, actor, stock_lot_id)
    boxes = len(serials)
    if not boxes:
        raise Invalid("请写明是哪几盒，一行一个编号。", field="serials")
    free = _free_to_take_off(session, row, serials)
    if boxes > free or not change(session, stock_lot_id, on_hand=-boxes):
        raise Conflict("这里只有 %(free)s 盒没有被订单占用，不能拿走 %(boxes)s 盒。", params={"free": free, "boxes": boxes})
    session.add(
        StockMove(stock_lot_id=stock_lot_id, kind=kind, quantity=-boxes, reference=reason.strip()[:200], actor=actor.label, at=at)
    )
    return keeper, row


def _free_to_take_off(session: Session, row: StockLot, serials: Sequence[str]) -> int:
    """How many boxes may go off this shelf, these among them: not those that orders need because others of the lot are stopped."""
    stopped = select(func.count()).where(
        TradeItem.serial.in_(serials), TradeItem.lot_id == row.lot_id, TradeItem.stopped.is_not(None)
    )
    shelves = session.scalars(select(StockLot).where(StockLot.lot_id == row.lot_id)).all()
    sellable = sum(each.free for each in shelves) - count_stopped(session, [row.lot_id])[row.lot_id]
    return min(row.free, max(sellable, 0) + (session.scalar(stopped) or 0))
