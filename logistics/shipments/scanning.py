"""Boxes go into parcels, one by one or a case at a time. The packer's hand chooses; the system only says whether the choice is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from kernel.errors import Conflict, NotFound
from kernel.ids import uuid7
from logistics.shipments.models import Parcel, ParcelItem, Shipment
from logistics.shipments.queries import Progress, get_shipment, list_progress
from logistics.shipments.states import SHIPMENT_FLOW, ShipmentState
from logistics.stock.casing import must_lie_at, settle
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import find_item
from traceability.pallets.aggregating import check_box, must_stand
from traceability.pallets.queries import get_container, list_items_inside
from traceability.scan.box_codes import BoxCode, read_code


def lock_shipment(session: Session, actor: Actor, shipment_code: str) -> Shipment:
    """The shipment, locked, for a packer of the place it leaves from. Raises NotFound, Forbidden."""
    shipment = get_shipment(session, shipment_code)
    actor.must(Role.packer, session.get_one(Place, shipment.from_place_id).organization_id)
    session.refresh(shipment, with_for_update=True)
    return shipment


def must_be_open(shipment: Shipment) -> None:
    """Raises Conflict unless the shipment is still being packed."""
    if shipment.state is not ShipmentState.PACKING:
        raise Conflict("这一单现在是“%(state)s”，不能再改动。", params={"state": SHIPMENT_FLOW.label(shipment.state)})


@dataclass(frozen=True)
class Scanned:
    """What one scan did: how many boxes went in, what was scanned, and whether all of it was in there before."""

    name: str
    boxes: int
    again: bool = False


def scan(session: Session, actor: Actor, shipment_code: str, code_text: str, at: datetime) -> Scanned:
    """Put the box with this code, or all boxes of the case or pallet, into the shipment's newest parcel; a case twice is a case once.

    Raises Invalid (unreadable), NotFound (no such box or case), and Conflict with the reason: a label that contradicts itself, another
    product, another lot than the one promised, already in a parcel, void or recalled, the line is full, or a case lies elsewhere. Then
    nothing went in.
    """
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    code = read_code(code_text)
    if isinstance(code, BoxCode):
        item = _find_box(session, code)
        _place(session, actor, shipment, [item], at)
        return Scanned(item.serial, 1)
    container = get_container(session, code)
    must_stand(container)
    must_lie_at(session, container, shipment.from_place_id)
    inside = list_items_inside(session, container.id)
    known = _in_shipment(session, shipment, [item.id for item in inside])
    _place(session, actor, shipment, [item for item in inside if item.id not in known], at)
    settle(session, container, shipment.from_place_id)
    return Scanned(container.name, len(inside) - len(known), again=len(known) == len(inside))


def _find_box(session: Session, code: BoxCode) -> TradeItem:
    item = find_item(session, code.serial)
    if item is None:
        raise NotFound("没有编号为 %(serial)s 的盒子，请核对标签，一次只扫一盒。", params={"serial": code.serial})
    lot = session.get_one(Lot, item.lot_id)
    if code.gtin not in (None, item.gtin) or code.lot not in (None, lot.code):
        raise Conflict(
            "编号 %(serial)s 的标签与登记的商品或批次不符，可能贴错或是仿造的，请换一盒。", params={"serial": item.serial}
        )
    return item


def _in_shipment(session: Session, shipment: Shipment, item_ids: Sequence[UUID]) -> set[UUID]:
    query = select(ParcelItem.trade_item_id).join(Parcel, Parcel.id == ParcelItem.parcel_id)
    return set(session.scalars(query.where(Parcel.shipment_id == shipment.id, ParcelItem.trade_item_id.in_(item_ids))))


def _place(session: Session, actor: Actor, shipment: Shipment, items: Sequence[TradeItem], at: datetime) -> None:
    """These boxes go into the newest parcel, each for a task that still wants one of its lot."""
    progress = list_progress(session, shipment.id)
    room = {row.task.id: row.task.quantity - row.scanned for row in progress}
    parcel_id = session.scalar(select(Parcel.id).where(Parcel.shipment_id == shipment.id).order_by(Parcel.number.desc()).limit(1))
    rows = []
    for item in items:
        task_id = _matching_task(session, progress, room, item)
        room[task_id] -= 1
        check_box(session, item, at)
        rows.append(
            {
                "id": uuid7(),
                "parcel_id": parcel_id,
                "task_id": task_id,
                "trade_item_id": item.id,
                "serial": item.serial,
                "scanned_by": actor.label,
                "scanned_at": at,
            }
        )
    if not rows:
        return
    statement = insert(ParcelItem).on_conflict_do_nothing(index_elements=["trade_item_id"]).returning(ParcelItem.serial)
    placed = set(session.scalars(statement, rows))
    if taken := {item.serial for item in items} - placed:
        raise Conflict("编号 %(serial)s 的盒子已经装进一个包裹了，请换一盒。", params={"serial": min(taken)})


def _matching_task(session: Session, progress: Sequence[Progress], room: Mapping[UUID, int], item: TradeItem) -> UUID:
    """The task this box helps to fulfil. Raises Conflict saying what is wrong with the box."""
    same_lot = [row.task.id for row in progress if row.task.lot_id == item.lot_id]
    for task_id in same_lot:
        if room[task_id] > 0:
            return task_id
    lot = session.get_one(Lot, item.lot_id)
    if same_lot:
        raise Conflict("批次 %(lot)s 的盒数已经够了，这盒请放回。", params={"lot": lot.code})
    if any(row.sku == lot.product_sku for row in progress):
        wanted = "、".join(row.lot_code for row in progress if row.sku == lot.product_sku)
        raise Conflict(
            "这盒属于批次 %(lot)s，这一单要发的是批次 %(wanted)s，请换一盒。", params={"lot": lot.code, "wanted": wanted}
        )
    wanted = "、".join(sorted({row.product_name for row in progress}))
    raise Conflict("这盒是“%(name)s”，这一单要装的是“%(wanted)s”。", params={"name": lot.material, "wanted": wanted})


def remove(session: Session, actor: Actor, shipment_code: str, code_text: str) -> int:
    """Take a box, or all boxes of a case or pallet, out of a parcel that is still open; how many. Raises Invalid, NotFound, Conflict."""
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    code = read_code(code_text)
    inside = ParcelItem.parcel_id.in_(select(Parcel.id).where(Parcel.shipment_id == shipment.id))
    if isinstance(code, BoxCode):
        which = ParcelItem.serial == code.serial
    else:
        which = ParcelItem.trade_item_id.in_([item.id for item in list_items_inside(session, get_container(session, code).id)])
    gone = session.scalars(delete(ParcelItem).where(inside, which).returning(ParcelItem.id)).all()
    if not gone:
        raise NotFound("这个包裹里没有编号为 %(serial)s 的盒子。", params={"serial": code_text[:40]})
    return len(gone)
