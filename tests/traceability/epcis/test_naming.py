"""Named queries: each organisation's own, checked when they are kept."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from tests.factories.epcis import Partner, make_event
from traceability.epcis import naming


def test_a_query_is_kept_run_and_forgotten(partner: Partner) -> None:
    partner.capture(*(make_event(n) for n in range(5)), make_event(7, bizStep="receiving"))
    query = {
        "eventType": ["ObjectEvent", "AggregationEvent"],
        "EQ_bizStep": "shipping",
        "EXISTS_errorDeclaration": False,
        "GE_quantity": 0,
    }
    del query["GE_quantity"]
    made = partner.name("发货", query)
    assert made.status_code == 201
    address = made.headers["Location"].removeprefix("/epcis")
    assert partner.get(address).get_json() == {"name": "发货", "query": query}
    assert partner.get("/queries").get_json() == [{"name": "发货", "query": query}]
    first = partner.get(f"{address}/events", perPage=3)
    assert first.get_json()["epcisBody"]["queryResults"]["queryName"] == "发货"
    link = first.headers["Link"].split(">")[0].removeprefix("</epcis")
    assert (len(first.get_json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]), len(partner.events(link))) == (3, 2)
    assert partner.get(f"{address}/events", EQ_bizStep="receiving").status_code == 400, "the query stands as it was named"
    assert partner.delete(address).status_code == 204
    gone = partner.get(address)
    assert (gone.status_code, gone.get_json()["title"]) == (404, "NoSuchNameException")


def test_pages_of_names(partner: Partner) -> None:
    for name in "abc":
        partner.name(name, {})
    first = partner.get("/queries", perPage=2)
    link = first.headers["Link"].split(">")[0].removeprefix("</epcis")
    assert [each["name"] for each in first.get_json() + partner.get(link).get_json()] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("body", "status", "title"),
    [
        ({"name": "taken", "query": {}}, 409, "ResourceAlreadyExistsException"),
        ({"name": "SimpleEventQuery", "query": {}}, 409, "ResourceAlreadyExistsException"),
        ({"name": "x", "query": {"EQ_bizstep": "shipping"}}, 400, "QueryValidationException"),
        ({"name": "x", "query": {"eventType": [["ObjectEvent"]]}}, 400, "QueryValidationException"),
        ({"name": "x", "query": {"MATCH_epc": ["a|b", "c"]}}, 400, "QueryValidationException"),
        ({"name": "x", "query": {"perPage": 3}}, 400, "QueryValidationException"),
        ({"name": "x", "query": {"EQ_eventID": "a\0"}}, 400, "QueryValidationException"),
        ({"name": "a/b", "query": {}}, 400, "QueryValidationException"),
        ({"name": "x" * 81, "query": {}}, 400, "QueryValidationException"),
        ({"name": "x"}, 400, "QueryValidationException"),
        ({"name": "x", "query": {}, "more": 1}, 400, "QueryValidationException"),
        ([], 400, "QueryValidationException"),
        ({"name": "x", "query": {"EQ_bizStep": ["a"] * 70_000}}, 413, "QueryTooComplexException"),
        ({"name": "x", "query": {"EQ_eventID": "a" * 60_000}}, 413, "QueryTooComplexException"),
    ],
)
def test_what_cannot_be_kept(partner: Partner, body: Any, status: int, title: str) -> None:
    partner.name("taken", {})
    answer = partner.post("/queries", body, content_type="application/json")
    assert (answer.status_code, answer.get_json()["title"]) == (status, title)
    assert len(partner.get("/queries").get_json()) == 1


def test_names_belong_to_one_organisation(client: FlaskClient, session: Session, partner: Partner) -> None:
    partner.name("own", {})
    stranger = Partner(client, session)
    assert stranger.get("/queries").get_json() == []
    for path in ("", "/events", "/subscriptions"):
        assert stranger.get(f"/queries/own{path}").status_code == 404
    assert stranger.delete("/queries/own").status_code == 404
    assert stranger.name("own", {}).status_code == 201


def test_there_is_an_end_to_names(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "MOST_QUERIES", 1)
    assert [partner.name(name, {}).status_code for name in "ab"] == [201, 413]
