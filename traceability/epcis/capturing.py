"""Take in what partners send: a document becomes a job, a job becomes events.

The door checks the document before any transaction; ``open_job`` keeps what was right and what was not; storing happens as a reaction to
``DocumentReceived``, so it survives a crash and happens once. The same event sent twice is stored once (same sender, same Event Hash ID).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.queries import get_organization
from catalog.parties.roles import Actor
from kernel import clock
from kernel.errors import Conflict, FieldError, Forbidden, Gettext
from kernel.outbox import Event, publish
from traceability.epcis.models import CaptureJob
from traceability.epcis.states import ErrorBehaviour
from traceability.events import eventhash
from traceability.events.models import TraceEvent
from traceability.events.recording import record_partner_event
from traceability.events.vocabulary import Origin

VALIDATION = "epcisException:ValidationException"
EXISTS = "epcisException:ResourceAlreadyExistsException"


@dataclass(frozen=True)
class DocumentReceived(Event):
    """A document waits to be stored."""

    job_id: UUID


@dataclass(frozen=True)
class PartnerEventStored(Event):
    """A partner told us of something; upper rooms look whether it concerns them."""

    event_id: UUID


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
    gettext: Gettext,
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
        errors=[_told(verdict, gettext) for verdict in wrong],
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


def list_jobs(session: Session, actor: Actor, *, after: UUID | None = None, limit: int = 30) -> Sequence[CaptureJob]:
    """Jobs of the actor's organisation, newest first, older than ``after``."""
    query = select(CaptureJob).where(CaptureJob.organization_id == organization_of(actor)).order_by(CaptureJob.id.desc())
    return session.scalars((query.where(CaptureJob.id < after) if after else query).limit(limit)).all()


def _told(verdict: Verdict, gettext: Gettext) -> dict[str, Any]:
    base = f"/epcisBody/eventList/{verdict.place}"
    return {
        "type": VALIDATION,
        "title": "ValidationException",
        "status": 400,
        "detail": " ".join(fault.text(gettext) for fault in verdict.faults),
        "instance": base,
        "errors": [{"pointer": base + fault.field, "detail": fault.text(gettext)} for fault in verdict.faults],
    }


def store_document(session: Session, event: DocumentReceived) -> None:
    """The reaction: store the events of a job. Running it again changes nothing; when the same event arrives twice at once, one of
    the two fails on the unique index and is tried again by the outbox."""
    job = session.get_one(CaptureJob, event.job_id, with_for_update=True)
    if not job.running:
        return
    at = clock.as_utc(job.created_at)
    actor = Actor(None, job.key_name, {job.organization_id: frozenset()}, label=job.key_label)
    errors, stored = [], []
    with session.begin_nested() as everything:
        for line in job.waiting:
            found = _twin(session, job.organization_id, line["event"], job.context)
            if found is None and _taken(session, job.organization_id, line["event"]):
                errors.append(_conflict(line["place"]))
            elif found is None:
                stored.append(_store(session, actor, job.organization_id, line["event"], job.context, at))
        if errors and job.behaviour is ErrorBehaviour.ROLLBACK:
            everything.rollback()
            stored = []
    job.errors = [*job.errors, *errors]
    job.success = job.success and not errors
    job.stored, job.waiting, job.running, job.finished_at = len(stored), [], False, at
    session.flush()
    for each in stored:
        publish(session, PartnerEventStored(each.id), at=at)


def capture_event(session: Session, actor: Actor, body: Mapping[str, Any], at: datetime) -> TraceEvent:
    """Store one checked event at once; the same one again gives the first. Raises Conflict when its eventID names another."""
    organization_id = organization_of(actor)
    found = _twin(session, organization_id, body, None)
    if found is not None:
        return found
    if _taken(session, organization_id, body):
        raise Conflict("已有另一个事件用了这个 eventID。", field="/eventID")
    try:
        with session.begin_nested():
            event = _store(session, actor, organization_id, body, None, at)
    except IntegrityError as error:  # somebody sent it in the same moment
        raise Conflict("这个事件刚刚已经收到。", field="/eventID") from error
    publish(session, PartnerEventStored(event.id), at=at)
    return event


def _store(
    session: Session, actor: Actor, organization_id: UUID, body: Mapping[str, Any], context: object, at: datetime
) -> TraceEvent:
    county = get_organization(session, organization_id).county_code
    return record_partner_event(
        session, actor, organization_id=organization_id, body=body, context=context, county_code=county, at=at
    )


def _twin(session: Session, organization_id: UUID, body: Mapping[str, Any], context: object) -> TraceEvent | None:
    return session.scalar(
        select(TraceEvent).where(
            TraceEvent.organization_id == organization_id,
            TraceEvent.origin == Origin.PARTNER,
            TraceEvent.event_hash == eventhash.hash_event(body, context),
            TraceEvent.is_declaration == ("errorDeclaration" in body),
        )
    )


def _taken(session: Session, organization_id: UUID, body: Mapping[str, Any]) -> bool:
    """Whether the eventID names another event: one of the same kind, or anything of another organisation. An error declaration repeats
    the eventID of the wrong event, and nobody may declare wrong what somebody else has said."""
    if "eventID" not in body:
        return False
    same_kind = TraceEvent.is_declaration == ("errorDeclaration" in body)
    others = TraceEvent.organization_id != organization_id
    query = select(TraceEvent.id).where(TraceEvent.event_uri == body["eventID"], or_(same_kind, others))
    return session.scalar(query.limit(1)) is not None


def _conflict(place: int) -> dict[str, Any]:
    base = f"/epcisBody/eventList/{place}"
    detail = "已有另一个事件用了这个 eventID。"
    return {
        "type": EXISTS,
        "title": "ResourceAlreadyExistsException",
        "status": 409,
        "detail": detail,
        "instance": base,
        "errors": [{"pointer": f"{base}/eventID", "detail": detail}],
    }
