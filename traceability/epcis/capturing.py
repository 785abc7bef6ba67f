"""Take in what partners send: a document becomes a job, a job becomes events.

The door checks the document before any transaction; ``open_job`` keeps what was right and what was not; storing happens as a reaction to
``DocumentReceived``, so it survives a crash and happens once. The same event sent twice is stored once (same sender, same Event Hash ID).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from typing import Any
from uuid import UUID

from sqlalchemy import and_, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.queries import get_organization
from catalog.parties.roles import Actor
from kernel import clock
from kernel.errors import Conflict, FieldError, Forbidden, Gettext, Term, fill
from kernel.outbox import Event, publish
from traceability.epcis.models import CaptureJob
from traceability.epcis.states import ErrorBehaviour
from traceability.events.models import TraceEvent
from traceability.events.recording import read_partner_event, record_partner_events
from traceability.events.vocabulary import Origin

VALIDATION = "epcisException:ValidationException"
EXISTS = "epcisException:ResourceAlreadyExistsException"
TAKEN_URI = "已有另一个事件用了这个 eventID。"


@dataclass(frozen=True)
class DocumentReceived(Event):
    """A document waits to be stored."""

    job_id: UUID


@dataclass(frozen=True)
class PartnerEventsStored(Event):
    """A partner told us of something, in the order of its document; upper rooms look whether it concerns them."""

    organization_id: UUID
    event_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class Verdict:
    """One event of a document, with its place there and what is wrong with it."""

    place: int
    event: Mapping[str, Any]
    faults: Sequence[FieldError]


def organization_of(actor: Actor) -> UUID:
    """The organisation a key belongs to. Raises Forbidden when there is none."""
    for organization_id in actor.roles:
        return organization_id
    raise Forbidden("这个接口密钥不属于任何单位。")


def open_job(
    session: Session,
    actor: Actor,
    *,
    verdicts: Sequence[Verdict],
    context: object,
    behaviour: ErrorBehaviour,
    at: datetime,
) -> CaptureJob:
    """Keep a checked document as a job. With ``rollback`` one fault is enough to store nothing."""
    wrong = [verdict for verdict in verdicts if verdict.faults]
    right = [verdict for verdict in verdicts if not verdict.faults]
    refused = bool(wrong) and behaviour is ErrorBehaviour.ROLLBACK
    waiting = [] if refused else [{"place": verdict.place, "event": dict(verdict.event)} for verdict in right]
    job = CaptureJob(
        organization_id=organization_of(actor),
        key_name=actor.name,
        key_label=actor.label,
        behaviour=behaviour,
        context=context if isinstance(context, list) else [context],
        waiting=waiting,
        total=len(verdicts),
        errors=[_told(verdict) for verdict in wrong],
        success=not wrong,
        running=bool(waiting),
        created_at=at,
        finished_at=None if waiting else at,
    )
    session.add(job)
    session.flush()
    if waiting:
        publish(session, DocumentReceived(job.id), at=at)
    return job


def list_jobs(session: Session, organization_id: UUID, *, after: UUID | None = None, limit: int = 30) -> Sequence[CaptureJob]:
    """Jobs of an organisation, newest first, older than ``after``."""
    query = select(CaptureJob).where(CaptureJob.organization_id == organization_id).order_by(CaptureJob.id.desc())
    return session.scalars((query.where(CaptureJob.id < after) if after else query).limit(limit)).all()


def _told(verdict: Verdict) -> dict[str, Any]:
    return _error(verdict.place, VALIDATION, 400, verdict.faults)


def _error(place: int, kind: str, status: int, faults: Sequence[FieldError]) -> dict[str, Any]:
    """An event's faults as a row can keep them: sentences and what goes into them, for whoever reads them in whatever language."""
    base = f"/epcisBody/eventList/{place}"
    kept = [
        {
            "pointer": base + fault.field,
            "message": fault.message,
            "params": {name: _kept(value) for name, value in fault.params.items()},
        }
        for fault in faults
    ]
    return {"type": kind, "status": status, "instance": base, "faults": kept}


def _kept(value: object) -> object:
    if isinstance(value, Term):
        return {"term": str(value)}
    return value if isinstance(value, int | float) else str(value)


def tell_errors(job: CaptureJob, gettext: Gettext) -> list[dict[str, Any]]:
    """What is wrong with a document, event by event, in the reader's language (problem details, RFC 9457)."""
    return [_tell_error(error, gettext) for error in job.errors]


def _tell_error(error: Mapping[str, Any], gettext: Gettext) -> dict[str, Any]:
    if "faults" not in error:  # kept as sentences before they were kept as words
        return dict(error)
    told = [
        {
            "pointer": fault["pointer"],
            "detail": fill(
                fault["message"],
                {name: Term(value["term"]) if isinstance(value, dict) else value for name, value in fault["params"].items()},
                gettext,
            ),
        }
        for fault in error["faults"]
    ]
    return {
        "type": error["type"],
        "title": error["type"].removeprefix("epcisException:"),
        "status": error["status"],
        "detail": " ".join(each["detail"] for each in told),
        "instance": error["instance"],
        "errors": told,
    }


def store_document(session: Session, event: DocumentReceived) -> None:
    """The reaction: store the events of a job. Running it again changes nothing; when the same event arrives twice at once, one of
    the two fails on the unique index and is tried again by the outbox."""
    job = session.get_one(CaptureJob, event.job_id, with_for_update=True)
    if not job.running:
        return
    at = _record_time(session, job)
    actor = Actor(None, job.key_name, {job.organization_id: frozenset()}, label=job.key_label)
    rows = _read(session, actor, job.organization_id, [line["event"] for line in job.waiting], job.context, at)
    sorted_out = _sort_out(session, job.organization_id, rows)
    errors = [_conflict(line["place"]) for line, (kind, _) in zip(job.waiting, sorted_out, strict=True) if kind is Found.TAKEN]
    stored = [row for kind, row in sorted_out if kind is Found.NEW]
    if errors and job.behaviour is ErrorBehaviour.ROLLBACK:
        stored = []
    record_partner_events(session, job.organization_id, stored)
    job.errors = [*job.errors, *errors]
    job.success = job.success and not errors
    job.stored, job.waiting, job.running, job.finished_at = len(stored), [], False, at
    session.flush()
    _tell(session, job.organization_id, stored, at)


def _record_time(session: Session, job: CaptureJob) -> datetime:
    """Now, by the database: a document may wait long, and an event recorded in the past would slip past whoever asks by record time."""
    now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return max(clock.as_utc(job.created_at), clock.as_utc(now))


def capture_event(session: Session, actor: Actor, body: Mapping[str, Any], at: datetime) -> TraceEvent:
    """Store one checked event at once; the same one again gives the first. Raises Conflict when its eventID names another."""
    organization_id = organization_of(actor)
    rows = _read(session, actor, organization_id, [body], None, at)
    ((kind, row),) = _sort_out(session, organization_id, rows)
    if kind is Found.KNOWN:
        return row
    if kind is Found.TAKEN:
        raise Conflict(TAKEN_URI, field="/eventID")
    try:
        with session.begin_nested():
            record_partner_events(session, organization_id, rows)
    except IntegrityError as error:  # somebody sent it in the same moment
        raise Conflict("这个事件刚刚已经收到。", field="/eventID") from error
    _tell(session, organization_id, rows, at)
    return row


def _tell(session: Session, organization_id: UUID, stored: Sequence[TraceEvent], at: datetime) -> None:
    if stored:
        publish(session, PartnerEventsStored(organization_id, tuple(row.id for row in stored)), at=at)


def _read(
    session: Session, actor: Actor, organization_id: UUID, bodies: Sequence[Mapping[str, Any]], context: object, at: datetime
) -> list[TraceEvent]:
    county = get_organization(session, organization_id).county_code
    return [
        read_partner_event(actor, organization_id=organization_id, body=body, context=context, county_code=county, at=at)
        for body in bodies
    ]


class Found(Enum):
    """Whether an event is new, was stored before, or bears the eventID of another."""

    NEW = auto()
    KNOWN = auto()
    TAKEN = auto()


def _sort_out(session: Session, organization_id: UUID, rows: Sequence[TraceEvent]) -> list[tuple[Found, TraceEvent]]:
    """What each event is; one stored before comes as the row it was stored in, and counts among the events of its own document.

    An eventID is taken by another event of the same kind, and by anything that did not come through this door from this organisation: an
    error declaration repeats the eventID of the wrong event, and nobody may declare wrong what somebody else has said, or what an act
    here has recorded, which is corrected by an act (``lots/correcting``).
    """
    hashes, uris = {row.event_hash for row in rows}, {row.event_uri for row in rows}
    partner = (TraceEvent.organization_id == organization_id, TraceEvent.origin == Origin.PARTNER)
    known = {_key(row): row for row in session.scalars(select(TraceEvent).where(*partner, TraceEvent.event_hash.in_(hashes)))}
    columns = (TraceEvent.event_uri, TraceEvent.is_declaration, and_(*partner))
    standing = session.execute(select(*columns).where(TraceEvent.event_uri.in_(uris))).all()
    foreign = {uri for uri, _, said_here in standing if not said_here}
    taken = {(uri, declares) for uri, declares, _ in standing}
    found = []
    for row in rows:
        name = (row.event_uri, row.is_declaration)
        if _key(row) in known:
            found.append((Found.KNOWN, known[_key(row)]))
        elif name in taken or row.event_uri in foreign:
            found.append((Found.TAKEN, row))
        else:
            found.append((Found.NEW, row))
            known[_key(row)] = row
            taken.add(name)
    return found


def _key(row: TraceEvent) -> tuple[str, bool]:
    return row.event_hash, row.is_declaration


def _conflict(place: int) -> dict[str, Any]:
    return _error(place, EXISTS, 409, [FieldError("/eventID", TAKEN_URI)])
