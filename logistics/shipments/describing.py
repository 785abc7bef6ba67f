"""Say in EPCIS words what went into which carton: one AggregationEvent a carton with an SSCC, in the closing transaction."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place
from logistics.shipments.models import Parcel, ParcelItem, Shipment
from traceability.events import identifiers
from traceability.events.drafts import Epc, EventDraft
from traceability.events.recording import record_event
from traceability.events.vocabulary import Action, EpcRole, EventType
from traceability.lots.describing import location_of
from traceability.lots.models import TradeItem
from traceability.pallets.aggregating import send_off


def say_of_parcels(session: Session, actor: Actor, shipment: Shipment, at: datetime) -> None:
    """Record each carton of a shipment and what stands in it: whole cases as such, other boxes one by one. Where it goes is not said.

    Cases that go whole have left from now on; what goes without the rest of its case is taken out of it first.
    """
    place = session.get_one(Place, shipment.from_place_id)
    boxes: dict[Parcel, list[TradeItem]] = {}
    query = (
        select(Parcel, TradeItem)
        .join(ParcelItem, ParcelItem.parcel_id == Parcel.id)
        .join(TradeItem, TradeItem.id == ParcelItem.trade_item_id)
        .where(Parcel.shipment_id == shipment.id)
    )
    for parcel, item in session.execute(query.order_by(Parcel.number)):
        boxes.setdefault(parcel, []).append(item)
    inside = send_off(session, actor, list(boxes.values()), at)
    for (parcel, items), things in zip(boxes.items(), inside, strict=True):
        if parcel.sscc is not None:
            record_event(session, actor, _draft(place, parcel, things, len(items), at))


def _draft(place: Place, parcel: Parcel, inside: list[str], boxes: int, at: datetime) -> EventDraft:
    return EventDraft(
        event_type=EventType.AGGREGATION,
        action=Action.ADD,
        at=at,
        organization_id=place.organization_id,
        county_code=place.county_code,
        epcs=[Epc(EpcRole.PARENT, f"{identifiers.ROOT}00/{parcel.sscc}"), *(Epc(EpcRole.CHILD, thing) for thing in inside)],
        biz_step="packing",
        disposition="in_progress",
        read_point=location_of(place),
        private={"boxes": (None, str(boxes))},  # how much one buyer bought, perhaps of one household
    )
