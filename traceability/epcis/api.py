"""The REST door of EPCIS 2.0 (section 12): capture, capture jobs, events. Keys of organisations open it; JSON only.

What is not there is said so: XML 415, WebSocket and named queries 404. Identifiers come back as they were sent (Never_Translates).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast
from urllib.parse import urlencode
from uuid import UUID

import orjson
from flask import Blueprint, Response, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext

from catalog.parties.access import current_actor
from catalog.parties.queries import find_key_actor
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem, TooLarge, Unauthorized
from kernel.web import csrf, door, everyone
from traceability.epcis import capturing, querying, schema, tokens
from traceability.epcis.models import CaptureJob
from traceability.epcis.states import ErrorBehaviour
from traceability.events.models import TraceEvent

bp = Blueprint("epcis", __name__, url_prefix="/epcis")
csrf.exempt(bp)  # keys in a header are sent by programs, never by a browser on its own

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
JSON_TYPES = ("application/json", "application/ld+json")
HEADERS = {
    "GS1-EPCIS-Version": "2.0.0",
    "GS1-EPCIS-Min": "2.0.0",
    "GS1-EPCIS-Max": "2.0.0",
    "GS1-CBV-Version": "2.0.0",
    "GS1-CBV-Min": "2.0.0",
    "GS1-CBV-Max": "2.0.0",
    "GS1-Vendor-Version": "1",
    "GS1-EPC-Format": "Never_Translates",
    "GS1-EPCIS-Capture-Limit": str(schema.MOST_EVENTS),
    "GS1-EPCIS-Capture-File-Size-Limit": str(schema.MOST_BYTES),
}
# Most particular first. The names are those of EPCIS 2.0 section 12.9.
EXCEPTIONS: tuple[tuple[type[Problem], int, str], ...] = (
    (querying.QueryParameter, 400, "QueryParameterException"),
    (querying.QueryTooLarge, 413, "QueryTooLargeException"),
    (Invalid, 400, "ValidationException"),
    (Unauthorized, 401, "SecurityException"),
    (Forbidden, 403, "SecurityException"),
    (NotFound, 404, "NoSuchResourceException"),
    (Conflict, 409, "ResourceAlreadyExistsException"),
    (TooLarge, 413, "CaptureLimitExceededException"),
)
F = TypeVar("F", bound=Callable[..., Any])


class UnsupportedMedia(Problem):
    """Not JSON."""

    status = 415
    title = "不支持这种内容格式"


@bp.after_request
def tell_versions(response: Response) -> Response:
    """Every answer says which versions and limits hold here."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


@bp.errorhandler(Problem)
def show_exception(problem: Problem) -> ResponseReturnValue:
    """A Problem as ``application/problem+json`` with the standard's exception types (RFC 9457)."""
    status, name = next(
        ((s, n) for kind, s, n in EXCEPTIONS if isinstance(problem, kind)), (problem.status, "ImplementationException")
    )
    name = "UnsupportedMediaTypeException" if isinstance(problem, UnsupportedMedia) else name
    body: dict[str, Any] = {
        "type": f"epcisException:{name}",
        "title": name,
        "status": status,
        "detail": problem.text(gettext),
    }
    if problem.errors:
        body["errors"] = [{"pointer": error.field, "detail": error.text(gettext)} for error in problem.errors]
    answer = Response(orjson.dumps(body), status, mimetype="application/problem+json")
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="epcis"'
    return answer


def needs(scope: str) -> Callable[[F], F]:
    """Let a view be used with a key that carries ``scope``; the actor is then the key's organisation."""

    def wrap(view: F) -> F:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> ResponseReturnValue:
            g.actor = _actor_of_key(scope)
            return cast(ResponseReturnValue, view(*args, **kwargs))

        return cast(F, door(scope)(guarded))

    return wrap


def _actor_of_key(scope: str) -> Any:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthorized("请在 Authorization 头里带上接口密钥：Bearer 密钥。")
    with reading() as session:
        actor = find_key_actor(session, token.strip(), scope, clock.now())
    if actor is None:
        raise Forbidden("接口密钥无效、已停用，或没有“%(scope)s”权限。", params={"scope": scope})
    return actor


@bp.route("/", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/capture", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/capture/<uuid:job_id>", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/events", methods=["OPTIONS"], provide_automatic_options=False)
@bp.route("/events/<path:event_uri>", methods=["OPTIONS"], provide_automatic_options=False)
@everyone
def tell_options(**_: object) -> ResponseReturnValue:
    """Versions and limits, in the headers."""
    return Response(status=204, headers={"Allow": "GET, HEAD, OPTIONS, POST"})


@bp.post("/capture")
@needs("epcis:write")
def capture() -> ResponseReturnValue:
    """Take an EPCISDocument: 202 and a job that tells what became of it."""
    document = _json_body()
    faults = schema.find_document_faults(document)
    if faults:
        raise Invalid("这份文件不是 EPCIS 2.0 的 EPCISDocument，请按所列位置改正。", errors=faults)
    events = document["epcisBody"]["eventList"]
    if len(events) > schema.MOST_EVENTS:
        raise TooLarge("一次最多 %(most)s 个事件，这份有 %(count)s 个。", params={"most": schema.MOST_EVENTS, "count": len(events)})
    at = clock.now()
    verdicts = [capturing.Verdict(place, event, schema.find_event_faults(event, at)) for place, event in enumerate(events)]
    behaviour = _behaviour()
    with work() as session:
        job = capturing.open_job(
            session,
            current_actor(),
            verdicts=verdicts,
            context=document["@context"],
            behaviour=behaviour,
            gettext=gettext,
            at=at,
        )
    return Response(status=202, headers={"Location": url_for("epcis.show_job", job_id=job.id)})


def _behaviour() -> ErrorBehaviour:
    word = request.headers.get("GS1-Capture-Error-Behaviour", "rollback").lower()
    try:
        return ErrorBehaviour(word)
    except ValueError as error:
        raise Invalid("GS1-Capture-Error-Behaviour 只能是 rollback 或 proceed。") from error


def _json_body() -> Any:
    if request.mimetype not in JSON_TYPES:
        raise UnsupportedMedia("这里只收 JSON（application/json 或 application/ld+json）。")
    # A body sent in chunks has no length beforehand.
    if (request.content_length or 0) > schema.MOST_BYTES or len(body := request.get_data()) > schema.MOST_BYTES:
        raise TooLarge("文件超过 %(most)s 字节。", params={"most": schema.MOST_BYTES})
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Invalid("内容不是 JSON：%(detail)s", params={"detail": str(error)[:120]}) from error


@bp.get("/capture/<uuid:job_id>")
@needs("epcis:read")
def show_job(job_id: UUID) -> ResponseReturnValue:
    """What became of a document."""
    with reading() as session:
        job = session.get(CaptureJob, job_id)
        if job is None or job.organization_id != capturing.organization_of(current_actor()):
            raise NotFound("没有这个接收任务。")
        return _answer(_job(job))


def _job(job: CaptureJob) -> dict[str, Any]:
    return {
        "captureID": str(job.id),
        "createdAt": clock.format_iso(job.created_at),
        "finishedAt": clock.format_iso(job.finished_at) if job.finished_at else None,
        "running": job.running,
        "success": job.success,
        "captureErrorBehaviour": job.behaviour.value,
        "errors": job.errors,
    }


@bp.post("/events")
@needs("epcis:write")
def capture_event() -> ResponseReturnValue:
    """Take one event at once: 201, or the first answer again for the same event."""
    event = _json_body()
    at = clock.now()
    if isinstance(event, dict) and "@context" not in event:
        raise Invalid("单个事件要带 @context。", field="/@context")
    schema.must_be_event(event, at)
    with work() as session:
        stored = capturing.capture_event(session, current_actor(), event, at)
    location = url_for("epcis.show_event", event_uri=stored.event_uri)
    return Response(status=201, headers={"Location": location, "GS1-Event-Hash": stored.event_hash})


@bp.get("/events")
@needs("epcis:read")
def list_events() -> ResponseReturnValue:
    """Events that fit the query, newest first, page by page."""
    words = request.args.to_dict()
    token = words.pop("nextPageToken", None)
    query = querying.parse_query(words)
    after = tokens.read_token(_secret(), token, words) if token else None
    with reading() as session:
        page = querying.find_page(session, current_actor(), query, at=clock.now(), after=after)
        answer = _answer(_query_document(page.events))
    if page.following is not None:
        following = urlencode({**words, "nextPageToken": tokens.make_token(_secret(), page.following, words)})
        answer.headers["Link"] = f'<{url_for("epcis.list_events")}?{following}>; rel="next"'
        answer.headers["GS1-Next-Page-Token-Expires"] = str(tokens.LIFE)
    return answer


@bp.get("/epcs/<path:epc>/events")
@needs("epcis:read")
def list_events_of_epc(epc: str) -> ResponseReturnValue:
    """The first page of events that name an EPC anywhere."""
    query = querying.parse_query(request.args.to_dict() | {"MATCH_anyEPC": epc})
    with reading() as session:
        return _answer(_query_document(querying.find_page(session, current_actor(), query, at=clock.now()).events))


@bp.get("/events/<path:event_uri>")
@needs("epcis:read")
def show_event(event_uri: str) -> ResponseReturnValue:
    """One event and its error declarations, as a query document."""
    with reading() as session:
        events = [] if "\0" in event_uri else querying.list_by_event_id(session, current_actor(), event_uri)
        if not events:
            raise NotFound("没有这个事件。")
        return _answer(_query_document(events))


def _query_document(events: Any) -> dict[str, Any]:
    return {
        "@context": [CONTEXT],
        "type": "EPCISQueryDocument",
        "schemaVersion": "2.0",
        "creationDate": clock.format_iso(clock.now()),
        "epcisBody": {
            "queryResults": {
                "queryName": "SimpleEventQuery",
                "resultsBody": {"eventList": [_event(event) for event in events]},
            }
        },
    }


def _event(event: TraceEvent) -> dict[str, Any]:
    return event.body | {"recordTime": clock.format_iso(event.record_time)}


def _answer(body: dict[str, Any]) -> Response:
    return Response(orjson.dumps(body), mimetype="application/ld+json" if "@context" in body else "application/json")


def _secret() -> str:
    return str(current_app.secret_key)
