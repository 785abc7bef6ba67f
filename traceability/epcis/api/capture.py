"""Documents and single events come in; what became of a document."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from catalog.parties.access import current_actor
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid, NotFound, TooLarge
from traceability.epcis import capturing, schema
from traceability.epcis.api.answers import Paging, bp, epc_format, json_answer, json_body, needs
from traceability.epcis.documents import written
from traceability.epcis.models import CaptureJob
from traceability.epcis.states import ErrorBehaviour


@bp.post("/capture")
@needs("epcis:write")
def capture() -> ResponseReturnValue:
    """Take an EPCISDocument: 202 and a job that tells what became of it."""
    document = json_body()
    faults = schema.find_document_faults(document)
    if faults:
        raise Invalid("这份文件不是 EPCIS 2.0 的 EPCISDocument，请按所列位置改正。", errors=faults)
    events = document["epcisBody"]["eventList"]
    if len(events) > schema.MOST_EVENTS:
        raise TooLarge("一次最多 %(most)s 个事件，这份有 %(count)s 个。", params={"most": schema.MOST_EVENTS, "count": len(events)})
    behaviour = _behaviour()
    at = clock.now()
    verdicts = [capturing.Verdict(place, event, schema.find_event_faults(event, at)) for place, event in enumerate(events)]
    with work() as session:
        job = capturing.open_job(
            session,
            current_actor(),
            verdicts=verdicts,
            context=document["@context"],
            behaviour=behaviour,
            at=at,
        )
    return Response(status=202, headers={"Location": url_for("epcis.show_job", job_id=job.id)})


def _behaviour() -> ErrorBehaviour:
    word = request.headers.get("GS1-Capture-Error-Behaviour", "rollback").lower()
    try:
        return ErrorBehaviour(word)
    except ValueError as error:
        raise Invalid("GS1-Capture-Error-Behaviour 只能是 rollback 或 proceed。") from error


@bp.get("/capture")
@needs("epcis:read")
def list_jobs() -> ResponseReturnValue:
    """The organisation's own jobs, newest first."""
    pages = Paging("perPage")
    with reading() as session:
        state = pages.state(session)
        after = UUID(str(state[0])) if state else None
        jobs = capturing.list_jobs(session, capturing.organization_of(current_actor()), after=after, limit=pages.size + 1)
        answer = json_answer([_job(job) for job in jobs[: pages.size]])
    return pages.lead_on(answer, [str(jobs[pages.size - 1].id)] if len(jobs) > pages.size else None)


@bp.get("/capture/<uuid:job_id>")
@needs("epcis:read")
def show_job(job_id: UUID) -> ResponseReturnValue:
    """What became of a document."""
    with reading() as session:
        job = session.get(CaptureJob, job_id)
        if job is None or job.organization_id != capturing.organization_of(current_actor()):
            raise NotFound("没有这个接收任务。")
        return json_answer(_job(job))


def _job(job: CaptureJob) -> dict[str, Any]:
    return {
        "captureID": str(job.id),
        "createdAt": clock.format_iso(job.created_at),
        "finishedAt": clock.format_iso(job.finished_at) if job.finished_at else None,
        "running": job.running,
        "success": job.success,
        "captureErrorBehaviour": job.behaviour.value,
        "errors": capturing.tell_errors(job, gettext),
    }


@bp.post("/events")
@needs("epcis:write")
def capture_event() -> ResponseReturnValue:
    """Take one event at once: 201, or the first answer again for the same event."""
    event = json_body()
    at = clock.now()
    if isinstance(event, dict) and "@context" not in event:
        raise Invalid("单个事件要带 @context。", field="/@context")
    schema.must_be_event(event, at)
    with work() as session:
        stored = capturing.capture_event(session, current_actor(), event, at)
    answer = json_answer(written(stored, epc_format()), 201)
    answer.headers["Location"] = url_for("epcis.show_event", event_uri=stored.event_uri)
    answer.headers["GS1-Event-Hash"] = stored.event_hash
    return answer
