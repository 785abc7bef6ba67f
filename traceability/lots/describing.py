"""Say in EPCIS words what was done to lots and boxes, one event an act (docs/lots.md lists which).

A weight that comes from a single household is about that household: it never stands in the public part of a ledger entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Place
from catalog.parties.roles import Actor
from kernel.quantity import Quantity
from traceability.events import identifiers
from traceability.events.drafts import Epc, EventDraft
from traceability.events.models import TraceEvent
from traceability.events.recording import record_event
from traceability.events.vocabulary import NAMESPACE, Action, EpcRole, EventType
from traceability.lots.models import CapacityRule, Lot, LotShare, TradeItem, YieldRule
from traceability.lots.states import Step

# Steps that CBV 2.0 has a word for; the others get one of ours.
_STEPS = {
    Step.MIXING: "assembling",
    Step.SLAUGHTERING: "killing",
    Step.CUTTING: "disassembling",
    Step.PACKING: "packing",
}


def epc_of(lot: Lot) -> str:
    """The lot's identifier in events: a GS1 link when its product has a GTIN, else a UUID."""
    return identifiers.lot_epc(lot.gtin, lot.code) if lot.gtin else f"urn:uuid:{lot.id}"


def epc_of_item(item: TradeItem) -> str:
    """The box's identifier in events."""
    return identifiers.item_epc(item.gtin, item.serial) if item.gtin else f"urn:uuid:{item.id}"


def location_of(place: Place) -> str:
    """The place's identifier in events."""
    return identifiers.location(place.gln) if place.gln else f"urn:uuid:{place.id}"


def say_of_lot(
    session: Session,
    actor: Actor,
    lot: Lot,
    *,
    at: datetime,
    action: Action,
    biz_step: str,
    disposition: str,
    quantity: Quantity,
    items: Sequence[TradeItem] = (),
    ilmd: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
    private: Mapping[str, tuple[UUID | None, str]] | None = None,
    recorded_at: datetime | None = None,
    place_id: UUID | None = None,
) -> TraceEvent:
    """An ObjectEvent about one lot, naming its boxes when ``items`` are given, where the lot was made unless a place is named."""
    public, hidden = _measure(session, "quantity", {lot.id}, quantity)
    named_openly, named_closed = _material(session, lot.material)
    if items:
        hidden["serials"] = (None, " ".join(item.serial for item in items))
    where = place_id or lot.place_id
    place = session.get(Place, where) if where else None
    named = [Epc(EpcRole.EPC, epc_of_item(item)) for item in items] or [Epc(EpcRole.CLASS, epc_of(lot), quantity)]
    draft = EventDraft(
        event_type=EventType.OBJECT,
        action=action,
        at=at,
        organization_id=lot.organization_id,
        county_code=place.county_code if place else lot.county_code,
        epcs=named,
        biz_step=biz_step,
        disposition=disposition,
        read_point=location_of(place) if place else None,
        ilmd=ilmd or {},
        extensions={"lot": lot.code} | dict(facts or {}),
        lot_code=lot.code,
        product_class=lot.product_sku,
        public=named_openly | public,
        private=named_closed | hidden | dict(private or {}),
        recorded_at=recorded_at,
    )
    return record_event(session, actor, draft)


def say_of_step(
    session: Session,
    actor: Actor,
    *,
    step: Step,
    place: Place | None,
    inputs: Sequence[tuple[Lot, Quantity]],
    outputs: Sequence[Lot],
    at: datetime,
    private: Mapping[str, tuple[UUID | None, str]] | None = None,
    recorded_at: datetime | None = None,
    signed_as: str = "",
) -> TraceEvent:
    """The TransformationEvent of one step; it belongs to the first lot that came out.

    ``signed_as``: outside its yield range, it was signed by a second person in this role; the event and the ledger say so.
    """
    made = [(lot, Quantity(lot.made, lot.unit)) for lot in outputs]
    taken = inputs[0][1]
    for _, quantity in inputs[1:]:
        taken = taken + quantity
    public, hidden = _measure(session, "taken", {lot.id for lot, _ in inputs}, taken)
    first = outputs[0]
    named_openly, named_closed = _material(session, first.material)
    draft = EventDraft(
        event_type=EventType.TRANSFORMATION,
        at=at,
        organization_id=first.organization_id,
        county_code=place.county_code if place else first.county_code,
        epcs=[Epc(EpcRole.INPUT_CLASS, epc_of(lot), quantity) for lot, quantity in inputs]
        + [Epc(EpcRole.OUTPUT_CLASS, epc_of(lot), quantity) for lot, quantity in made],
        biz_step=_STEPS.get(step, NAMESPACE + step.value),
        read_point=location_of(place) if place else None,
        ilmd=lot_data(first),
        extensions={"step": step.value, "lot": first.code, "signedAs": signed_as},
        lot_code=first.code,
        product_class=first.product_sku,
        public={"step": step.value, "outputs": len(outputs)}
        | named_openly
        | public
        | ({"signed_as": signed_as} if signed_as else {}),
        private=named_closed | hidden | dict(private or {}),
        recorded_at=recorded_at,
    )
    return record_event(session, actor, draft)


def lot_data(lot: Lot) -> dict[str, Any]:
    """Instance/lot master data (CBV 2.0, section 9.3): lot number, production and expiry date."""
    data = {"cbvmda:lotNumber": lot.code, "shanhai:producedOn": f"{lot.produced_on}", "shanhai:material": lot.material}
    return data | ({"cbvmda:itemExpirationDate": f"{lot.expires_on}"} if lot.expires_on else {})


def _material(session: Session, material: str) -> tuple[dict[str, str | int], dict[str, tuple[UUID | None, str]]]:
    """A material in clear only if it is a word a county has recorded in its rules; what somebody typed might name a person."""
    for rule in (CapacityRule, YieldRule):
        if session.scalar(select(rule.id).where(rule.material == material).limit(1)):
            return {"material": material}, {}
    return {}, {"material": (None, material)}


def _measure(
    session: Session, name: str, lot_ids: set[UUID], quantity: Quantity
) -> tuple[dict[str, str | int], dict[str, tuple[UUID | None, str]]]:
    """A quantity as a public field when several households stand behind it, else as a private one of that household."""
    households = session.scalars(select(LotShare.household_id).where(LotShare.lot_id.in_(lot_ids)).distinct().limit(2)).all()
    if len(households) > 1:
        return {name: str(quantity)}, {}
    return {}, {name: (households[0] if households else None, str(quantity))}
