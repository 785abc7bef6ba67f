"""Named queries and the subscriptions to them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response, url_for
from flask.typing import ResponseReturnValue

from catalog.parties.access import current_actor
from kernel import clock
from kernel.db import reading, work
from traceability.epcis import naming, subscribing
from traceability.epcis.api.answers import Paging, bp, epc_format, json_answer, json_body, needs
from traceability.epcis.api.events import answer_query
from traceability.epcis.models import NamedQuery, Subscription


@bp.post("/queries")
@needs("epcis:read")
def name_query() -> ResponseReturnValue:
    """Keep a query under a name."""
    body = json_body()
    with work() as session:
        kept = naming.name_query(session, current_actor(), body, clock.now())
    return Response(status=201, headers={"Location": url_for("epcis.show_query", query_name=kept.name)})


@bp.get("/queries")
@needs("epcis:read")
def list_queries() -> ResponseReturnValue:
    """The organisation's own queries by name."""
    pages = Paging("perPage")
    with reading() as session:
        state = pages.state(session)
        found = naming.list_queries(session, current_actor(), after=str(state[0]) if state else "", limit=pages.size + 1)
    answer = json_answer([_query(each) for each in found[: pages.size]])
    return pages.lead_on(answer, [found[pages.size - 1].name] if len(found) > pages.size else None)


@bp.get("/queries/<query_name>")
@needs("epcis:read")
def show_query(query_name: str) -> ResponseReturnValue:
    """One query as it was sent."""
    with reading() as session:
        return json_answer(_query(naming.get_query(session, current_actor(), query_name)))


def _query(kept: NamedQuery) -> dict[str, Any]:
    return {"name": kept.name, "query": kept.query}


@bp.delete("/queries/<query_name>")
@needs("epcis:read")
def delete_query(query_name: str) -> ResponseReturnValue:
    """Forget a query with its subscriptions."""
    with work() as session:
        naming.delete_query(session, current_actor(), query_name)
    return Response(status=204)


@bp.get("/queries/<query_name>/events")
@needs("epcis:read")
def run_query(query_name: str) -> ResponseReturnValue:
    """What a named query finds now, page by page."""
    with reading() as session:
        kept = naming.get_query(session, current_actor(), query_name)
    return answer_query(kept.words, alone=True, name=kept.name)


@bp.post("/queries/<query_name>/subscriptions")
@needs("epcis:read")
def subscribe(query_name: str) -> ResponseReturnValue:
    """Have what a query finds brought to an address."""
    wish = subscribing.read_wish(json_body())
    with work() as session:
        made = subscribing.subscribe(session, current_actor(), query_name, wish, epc_format(), clock.now())
        body = _subscription(made)
    answer = json_answer(body, 201)
    answer.headers["Location"] = url_for("epcis.show_subscription", query_name=query_name, subscription_id=made.id)
    return answer


@bp.get("/queries/<query_name>/subscriptions")
@needs("epcis:read")
def list_subscriptions(query_name: str) -> ResponseReturnValue:
    """Who is brought what a query finds."""
    pages = Paging("perPage")
    with reading() as session:
        state = pages.state(session)
        after = UUID(str(state[0])) if state else None
        found = subscribing.list_subscriptions(session, current_actor(), query_name, after=after, limit=pages.size + 1)
        answer = json_answer([_subscription(each) for each in found[: pages.size]])
    return pages.lead_on(answer, [str(found[pages.size - 1].id)] if len(found) > pages.size else None)


@bp.get("/queries/<query_name>/subscriptions/<uuid:subscription_id>")
@needs("epcis:read")
def show_subscription(query_name: str, subscription_id: UUID) -> ResponseReturnValue:
    """How a subscription fares."""
    with reading() as session:
        return json_answer(_subscription(subscribing.get_subscription(session, current_actor(), query_name, subscription_id)))


def _subscription(standing: Subscription) -> dict[str, Any]:
    """As its owner sees it: never the token."""
    timing = {"stream": True} if standing.stream else {"schedule": standing.schedule, "reportIfEmpty": standing.report_if_empty}
    told = {
        "lastNotifiedAt": clock.format_iso(standing.last_notified_at) if standing.last_notified_at else None,
        "lastError": standing.last_error,
    }
    return {
        "subscriptionID": str(standing.id),
        "dest": standing.dest,
        **timing,
        "epcFormat": standing.epc_format.value,
        "createdAt": clock.format_iso(standing.created_at),
        "initialRecordTime": clock.format_iso(standing.initial_record_time),
        "state": "parked" if standing.parked else "active",
        **{name: value for name, value in told.items() if value is not None},
    }


@bp.delete("/queries/<query_name>/subscriptions/<uuid:subscription_id>")
@needs("epcis:read")
def end_subscription(query_name: str, subscription_id: UUID) -> ResponseReturnValue:
    """Bring nothing more."""
    with work() as session:
        subscribing.end_subscription(session, current_actor(), query_name, subscription_id)
    return Response(status=204)
