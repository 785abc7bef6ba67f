"""Lists of what an organisation's events name: own ones only, paged, read from an index."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.orm import Session

from catalog.parties.models import OrganizationKind, Role
from tests.factories.catalog import make_organization
from tests.factories.epcis import Partner, make_event
from traceability.epcis import browsing
from traceability.epcis.querying import QueryTooComplex, patiently

BOXES = [f"https://id.gs1.org/01/09520123456788/21/{n}" for n in range(1, 6)]


def members(partner: Partner, path: str, **query: Any) -> list[str]:
    answer = partner.get(path, **query)
    assert answer.status_code == 200, answer.text
    body = answer.get_json()
    assert (body["type"], answer.mimetype) == ("Collection", "application/ld+json")
    found: list[str] = body["member"]
    return found


def test_each_list_and_what_stands_under_it(partner: Partner) -> None:
    partner.capture(
        *(make_event(n) for n in range(1, 6)),
        make_event(6, bizStep="receiving", disposition="in_progress", bizLocation={"id": "urn:epc:id:sgln:9521141.12345.7"}),
    )
    place = "https://id.gs1.org/414/9521141123454"
    assert len(members(partner, "/")) == 9
    assert len(members(partner, "/eventTypes")) == 5
    assert members(partner, "/epcs") == [*BOXES, "https://id.gs1.org/01/09520123456788/21/6"]
    assert members(partner, "/bizSteps") == ["receiving", "shipping"]
    assert members(partner, "/dispositions") == ["in_progress", "in_transit"]
    assert members(partner, "/readPoints") == [place]
    assert members(partner, "/bizLocations") == [f"{place}/254/7"]
    urns = partner.get("/epcs", {"GS1-EPC-Format": "Always_EPC_URN"}).get_json()["member"]
    assert urns[0] == "urn:epc:id:sgtin:952012.0345678.1"
    for path, count in (
        ("/eventTypes/ObjectEvent", 6),
        (f"/epcs/{BOXES[0]}", 1),
        ("/epcs/urn:epc:id:sgtin:952012.0345678.1", 1),
        ("/bizSteps/receiving", 1),
        ("/bizSteps/https://ref.gs1.org/cbv/BizStep-shipping", 5),
        ("/dispositions/in_transit", 5),
        (f"/readPoints/{place}", 6),
        (f"/bizLocations/{place}/254/7", 1),
    ):
        assert members(partner, path) == ["events"]
        assert len(partner.events(f"{path}/events")) == count, path
    for path in (
        "/eventTypes/HarvestEvent",
        "/eventTypes/HarvestEvent/events",
        "/epcs/urn:x:y",
        "/bizSteps/packing",
        "/bizLocations/x",
    ):
        assert partner.get(path).status_code == 404, path
    assert partner.events("/bizSteps/shipping/events", MATCH_epc=BOXES[0], EQ_action="OBSERVE") != []


def test_pages_follow_each_other(partner: Partner) -> None:
    partner.capture(*(make_event(n) for n in range(1, 6)))
    for path, whole in (("/epcs", BOXES), ("/epcs/urn:epc:id:sgtin:952012.0345678.*/events", BOXES[::-1])):
        seen, address = [], f"{path}?perPage=2"
        while address:
            answer = partner.get(address)
            body = answer.get_json()
            seen += (
                body["member"]
                if "member" in body
                else [event["epcList"][0] for event in body["epcisBody"]["queryResults"]["resultsBody"]["eventList"]]
            )
            link = re.match(r'<(?:/epcis)?([^>]+)>; rel="next"', answer.headers.get("Link", ""))
            assert ("GS1-Next-Page-Token-Expires" in answer.headers) == bool(link)
            address = link[1] if link else ""
        assert seen == whole


def test_nobody_lists_what_others_name(
    client: FlaskClient, session: Session, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    partner.capture(make_event(1, bizLocation={"id": "urn:epc:id:sgln:9521141.12345.7"}))
    stranger = Partner(client, session)
    lists = ("/epcs", "/bizSteps", "/dispositions", "/readPoints", "/bizLocations")
    for path in lists:
        (value,) = members(partner, path)
        assert members(stranger, path) == []
        assert stranger.get(f"{path}/{value}").status_code == 404
        assert stranger.events(f"{path}/{value}/events") == []
    auditor = Partner(client, session, make_organization(session, OrganizationKind.OPERATOR), roles=(Role.auditor,))
    assert [len(members(auditor, path)) for path in lists] == [1] * 5
    monkeypatch.setattr(browsing, "may_see", lambda _: None)
    assert [len(members(stranger, path)) for path in lists] == [1] * 5, "without the guard they would"


def test_a_question_that_takes_too_long_is_given_up(session: Session) -> None:
    with pytest.raises(QueryTooComplex), session.begin_nested(), patiently(session):
        session.execute(text("SET LOCAL statement_timeout = 50"))
        session.execute(text("SELECT pg_sleep(5)"))


def test_the_lists_hop_along_an_index(session: Session, partner: Partner) -> None:
    partner.capture(*(make_event(n) for n in range(50)))
    session.execute(text("SET LOCAL enable_seqscan = off"))
    for column, index in (("biz_step", "ix_events_trace_event_biz_step"), ("read_point", "ix_events_trace_event_read_point")):
        plan = session.scalars(
            text(
                f"EXPLAIN SELECT {column} FROM events_trace_event WHERE organization_id = :o AND {column} > '' ORDER BY {column} LIMIT 1"
            ),
            {"o": partner.organization.id},
        ).all()
        assert index in "\n".join(plan)
    plan = session.scalars(
        text("EXPLAIN SELECT epc FROM events_event_epc WHERE organization_id = :o AND epc > '' ORDER BY epc LIMIT 1"),
        {"o": partner.organization.id},
    ).all()
    assert "ix_events_event_epc_own" in "\n".join(plan)
