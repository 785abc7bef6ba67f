"""Each parameter finds what it says; pages are stable, tokens end."""

from __future__ import annotations

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from kernel import clock, outbox
from kernel.db import reading, work
from tests.factories.catalog import make_organization
from tests.factories.epcis import CONTEXT, Partner, make_event
from tests.factories.lots import make_chain
from traceability.epcis import querying
from traceability.epcis.capturing import capture_event
from traceability.epcis.querying import find_page, parse_query
from traceability.lots import describing

DOCUMENT = {"@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"eventType": "ObjectEvent"}, 4),
        ({"eventType": "AggregationEvent|ObjectEvent"}, 5),
        ({"EQ_bizStep": "receiving"}, 1),
        ({"EQ_bizStep": "https://ref.gs1.org/cbv/BizStep-receiving|packing"}, 2),
        ({"EQ_disposition": "in_transit"}, 3),
        ({"EQ_action": "ADD"}, 1),
        ({"GE_eventTime": "2026-01-01T00:00:02Z", "LT_eventTime": "2026-01-01T00:00:04Z"}, 2),
        ({"LT_recordTime": "2026-01-01T00:00:00Z"}, 0),
        ({"MATCH_epc": "https://id.gs1.org/01/09520123456788/21/1"}, 2),
        ({"MATCH_epc": "urn:epc:id:sgtin:9520123.045678.1|https://id.gs1.org/01/09520123456788/21/2"}, 3),
        ({"MATCH_epc": "https://id.gs1.org/01/09520123456788"}, 5),
        ({"MATCH_anyEPC": "https://id.gs1.org/00/095201230000000011"}, 1),
        ({"MATCH_parentID": "https://id.gs1.org/00/095201230000000011"}, 1),
        ({"MATCH_epc": "https://id.gs1.org/00/095201230000000011"}, 0),
        ({"MATCH_epc": ""}, 0),
        ({"EQ_readPoint": "https://id.gs1.org/414/9521141123454"}, 5),
        ({"EQ_readPoint": "urn:epc:id:sgln:9521141.12345.0"}, 5),
        ({"EQ_eventID": "urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0004"}, 1),
        ({"eventCountLimit": "2", "orderBy": "eventTime"}, 2),
        ({"maxEventCount": "5"}, 5),
    ],
)
def test_each_parameter_finds_what_it_says(partner: Partner, query: dict[str, str], count: int) -> None:
    box = {
        **make_event(5),
        "type": "AggregationEvent",
        "action": "ADD",
        "bizStep": "packing",
        "disposition": "in_progress",
        "parentID": "https://id.gs1.org/00/095201230000000011",
        "childEPCs": ["https://id.gs1.org/01/09520123456788/21/1"],
    }
    del box["epcList"]
    events = [
        make_event(1),
        make_event(2),
        make_event(3, bizStep="receiving", disposition="in_progress"),
        make_event(4, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0004"),
        box,
    ]
    assert partner.capture(*events)["errors"] == []
    assert len(partner.events(**query)) == count


@pytest.mark.parametrize(
    ("query", "status", "name"),
    [
        ({"EQ_bizstep": "shipping"}, 400, "QueryParameterException"),
        ({"eventType": "HarvestEvent"}, 400, "QueryParameterException"),
        ({"GE_eventTime": "yesterday"}, 400, "QueryParameterException"),
        ({"perPage": "0"}, 400, "QueryParameterException"),
        ({"orderBy": "epc"}, 400, "QueryParameterException"),
        ({"eventCountLimit": "1"}, 400, "QueryParameterException"),
        ({"nextPageToken": "forged"}, 400, "QueryParameterException"),
        ({"maxEventCount": "1"}, 413, "QueryTooLargeException"),
    ],
)
def test_bad_queries_are_told(partner: Partner, query: dict[str, str], status: int, name: str) -> None:
    partner.capture(make_event(1), make_event(2))
    answer = partner.get("/events", **query)
    assert (answer.status_code, answer.get_json()["title"], answer.mimetype) == (status, name, "application/problem+json")


def test_pages_stay_stable_while_others_insert(partner: Partner) -> None:
    partner.capture(*[make_event(n) for n in range(25)])
    path, seen = "/events?perPage=10", []
    for page in range(3):
        answer = partner.get(path)
        seen += answer.get_json()["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        partner.capture(
            make_event(100 + page), make_event(5, eventID=f"urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e000{page}", bizStep="storing")
        )
        link = re.match(r'<(/epcis)?([^>]+)>; rel="next"', answer.headers.get("Link", ""))
        path = link[2] if link else ""
    assert path == ""
    assert [event["epcList"][0].rsplit("/", 1)[1] for event in seen] == [str(n) for n in reversed(range(25))]


def test_a_page_token_ends_and_belongs_to_one_query(partner: Partner) -> None:
    partner.capture(*[make_event(n) for n in range(3)])
    link = partner.get("/events", perPage=1).headers["Link"]
    path = re.search("<(?:/epcis)([^>]+)>", link)[1]  # type: ignore[index]
    assert partner.get(path.replace("perPage=1", "perPage=2")).status_code == 400
    with time_machine.travel(clock.now() + timedelta(seconds=301)):
        assert partner.get(path).status_code == 400
    assert partner.get(path).status_code == 200


def test_events_of_one_epc(client: FlaskClient, session: Session) -> None:
    chain = make_chain(session, boxes=2)
    partner = Partner(client, session, chain.cooperative)
    found = partner.get(f"/epcs/{describing.epc_of_item(chain.items[0])}/events").get_json()
    events = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert [event["bizStep"] for event in events] == ["commissioning"]


def _poll(asker: Actor, since: str) -> list[tuple[str, str]]:
    """What a poller does: ask from the last record time it has seen; (record time, box) of each answer."""
    query = parse_query({"GE_recordTime": since, "orderBy": "recordTime", "orderDirection": "ASC"})
    with reading() as session:
        page = find_page(session, asker, query, at=clock.now())
        return [(clock.format_iso(event.record_time), event.body["epcList"][0][-1]) for event in page.events]


def _poll_across_a_late_commit() -> set[str]:
    """An event is recorded, then another that commits first; a poller asks in between, and again. What it has seen in the end."""
    with work() as session:
        organization = make_organization(session)
        asker = Actor(None, "test", {organization.id: frozenset()}, label="key:test")
    since, seen = clock.format_iso(clock.now() - timedelta(seconds=1)), set()
    recorded, told = threading.Event(), threading.Event()

    def record_slowly() -> None:
        with work() as session:
            capture_event(session, asker, make_event(1) | {"@context": CONTEXT}, clock.now())
            recorded.set()
            told.wait(20)

    slow = threading.Thread(target=record_slowly)
    slow.start()
    recorded.wait(20)
    with work() as session:
        capture_event(session, asker, make_event(2) | {"@context": CONTEXT}, clock.now())
    for _ in range(2):
        for moment, box in _poll(asker, since):
            since = max(since, moment)
            seen.add(box)
        told.set()
        slow.join()
    return seen


def test_who_asks_by_record_time_misses_nothing_that_commits_late(database: str) -> None:
    assert _poll_across_a_late_commit() == {"1", "2"}


def test_the_delay_is_the_guard(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the poller sees the later event first, goes on from there, and never hears of the earlier."""
    monkeypatch.setattr(querying, "find_delay", lambda _: timedelta(0))
    assert _poll_across_a_late_commit() == {"2"}


def test_a_document_that_waited_is_recorded_when_it_is_stored(client: FlaskClient, session: Session) -> None:
    partner = Partner(client, session)
    with time_machine.travel(clock.now() - timedelta(hours=1)):
        partner.post("/capture", {**DOCUMENT, "epcisBody": {"eventList": [make_event(1)]}})
    begin = clock.now() - timedelta(seconds=1)
    outbox.deliver_all()
    (job,) = partner.get("/capture").get_json()
    assert clock.parse_iso(job["finishedAt"]) >= begin
    assert len(partner.events(GE_recordTime=clock.format_iso(begin))) == 1
