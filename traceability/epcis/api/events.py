"""Events go out: by query, one by one, and by what they name; and the lists of what they name."""

from __future__ import annotations

from flask import Response, current_app, request
from flask.typing import ResponseReturnValue

from catalog.parties.access import current_actor
from kernel import clock
from kernel.db import reading, work
from kernel.errors import NotFound
from kernel.web import same_for_all
from traceability.epcis import browsing, conditions, paging, querying, tokens
from traceability.epcis.api.answers import Paging, bp, collection, epc_format, events_answer, json_answer, needs
from traceability.epcis.description import build_description
from traceability.epcis.formats import rewrite
from traceability.epcis.querying import Position
from traceability.events.vocabulary import EventType

TOP = ("events", "eventTypes", "epcs", "bizSteps", "bizLocations", "readPoints", "dispositions", "capture", "queries")
KINDS = "any(eventTypes, epcs, bizSteps, bizLocations, readPoints, dispositions)"
IDENTIFIERS = ("epcs", "bizLocations", "readPoints")


@bp.get("/")
@needs("epcis:read")
def list_top() -> ResponseReturnValue:
    """The resources that are here."""
    Paging("perPage")
    return collection(TOP)


@bp.get("/openapi.json")
@same_for_all
def describe() -> ResponseReturnValue:
    """What is here, for programs that read OpenAPI; open to anybody."""
    return json_answer(build_description(f"{request.script_root}{bp.url_prefix}"))


@bp.get("/events")
@needs("epcis:read")
def list_events() -> ResponseReturnValue:
    """Events that fit the query, newest first, page by page."""
    return answer_query({})


def answer_query(fixed: dict[str, str], *, alone: bool = False, name: str = "SimpleEventQuery") -> ResponseReturnValue:
    """A page of the events that fit the words of the address and those ``fixed``; ``alone`` lets only paging words in beside them."""
    pages = Paging("perPage") if alone else Paging()
    if repeated := sorted(fixed.keys() & pages.words.keys() - {"perPage"}):
        raise conditions.QueryParameter("%(name)s 已由网址定下。", params={"name": repeated[0]}, field=repeated[0])
    query = querying.parse_query({**fixed, **pages.words})
    with reading() as session:
        state = pages.state(session)
        after = Position.read(state) if state else None
        page = querying.find_page(session, current_actor(), query, at=clock.now(), after=after)
        answer = events_answer(page.events, name)
    return pages.lead_on(answer, page.following.state() if page.following else None)


@bp.get("/events/<path:event_uri>")
@needs("epcis:read")
def show_event(event_uri: str) -> ResponseReturnValue:
    """One event and its error declarations, as a query document."""
    with reading() as session:
        events = querying.list_by_event_id(session, current_actor(), event_uri)
        if not events:
            raise NotFound("没有这个事件。")
        return events_answer(events)


@bp.get(f"/<{KINDS}:kind>")
@needs("epcis:read")
def list_kind(kind: str) -> ResponseReturnValue:
    """The values of one kind that the asker's events name."""
    pages = Paging("perPage")
    with reading() as session:
        state = pages.state(session)
        values = browsing.list_values(session, current_actor(), kind, after=str(state[0]) if state else "", limit=pages.size + 1)
    shown = values[: pages.size]
    wanted = epc_format()
    members = [rewrite(value, wanted) for value in shown] if kind in IDENTIFIERS else shown
    return pages.lead_on(collection(members), [shown[-1]] if len(values) > pages.size else None)


@bp.get(f"/<{KINDS}:kind>/<path:value>")
@needs("epcis:read")
def show_value(kind: str, value: str) -> ResponseReturnValue:
    """What there is of one value: its events."""
    Paging("perPage")
    with reading() as session:
        if not browsing.has_value(session, current_actor(), kind, value):
            raise NotFound("您能看到的事件里没有这一项。")
    return collection(["events"])


@bp.get(f"/<{KINDS}:kind>/<path:value>/events")
@needs("epcis:read")
def list_events_of_value(kind: str, value: str) -> ResponseReturnValue:
    """The events of one value, page by page; for an EPC those that name it anywhere."""
    if kind == "eventTypes" and value not in set(EventType):
        raise NotFound("没有这种事件。")
    return answer_query({browsing.PARAMETERS[kind]: value})


@bp.delete("/nextPageToken/<token>")
@needs("epcis:read")
def end_token(token: str) -> ResponseReturnValue:
    """Give a page token back before its time."""
    if not tokens.is_live(str(current_app.secret_key), token):
        raise NotFound("没有这个 nextPageToken，或它已过期。")
    with work() as session:
        paging.end_token(session, token, clock.now())
    return Response(status=204)
