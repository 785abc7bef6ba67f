"""Events by key, by identifier and by lot; who may read one whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from catalog.parties.models import Organization
from catalog.parties.roles import Actor, Role
from kernel.errors import NotFound
from traceability.events.identifiers import canonical
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.statement import STATED, state_closed, state_openly


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


class Logged(NamedTuple):
    """What the ledger holds of an event: when it says it happened, its open fields, and those of its closed ones that could be opened."""

    at: datetime
    openly: Mapping[str, object]
    closed: Mapping[str, object]


def list_changed(session: Session, logged: Mapping[UUID, Logged]) -> dict[UUID, str]:
    """Which of these events are gone or no longer say what the ledger holds, and in what; the log's auditor asks this."""
    query = select(TraceEvent, Organization.code).join(Organization, Organization.id == TraceEvent.organization_id)
    rows = {row.id: (row, code) for row, code in session.execute(query.where(TraceEvent.id.in_(logged)))}
    found = {}
    for event_id, held in logged.items():
        if event_id not in rows:
            found[event_id] = "the event is gone"
            continue
        row, code = rows[event_id]
        now, then = state_openly(row, code) | state_closed(row), {**held.openly, **held.closed}
        changed = [name for name in STATED if now.get(name) != then.get(name)]
        if row.event_time != held.at:
            changed.append("event_time")
        if changed:
            found[event_id] = f"the event no longer agrees in {', '.join(changed)}"
    return found


def may_read_body(actor: Actor, event: TraceEvent) -> bool:
    """Whether ``actor`` may see the event itself, not only that it happened: members of the organisation, operator, auditors."""
    if actor.operator or actor.has(Role.auditor):
        return True
    return event.organization_id is not None and bool(actor.roles.get(event.organization_id))


def open_fields(session: Session, actor: Actor, event_id: UUID, _serial: str) -> Collection[str] | None:
    """Rule of disclosing: who may read the event itself may have all fields of its entry opened, so as to check them."""
    event = session.get(TraceEvent, event_id)
    return None if event is not None and may_read_body(actor, event) else ()
