"""Record an event: its row, its identifiers and its ledger entry, in the caller's transaction, so that none exists without the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from psycopg.types.json import Jsonb
from sqlalchemy import insert
from sqlalchemy.orm import Session

from catalog.parties.queries import get_organization
from catalog.parties.roles import Actor
from kernel import clock
from kernel.ids import uuid7
from traceability.events import eventhash
from traceability.events.drafts import EventDraft, build_body
from traceability.events.identifiers import canonical
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.statement import state_closed, state_openly
from traceability.events.vocabulary import Action, EpcRole, EventType, Origin, bare
from traceability.ledger.appending import NewEntry, append_entries, append_entry
from traceability.ledger.copying import copy_rows

KIND = "event"

_LISTS = {
    "epcList": EpcRole.EPC,
    "childEPCs": EpcRole.CHILD,
    "inputEPCList": EpcRole.INPUT,
    "outputEPCList": EpcRole.OUTPUT,
    "quantityList": EpcRole.CLASS,
    "childQuantityList": EpcRole.CHILD_CLASS,
    "inputQuantityList": EpcRole.INPUT_CLASS,
    "outputQuantityList": EpcRole.OUTPUT_CLASS,
}


def record_event(session: Session, actor: Actor, draft: EventDraft) -> TraceEvent:
    """Record what one of our own acts did. The act has checked who may do it.

    ``draft.at`` is the event time, and the record time too unless the draft says another.
    """
    event_id = uuid7()
    body = build_body(draft, f"urn:uuid:{event_id}")
    row = _row(event_id, body, None, Origin.OWN, actor, draft.organization_id, draft.recorded_at or draft.at)
    row.county_code, row.lot_code, row.product_class = draft.county_code, draft.lot_code, draft.product_class
    return _keep(session, row, draft.public, draft.private)


def read_partner_event(
    actor: Actor, *, organization_id: UUID, body: Mapping[str, Any], context: object, county_code: str | None, at: datetime
) -> TraceEvent:
    """An event that a partner sent, already validated, as the row it would be: hashed, but not kept yet.

    The body stays as it came, with the context its keys need. An eventID is given when there is none.
    """
    event_id = uuid7()
    kept = dict(body) | {"eventID": body.get("eventID") or f"urn:uuid:{event_id}"}
    own = [entry for entry in _entries(context) + _entries(body.get("@context")) if isinstance(entry, dict)]
    kept.pop("@context", None)
    if own:
        kept["@context"] = own
    row = _row(event_id, kept, context, Origin.PARTNER, actor, organization_id, at)
    row.county_code = county_code
    return row


_EVENT = {
    "id": "uuid", "event_uri": "text", "is_declaration": "bool", "event_type": "text", "action": "text", "event_time": "timestamptz",
    "time_zone_offset": "text", "record_time": "timestamptz", "biz_step": "text", "disposition": "text", "read_point": "text",
    "biz_location": "text", "organization_id": "uuid", "origin": "text", "actor": "text", "county_code": "text",
    "product_class": "text", "lot_code": "text", "body": "jsonb", "event_hash": "text",
}  # fmt: skip
_EPC = {
    "id": "uuid", "event_id": "uuid", "organization_id": "uuid", "role": "text", "epc": "text", "quantity": "numeric",
    "unit": "text", "event_time": "timestamptz",
}  # fmt: skip


def record_partner_events(session: Session, organization_id: UUID, rows: Sequence[TraceEvent]) -> None:
    """Keep rows of ``read_partner_event`` of one organisation, all together: many events cost a few statements.

    Raises IntegrityError when an eventID or a partner's hash is taken.
    """
    if not rows:
        return
    code = get_organization(session, organization_id).code
    copy_rows(session, TraceEvent.__tablename__, _EVENT, map(_columns, rows))
    copy_rows(session, EventEpc.__tablename__, _EPC, ([*line.values()] for row in rows for line in _lines(row)))
    append_entries(
        session,
        (
            NewEntry(row.id, KIND, row.event_time, state_openly(row, code), {k: (None, v) for k, v in state_closed(row).items()})
            for row in rows
        ),
    )


def _columns(row: TraceEvent) -> list[Any]:
    values = [getattr(row, name) for name in _EVENT]
    return [Jsonb(value, dumps=orjson.dumps) if isinstance(value, dict) else value for value in values]


def record_declaration(
    session: Session,
    actor: Actor,
    event: TraceEvent,
    *,
    corrective: Sequence[TraceEvent],
    private: Mapping[str, tuple[UUID | None, str]],
    at: datetime,
) -> TraceEvent:
    """Declare one of our own events wrong (EPCIS 2.0, section 7.4.1.4): it stays, and a second event of the same eventID says so.

    ``corrective`` are those that stand in its place; none: it did not happen at all. The words for that are CBV 2.0, section 7.5. The
    act has checked who may. A second declaration of one event fails at flush (IntegrityError).
    """
    assert event.organization_id is not None
    said: dict[str, object] = {"declarationTime": clock.to_shanghai(at).isoformat(timespec="milliseconds")}
    said["reason"] = "incorrect_data" if corrective else "did_not_occur"
    if corrective:
        said["correctiveEventIDs"] = [each.event_uri for each in corrective]
    row = _row(uuid7(), event.body | {"errorDeclaration": said}, None, Origin.OWN, actor, event.organization_id, at)
    row.county_code, row.lot_code, row.product_class = event.county_code, event.lot_code, event.product_class
    return _keep(session, row, {}, private)


def _entries(context: object) -> list[object]:
    if context is None:
        return []
    return list(context) if isinstance(context, list) else [context]


def _row(
    event_id: UUID, body: dict[str, Any], context: object, origin: Origin, actor: Actor, organization_id: UUID, at: datetime
) -> TraceEvent:
    return TraceEvent(
        id=event_id,
        event_uri=body["eventID"],
        is_declaration="errorDeclaration" in body,
        event_type=EventType(body["type"]),
        action=Action(body["action"]) if "action" in body else None,
        event_time=clock.parse_iso(body["eventTime"]),
        time_zone_offset=body["eventTimeZoneOffset"],
        record_time=at,
        biz_step=bare(body["bizStep"]) if "bizStep" in body else None,
        disposition=bare(body["disposition"]) if "disposition" in body else None,
        read_point=_location(body, "readPoint"),
        biz_location=_location(body, "bizLocation"),
        organization_id=organization_id,
        origin=origin,
        actor=actor.label,
        body=body,
        event_hash=eventhash.hash_event(body, context),
    )


def _keep(
    session: Session, row: TraceEvent, public: Mapping[str, str | int], private: Mapping[str, tuple[UUID | None, str]]
) -> TraceEvent:
    session.add(row)
    session.flush()
    _index(session, row)
    assert row.organization_id is not None
    stated = state_openly(row, get_organization(session, row.organization_id).code)
    append_entry(
        session,
        event_id=row.id,
        kind=KIND,
        at=row.event_time,
        public=stated | dict(public),
        private={field: (None, value) for field, value in state_closed(row).items()} | dict(private),
    )
    return row


def _location(body: Mapping[str, Any], key: str) -> str | None:
    return canonical(body[key]["id"]) if key in body else None


def _index(session: Session, row: TraceEvent) -> None:
    """One row for each identifier in the event; lots and boxes of a product are found by the product too (see queries)."""
    if lines := list(_lines(row)):
        session.execute(insert(EventEpc), lines)


def _lines(row: TraceEvent) -> Iterator[dict[str, Any]]:
    for role, epc, amount, unit in list_epcs(row.body):
        yield {
            "id": uuid7(),
            "event_id": row.id,
            "organization_id": row.organization_id,
            "role": role,
            "epc": epc,
            "quantity": amount,
            "unit": unit,
            "event_time": row.event_time,
        }


def list_epcs(body: Mapping[str, Any]) -> Iterator[tuple[EpcRole, str, Decimal | None, str | None]]:
    """Every identifier of an event in its canonical form, with role, quantity and unit."""
    for name, role in _LISTS.items():
        for item in body.get(name, ()):
            if isinstance(item, str):
                yield role, canonical(item), None, None
            else:
                amount = item.get("quantity")
                yield role, canonical(item["epcClass"]), None if amount is None else Decimal(str(amount)), item.get("uom")
    if "parentID" in body:
        yield EpcRole.PARENT, canonical(body["parentID"]), None, None
