"""From allocated boxes to a closed parcel: shipments are opened for an order, filled (``scanning.py``), closed, or cancelled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.errors import Conflict
from kernel.ids import new_code, uuid7
from kernel.outbox import publish
from logistics.shipments.describing import say_of_parcels
from logistics.shipments.events import ItemsDispatched
from logistics.shipments.models import PackingTask, Parcel, ParcelItem, Shipment
from logistics.shipments.queries import list_boxes, list_progress, list_stale_lots
from logistics.shipments.scanning import lock_shipment, must_be_open
from logistics.shipments.states import SHIPMENT_FLOW, ShipmentState
from logistics.shipments.telling import tell_dispatch
from logistics.stock.dispatching import dispatch
from logistics.stock.queries import AllocatedBoxes, list_allocations
from traceability.pallets.numbering import next_sscc


@dataclass(frozen=True)
class Destination:
    """Where a shipment goes and who receives it; stays in this room."""

    recipient: str
    phone: str
    province_code: str
    city: str
    county_code: str
    street: str


def open_shipments(
    session: Session,
    actor: Actor,
    *,
    order_code: str,
    address: Destination,
    at: datetime,
    line_codes: Collection[str] | None = None,
) -> list[Shipment]:
    """Open the shipments an order needs: one for each place, seller and temperature its boxes were allocated from.

    Only boxes that stand in no shipment yet, so a second call opens nothing. ``line_codes`` narrows it to some lines. Raises Conflict
    when nothing is allocated to the order at all.
    """
    allocated = [box for box in list_allocations(session, order_code) if line_codes is None or box.line_code in line_codes]
    if not allocated:
        raise Conflict("订单 %(order)s 没有分配到库存，不能打包。", params={"order": order_code})
    known = _known_tasks(session, order_code)
    groups: dict[tuple[UUID, UUID, str], list[AllocatedBoxes]] = defaultdict(list)
    products = {p.id: p for p in session.scalars(select(Product).where(Product.id.in_({box.product_id for box in allocated})))}
    for box in allocated:
        if (box.line_code, box.lot_id, box.place_id) not in known:
            product = products[box.product_id]
            groups[(box.place_id, product.seller_id, product.temperature.value)].append(box)
    return [
        open_shipment(
            session,
            actor,
            order_code=order_code,
            seller_id=seller_id,
            place_id=place_id,
            temperature=temperature,
            boxes=boxes,
            address=address,
            at=at,
        )
        for (place_id, seller_id, temperature), boxes in sorted(groups.items())
    ]


def _known_tasks(session: Session, order_code: str) -> set[tuple[str, UUID, UUID]]:
    query = (
        select(PackingTask.line_code, PackingTask.lot_id, Shipment.from_place_id)
        .join(Shipment, Shipment.id == PackingTask.shipment_id)
        .where(Shipment.order_code == order_code, Shipment.state != ShipmentState.CANCELLED)
    )
    return set(session.execute(query))


def open_shipment(
    session: Session,
    actor: Actor,
    *,
    order_code: str,
    seller_id: UUID,
    place_id: UUID,
    temperature: str,
    boxes: Sequence[AllocatedBoxes],
    address: Destination,
    at: datetime,
) -> Shipment:
    """One shipment with a packing task for each line and lot, and its first parcel. Orders call ``open_shipments``."""
    actor.must_any({Role.operator: None, Role.packer: session.get_one(Place, place_id).organization_id, Role.clerk: seller_id})
    shipment = Shipment(
        id=uuid7(),
        code=new_code("SHP"),
        order_code=order_code,
        seller_id=seller_id,
        from_place_id=place_id,
        temperature=temperature,
        recipient_name=address.recipient,
        recipient_phone=address.phone,
        province_code=address.province_code,
        city=address.city,
        county_code=address.county_code,
        street=address.street,
        opened_at=at,
    )
    session.add(shipment)
    session.flush()
    session.add_all(
        PackingTask(
            shipment_id=shipment.id,
            line_code=box.line_code,
            product_id=box.product_id,
            lot_id=box.lot_id,
            quantity=box.quantity - box.dispatched,
        )
        for box in boxes
    )
    _add_parcel(session, shipment, 1)
    return shipment


def _add_parcel(session: Session, shipment: Shipment, number: int) -> Parcel:
    parcel = Parcel(shipment_id=shipment.id, number=number, sscc=next_sscc(session, session.get_one(Place, shipment.from_place_id)))
    session.add(parcel)
    session.flush()
    return parcel


def add_parcel(session: Session, actor: Actor, shipment_code: str) -> Parcel:
    """One more carton for a shipment that does not fit into those it has."""
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    last = session.scalar(select(func.max(Parcel.number)).where(Parcel.shipment_id == shipment.id)) or 0
    return _add_parcel(session, shipment, last + 1)


def close_shipment(session: Session, actor: Actor, shipment_code: str, at: datetime) -> Shipment:
    """The parcels are sealed: the boxes leave stock and lot, and the story of each box gets hub and destination province.

    Raises Conflict when boxes are missing, would no longer arrive fresh, a lot was stopped meanwhile, or a document it needs is not valid
    today.
    """
    shipment = lock_shipment(session, actor, shipment_code)
    must_be_open(shipment)
    missing = [row for row in list_progress(session, shipment.id) if row.scanned < row.task.quantity]
    if missing:
        raise Conflict(
            "还差 %(count)s 盒没有扫：%(names)s。",
            params={
                "count": sum(row.task.quantity - row.scanned for row in missing),
                "names": "、".join(sorted({row.product_name for row in missing})),
            },
        )
    must_arrive_fresh(session, shipment, at)
    boxes = list_boxes(session, shipment.id)
    serials_by_line: dict[str, list[str]] = defaultdict(list)
    for box in boxes:
        serials_by_line[box.line_code].append(box.serial)
    dispatch(session, actor, shipment.from_place_id, serials_by_line, at, reference=shipment.code)
    say_of_parcels(session, actor, shipment, at)  # after it: cases are locked after their boxes
    SHIPMENT_FLOW.check(shipment.state, ShipmentState.PACKED)
    shipment.state, shipment.packed_at = ShipmentState.PACKED, at
    publish(session, ItemsDispatched(shipment.order_code, shipment.code, tuple(boxes), at), at=at)
    tell_dispatch(session, shipment, [box.serial for box in boxes], at)
    session.flush()
    return shipment


def must_arrive_fresh(session: Session, shipment: Shipment, at: datetime) -> None:
    """Fresh when they were sold, boxes may have waited since: for money, for a packer. Raises Conflict for those that waited too long."""
    for stale in list_stale_lots(session, shipment, today_shanghai(at)):
        raise Conflict(
            "批次 %(lot)s 的“%(name)s”送到时保质期只剩 %(left)s 天，至少要 %(least)s 天，不能发。请放回货架，告诉销售方给买家退款或换货。",
            params={"lot": stale.lot_code, "name": stale.product_name, "left": max(stale.left, 0), "least": stale.least},
        )


def cancel_shipments(session: Session, order_code: str) -> int:
    """The order is cancelled: open shipments are cancelled and their boxes may be scanned for others; returns how many.

    Raises Conflict when one of them is already closed: then the goods are on their way.
    """
    query = select(Shipment).where(Shipment.order_code == order_code).order_by(Shipment.id).with_for_update()
    cancelled = 0
    for shipment in session.scalars(query.execution_options(populate_existing=True)).all():
        if shipment.state is ShipmentState.CANCELLED:
            continue
        if shipment.state is not ShipmentState.PACKING:
            raise Conflict("订单 %(order)s 已经打包发出，不能取消，请走售后。", params={"order": order_code})
        shipment.state = ShipmentState.CANCELLED
        tasks = select(PackingTask.id).where(PackingTask.shipment_id == shipment.id)
        for item in session.scalars(select(ParcelItem).where(ParcelItem.task_id.in_(tasks))):
            session.delete(item)
        cancelled += 1
    session.flush()
    return cancelled
