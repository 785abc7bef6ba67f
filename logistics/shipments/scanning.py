"""Boxes go into parcels. The packer's hand chooses them; the system only says whether the choice is right."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from kernel.clock import today_shanghai
from kernel.errors import Conflict, NotFound
from kernel.ids import uuid7
from logistics.shipments.box_codes import read_box_code
from logistics.shipments.models import PackingTask, Parcel, ParcelItem, Shipment
from logistics.shipments.queries import get_shipment, list_progress
from logistics.shipments.states import SHIPMENT_FLOW, ShipmentState
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import find_item, is_blocked
from traceability.lots.states import ItemState


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


def scan_item(session: Session, actor: Actor, shipment_code: str, code_text: str, at: datetime) -> ParcelItem:
    """Put the box with this code into the shipment's newest parcel.

    Raises Invalid (unreadable), NotFound (no such box), and Conflict with the reason: a label that contradicts itself, another product,
    another lot than the one promised, already in a parcel, void or recalled, or the line is full.
    """
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    code = read_box_code(code_text)
    item = find_item(session, code.serial)
    if item is None:
        raise NotFound("没有编号为 %(serial)s 的盒子，请核对标签，一次只扫一盒。", params={"serial": code.serial})
    lot = session.get_one(Lot, item.lot_id)
    if code.gtin not in (None, item.gtin) or code.lot not in (None, lot.code):
        raise Conflict(
            "编号 %(serial)s 的标签与登记的商品或批次不符，可能贴错或是仿造的，请换一盒。", params={"serial": item.serial}
        )
    task = _matching_task(session, shipment, item, lot)
    _check_box(session, item, lot, at)
    parcel_id = session.scalar(select(Parcel.id).where(Parcel.shipment_id == shipment.id).order_by(Parcel.number.desc()).limit(1))
    row = {
        "id": uuid7(),
        "parcel_id": parcel_id,
        "task_id": task.id,
        "trade_item_id": item.id,
        "serial": item.serial,
        "scanned_by": actor.label,
        "scanned_at": at,
    }
    placed: ParcelItem | None = session.scalar(
        insert(ParcelItem).values(row).on_conflict_do_nothing(index_elements=["trade_item_id"]).returning(ParcelItem)
    )
    if placed is None:
        raise Conflict("编号 %(serial)s 的盒子已经装进一个包裹了，请换一盒。", params={"serial": item.serial})
    return placed


def _matching_task(session: Session, shipment: Shipment, item: TradeItem, lot: Lot) -> PackingTask:
    """The task this box helps to fulfil. Raises Conflict saying what is wrong with the box."""
    progress = list_progress(session, shipment.id)
    same_lot = [row for row in progress if row.task.lot_id == item.lot_id]
    for row in same_lot:
        if row.scanned < row.task.quantity:
            return session.get_one(PackingTask, row.task.id)
    if same_lot:
        raise Conflict("批次 %(lot)s 的盒数已经够了，这盒请放回。", params={"lot": lot.code})
    if any(row.sku == lot.product_sku for row in progress):
        wanted = "、".join(row.lot_code for row in progress if row.sku == lot.product_sku)
        raise Conflict(
            "这盒属于批次 %(lot)s，这一单要发的是批次 %(wanted)s，请换一盒。", params={"lot": lot.code, "wanted": wanted}
        )
    wanted = "、".join(sorted({row.product_name for row in progress}))
    raise Conflict("这盒是“%(name)s”，这一单要装的是“%(wanted)s”。", params={"name": lot.material, "wanted": wanted})


def _check_box(session: Session, item: TradeItem, lot: Lot, at: datetime) -> None:
    """Raises Conflict for a box that may not leave: used, void, or of a lot that is stopped."""
    if item.state in (ItemState.SOLD, ItemState.RECEIVED):
        raise Conflict("编号 %(serial)s 的盒子已经发给别人了，请核对标签。", params={"serial": item.serial})
    if item.state is ItemState.VOID:
        raise Conflict("编号 %(serial)s 的标签已作废，请换一盒。", params={"serial": item.serial})
    if item.state is ItemState.MADE:
        raise Conflict("编号 %(serial)s 的标签还没有打印，请先打印并贴好。", params={"serial": item.serial})
    blocked = is_blocked(session, lot.id, today_shanghai(at))
    if blocked:
        raise Conflict("批次 %(lot)s 现在不能发货：%(reason)s", params={"lot": lot.code, "reason": blocked})


def remove_item(session: Session, actor: Actor, shipment_code: str, serial: str) -> None:
    """Take a box out of a parcel that is still open. Raises NotFound, Conflict."""
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    query = (
        select(ParcelItem)
        .join(Parcel, Parcel.id == ParcelItem.parcel_id)
        .where(Parcel.shipment_id == shipment.id, ParcelItem.serial == serial)
    )
    item = session.scalar(query)
    if item is None:
        raise NotFound("这个包裹里没有编号为 %(serial)s 的盒子。", params={"serial": serial})
    session.delete(item)
    session.flush()
