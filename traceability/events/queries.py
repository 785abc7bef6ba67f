"""Events by key, by identifier and by lot; who may read one whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.errors import NotFound
from traceability.events.eventhash import digest_body
from traceability.events.identifiers import canonical
from traceability.events.models import EventEpc, TraceEvent


def get_event(session: Session, event_id: UUID) -> TraceEvent:
    """The event with this key. Raises NotFound."""
    event = session.get(TraceEvent, event_id)
    if event is None:
        raise NotFound("没有这条溯源记录。请检查网址是否完整。")
    return event


def list_events_of(
    session: Session, epc: str, *, after: tuple[datetime, UUID] | None = None, limit: int = 50
) -> Sequence[TraceEvent]:
    """Events that name ``epc`` (URN or Digital Link) in any role, oldest first, after the (event time, id) of the last one seen."""
    seek = select(EventEpc.event_time, EventEpc.event_id).where(EventEpc.epc == canonical(epc)).distinct()
    if after is not None:
        seek = seek.where(tuple_(EventEpc.event_time, EventEpc.event_id) > after)
    found = seek.order_by(EventEpc.event_time, EventEpc.event_id).limit(limit).subquery()
    query = select(TraceEvent).join(found, found.c.event_id == TraceEvent.id)
    return session.scalars(query.order_by(TraceEvent.event_time, TraceEvent.id)).all()


def list_events_of_lot(session: Session, lot_code: str, *, limit: int = 100) -> Sequence[TraceEvent]:
    """Events our own acts wrote about a lot, oldest first."""
    query = select(TraceEvent).where(TraceEvent.lot_code == lot_code)
    return session.scalars(query.order_by(TraceEvent.event_time, TraceEvent.id).limit(limit)).all()


def list_changed(session: Session, logged: Mapping[UUID, Mapping[str, object]]) -> dict[UUID, str]:
    """Which of these events are gone or no longer say what the log holds, and in what; the log's auditor asks this.

    ``logged`` gives, for each event, the private fields of its entry (see ``recording``).
    """
    rows = {row.id: row for row in session.scalars(select(TraceEvent).where(TraceEvent.id.in_(logged)))}
    found = {}
    for event_id, fields in logged.items():
        row = rows.get(event_id)
        if row is None:
            found[event_id] = "the event is gone"
            continue
        now = {"body_sha256": digest_body(row.body), "event_hash": row.event_hash, "lot_code": row.lot_code}
        changed = [name for name, value in now.items() if fields.get(name) != value]
        if changed:
            found[event_id] = f"the event no longer agrees in {', '.join(changed)}"
    return found


def may_read_body(actor: Actor, event: TraceEvent) -> bool:
    """Whether ``actor`` may see the event itself, not only that it happened: members of the organisation, operator, auditors."""
    if actor.operator or actor.has(Role.auditor):
        return True
    return event.organization_id is not None and bool(actor.roles.get(event.organization_id))
