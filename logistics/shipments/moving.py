"""What carriers say, kept line by line, and what it makes of a shipment: always from all lines, so their order of arrival is nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from operator import itemgetter

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from kernel.outbox import publish
from logistics.coldchain.assigning import end_assignments
from logistics.shipments.carriers import Track
from logistics.shipments.events import ShipmentDelivered, ShipmentDispatched, ShipmentReturned, ShipmentTroubled
from logistics.shipments.models import Movement, PackingTask, ParcelItem, Push, Shipment
from logistics.shipments.queries import list_movements
from logistics.shipments.states import SHIPMENT_AFTER, SHIPMENT_FLOW, MovementState, ShipmentState
from traceability.lots.models import TradeItem
from traceability.lots.serialising import receive_items
from traceability.lots.states import ItemState

# Lines that prove that the carrier has the goods; 已下单, 已销单 and 疑难 do not.
_HAS_IT = frozenset(MovementState) - {MovementState.ORDERED, MovementState.CANCELLED, MovementState.PROBLEM}
_LATER = {state: rank for rank, state in enumerate(MovementState)}


def record_push(session: Session, carrier: str, track: Track, payload: str, at: datetime) -> int:
    """Keep a push whose signature was checked; returns how many lines were new. The same push, or the same line, counts once."""
    lock_waybill(session, carrier, track.number)
    digest = hashlib.sha256(payload.encode()).hexdigest()
    push = {"id": uuid7(), "carrier": carrier, "number": track.number, "payload": payload, "digest": digest, "received_at": at}
    push_id = session.scalar(
        insert(Push).values(push).on_conflict_do_nothing(index_elements=["carrier", "digest"]).returning(Push.id)
    )
    if push_id is None or not track.lines:
        return 0
    rows = [
        {
            "id": uuid7(),
            "carrier": carrier,
            "number": track.number,
            "at": line.at,
            "text": line.text,
            "city": line.city,
            "state": line.state,
            "push_id": push_id,
        }
        for line in track.lines
    ]
    new = session.scalars(insert(Movement).on_conflict_do_nothing().returning(Movement.id), rows).all()
    query = select(Shipment).where(Shipment.carrier == carrier, Shipment.waybill == track.number)
    shipment = session.scalar(query.with_for_update().execution_options(populate_existing=True))
    if shipment is not None:
        refresh_shipment(session, shipment, at)
    return len(new)


def lock_waybill(session: Session, carrier: str, number: str) -> None:
    """Until the end of the transaction nobody else tells of this waybill or gives it to a shipment: a push that comes while the waybill
    is being written down would find no shipment, and the shipment no push."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"waybill {carrier} {number}", 0))))


def refresh_shipment(session: Session, shipment: Shipment, at: datetime) -> None:
    """Bring a locked shipment to the state its movements give it, and publish what that means, each once."""
    movements = list_movements(session, shipment)
    having = [movement.at for movement in movements if movement.state in _HAS_IT]
    if having and shipment.dispatched_at is None:
        shipment.dispatched_at = min(having)
        publish(session, ShipmentDispatched(shipment.order_code, shipment.code, shipment.dispatched_at), at=at)
    last = _deciding(movements)
    if last is not None and (after := SHIPMENT_AFTER[last.state]) is not None and SHIPMENT_FLOW.can(shipment.state, after):
        shipment.state = after
        if after is ShipmentState.DELIVERED:
            shipment.delivered_at = last.at
            publish(session, ShipmentDelivered(shipment.order_code, shipment.code, last.at), at=at)
        if after is ShipmentState.PROBLEM:
            publish(session, ShipmentTroubled(shipment.order_code, shipment.code, last.at), at=at)
        if after is ShipmentState.RETURNED:
            publish(session, ShipmentReturned(shipment.order_code, shipment.code, last.at), at=at)
        if SHIPMENT_FLOW.may_rest(after):
            end_assignments(session, shipment.code, last.at)
    session.flush()


def mark_received(session: Session, event: ShipmentDelivered) -> None:
    """Reaction: the buyer has the boxes of a delivered shipment. Boxes of one lot at a time, lots by key (docs/locking.md)."""
    query = (
        select(TradeItem.lot_id, TradeItem.serial)
        .join(ParcelItem, ParcelItem.trade_item_id == TradeItem.id)
        .join(PackingTask, PackingTask.id == ParcelItem.task_id)
        .join(Shipment, Shipment.id == PackingTask.shipment_id)
        .where(Shipment.code == event.shipment_code, TradeItem.state == ItemState.SOLD)
        .order_by(TradeItem.lot_id, TradeItem.id)
    )
    for lot_id, rows in groupby(session.execute(query).all(), key=itemgetter(0)):
        receive_items(session, lot_id=lot_id, serials=[serial for _, serial in rows], at=event.signed_at)


def _deciding(movements: Sequence[Movement]) -> Movement | None:
    """The latest line that says where the shipment stands; of two in the same second the one further along."""
    saying = [movement for movement in movements if SHIPMENT_AFTER[movement.state] is not None]
    return max(saying, key=lambda movement: (movement.at, _LATER[movement.state]), default=None)
