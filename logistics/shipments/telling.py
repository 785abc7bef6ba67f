"""What the story page of a box may know of its journey: hub, destination province, and temperatures. The only place that tells it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.models import Area
from catalog.parties.models import Place
from kernel.clock import format_iso
from logistics.coldchain.queries import find_summary
from logistics.coldchain.recording import TemperatureChanged
from logistics.shipments.models import Shipment
from logistics.shipments.queries import list_boxes
from traceability.scan.telling import tell_fact


def tell_dispatch(session: Session, shipment: Shipment, serials: Sequence[str], at: datetime) -> None:
    """These boxes left their hub for a province; neither city nor carrier nor time of day."""
    place = session.get_one(Place, shipment.from_place_id)
    province = session.get(Area, shipment.province_code)
    facts = {
        "hub": place.name,
        "hub_en": place.name_en,
        "hub_county_code": place.county_code,
        "province_code": shipment.province_code,
        "province": province.name if province else "",
        "province_en": province.name_en if province else "",
    }
    for serial in serials:
        tell_fact(session, serial, "dispatched", facts, at)


def tell_temperature(session: Session, event: TemperatureChanged) -> None:
    """Reaction: tell each box of a shipment the temperatures of its journey so far."""
    summary = find_summary(session, event.shipment_code)
    shipment_id = session.scalar(select(Shipment.id).where(Shipment.code == event.shipment_code))
    if summary is None or shipment_id is None:  # a logger's keeper may type a code that names nothing
        return
    facts = {
        "cold_class": summary.cold_class.value,
        "coldest": str(summary.coldest),
        "warmest": str(summary.warmest),
        "limit": str(summary.limit),
        "readings": summary.readings,
        "excursions": summary.excursions,
        "from": format_iso(summary.first_at),
        "until": format_iso(summary.last_at),
    }
    for box in list_boxes(session, shipment_id):
        tell_fact(session, box.serial, "temperature", facts, summary.last_at)
