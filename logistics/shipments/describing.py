"""Say in EPCIS words which boxes went into which carton: one AggregationEvent a carton with an SSCC, in the closing transaction."""

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
from traceability.lots.describing import epc_of_item, location_of
from traceability.lots.models import TradeItem


def say_of_parcels(session: Session, actor: Actor, shipment: Shipment, at: datetime) -> None:
    """Record each carton of a shipment and the boxes in it; where it goes is not said."""
    place = session.get_one(Place, shipment.from_place_id)
    query = select(Parcel).where(Parcel.shipment_id == shipment.id, Parcel.sscc.is_not(None)).order_by(Parcel.number)
    for parcel in session.scalars(query).all():
        items = session.scalars(
            select(TradeItem).join(ParcelItem, ParcelItem.trade_item_id == TradeItem.id).where(ParcelItem.parcel_id == parcel.id)
        ).all()
        if items:
            record_event(session, actor, _draft(place, parcel, sorted(epc_of_item(item) for item in items), at))


def _draft(place: Place, parcel: Parcel, boxes: list[str], at: datetime) -> EventDraft:
    return EventDraft(
        event_type=EventType.AGGREGATION,
        action=Action.ADD,
        at=at,
        organization_id=place.organization_id,
        county_code=place.county_code,
        epcs=[Epc(EpcRole.PARENT, f"{identifiers.ROOT}00/{parcel.sscc}"), *(Epc(EpcRole.CHILD, box) for box in boxes)],
        biz_step="packing",
        disposition="in_progress",
        read_point=location_of(place),
        private={"boxes": (None, str(len(boxes)))},  # how much one buyer bought, perhaps of one household
    )
