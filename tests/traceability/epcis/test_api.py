"""The partners' door: keys, bad bodies, limits, and who sees what."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.keying import revoke_key
from catalog.parties.models import SYSTEM, OrganizationKind, Role
from kernel.outbox import deliver_all
from tests.factories.catalog import AT, make_organization
from tests.factories.epcis import CONTEXT, Partner, make_event
from traceability.epcis import schema
from traceability.epcis.api import answers
from traceability.epcis.models import CaptureJob


def test_nobody_reads_anothers_events(client: FlaskClient, session: Session, partner: Partner) -> None:
    partner.capture(make_event(1, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"))
    stranger = Partner(client, session)
    assert stranger.events() == []
    assert stranger.get("/events/urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001").status_code == 404
    job = session.scalars(select(CaptureJob.id)).one()
    assert stranger.get(f"/capture/{job}").status_code == 404
    operator = make_organization(session, OrganizationKind.OPERATOR)
    assert len(Partner(client, session, operator, roles=(Role.auditor,)).events()) == 1


def test_with_the_guard_off_a_stranger_reads_them(
    client: FlaskClient, session: Session, partner: Partner, monkeypatch: pytest.MonkeyPatch
) -> None:
    from traceability.epcis import querying

    partner.capture(make_event(1))
    monkeypatch.setattr(querying, "may_see", lambda _: None)
    assert len(Partner(client, session).events()) == 1


def test_keys_open_the_door(client: FlaskClient, session: Session, partner: Partner) -> None:
    answer = client.get("/epcis/events")
    assert (answer.status_code, answer.get_json()["title"]) == (401, "SecurityException")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    wrong = client.get("/epcis/events", headers={"Authorization": "Bearer nonsense"})
    assert wrong.status_code == 403
    revoke_key(session, SYSTEM, key_id=partner.key.id, at=AT)
    session.flush()
    assert partner.get("/events").status_code == 403


def test_bad_bodies(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    assert partner.post("/capture", b"<epcis/>", content_type="application/xml").status_code == 415
    for body in (b"", b"{", b"[]", b'"x"', "内容".encode("gbk"), json.dumps({"type": "EPCISDocument"}).encode()):
        answer = partner.post("/capture", body)
        assert (answer.status_code, answer.get_json()["title"]) == (400, "ValidationException")
    monkeypatch.setattr(schema, "MOST_BYTES", 100)
    answer = partner.post("/capture", b"[" + b" " * 200 + b"]")
    assert (answer.status_code, answer.get_json()["title"]) == (413, "CaptureLimitExceededException")
    assert answer.headers["GS1-EPCIS-Capture-Limit"] == "500"


def test_five_hundred_events_and_not_one_more(partner: Partner, session: Session) -> None:
    document = {"@context": CONTEXT, "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-01-01T00:00:00Z"}
    body = document | {"epcisBody": {"eventList": [make_event(1)] * 501}}
    assert partner.post("/capture", body).status_code == 413
    body["epcisBody"]["eventList"].pop()
    assert partner.post("/capture", body).status_code == 202
    deliver_all()
    assert len(partner.events()) == 1


@pytest.mark.parametrize("odd", [{"example:x": 2**60}, {"example:x": "a\0b"}, {"example:x": json.loads("[" * 40 + "]" * 40)}])
def test_what_cannot_be_kept_is_refused_with_its_place(partner: Partner, odd: dict[str, Any]) -> None:
    job = partner.capture(make_event(1, **odd))
    assert job["success"] is False
    assert "/example:x" in job["errors"][0]["errors"][0]["pointer"]


def test_odd_questions_get_an_answer(partner: Partner) -> None:
    many = "0000000001" + "9" * 30
    for query in ({"maxEventCount": many}, {"perPage": many}, {"MATCH_epc": "a\0b"}, {"EQ_eventID": "\0"}):
        assert partner.get("/events", **query).status_code == 400
    assert partner.get("/events/urn:%00x").status_code == 404


def test_the_address_of_an_epc_speaks_of_that_epc(partner: Partner) -> None:
    partner.capture(make_event(1), make_event(2))
    path = "/epcs/https://id.gs1.org/01/09520123456788/21/1/events"
    assert [event["epcList"] for event in partner.events(path)] == [make_event(1)["epcList"]]
    other = partner.get(path, MATCH_anyEPC="https://id.gs1.org/01/09520123456788/21/2")
    assert (other.status_code, other.get_json()["title"]) == (400, "QueryParameterException")


def test_options_tell_versions_and_limits(client: FlaskClient) -> None:
    for path, methods in (
        ("/", {"GET", "HEAD", "OPTIONS"}),
        ("/capture", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/events", {"GET", "HEAD", "OPTIONS", "POST"}),
        ("/bizSteps/shipping/events", {"GET", "HEAD", "OPTIONS"}),
        ("/nextPageToken/x", {"DELETE", "OPTIONS"}),
    ):
        answer = client.options(f"/epcis{path}")
        assert (answer.status_code, answer.data, set(answer.headers["Allow"].split(", "))) == (204, b"", methods)
        assert answer.headers["GS1-EPCIS-Version"] == "2.0.0"
        assert answer.headers["GS1-EPCIS-Capture-Limit"] == "500"


@pytest.mark.parametrize(
    ("headers", "status", "title"),
    [
        ({"Accept": "application/json"}, 200, ""),
        ({"Accept": "text/html, */*;q=0.1"}, 200, ""),
        ({"GS1-EPCIS-Min": "1.2", "GS1-EPCIS-Max": "2.1.0", "GS1-CBV-Max": "2"}, 200, ""),
        ({"Accept": "application/xml"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Min": "2.0.1"}, 406, "NotAcceptableException"),
        ({"GS1-EPCIS-Max": "1.2.0"}, 406, "NotAcceptableException"),
        ({"GS1-CBV-Min": "3"}, 406, "NotAcceptableException"),
        ({"GS1-CBV-Min": "two"}, 406, "NotAcceptableException"),
    ],
)
def test_versions_and_media_types_are_agreed_on(partner: Partner, headers: dict[str, str], status: int, title: str) -> None:
    answer = partner.get("/events", headers)
    assert answer.status_code == status
    assert answer.headers["GS1-EPCIS-Version"] == "2.0.0"
    if title:
        assert (answer.get_json()["title"], answer.mimetype) == (title, "application/problem+json")


def test_there_are_no_web_sockets(partner: Partner) -> None:
    for path in ("/events", "/queries/x/events"):
        answer = partner.get(path, {"Upgrade": "websocket", "Connection": "Upgrade"})
        assert (answer.status_code, answer.get_json()["type"]) == (501, "epcisException:ImplementationException")


def test_a_document_of_another_version_is_refused(partner: Partner) -> None:
    answer = partner.post("/capture", {}, GS1_EPCIS_Version="1.2.0")
    assert (answer.status_code, answer.get_json()["title"]) == (406, "NotAcceptableException")


def test_too_long_an_address(partner: Partner) -> None:
    answer = partner.get("/events", MATCH_epc="x" * answers.LONGEST_ADDRESS)
    assert (answer.status_code, answer.get_json()["title"]) == (414, "URITooLongException")


def test_programs_may_send_faster_than_people_click(partner: Partner) -> None:
    assert partner.get("/eventTypes").headers["X-RateLimit-Limit"] == "6000"


def test_an_answer_without_a_body_has_no_type(partner: Partner) -> None:
    assert "Content-Type" not in partner.name("x", {}).headers


def test_head_tells_as_much_as_get(client: FlaskClient, partner: Partner) -> None:
    got = partner.get("/events")
    told = client.head("/epcis/events", headers=partner._headers)
    assert (told.status_code, told.data, told.headers["Content-Type"]) == (200, b"", got.headers["Content-Type"])


def test_own_jobs_newest_first(client: FlaskClient, session: Session, partner: Partner) -> None:
    for number in range(3):
        partner.capture(make_event(number))
    first = partner.get("/capture", perPage=2)
    link = first.headers["Link"].split(">")[0].removeprefix("</epcis")
    jobs = first.get_json() + partner.get(link).get_json()
    assert [job["captureID"] for job in jobs] == sorted((job["captureID"] for job in jobs), reverse=True)
    assert len(jobs) == 3
    stranger = Partner(client, session)
    assert stranger.get("/capture").get_json() == []
    assert stranger.get(link).status_code == 400, "a token is good for its asker only"
    assert partner.get("/capture", eventType="ObjectEvent").status_code == 400


def test_a_page_token_can_be_given_back(partner: Partner) -> None:
    partner.capture(make_event(1), make_event(2))
    link = partner.get("/events", perPage=1).headers["Link"].split(">")[0].removeprefix("</epcis")
    token = link.rpartition("nextPageToken=")[2]
    assert partner.get(link).status_code == 200
    assert partner.delete(f"/nextPageToken/{token}").status_code == 204
    assert partner.get(link).status_code == 400
    assert partner.delete("/nextPageToken/forged").status_code == 404


@pytest.mark.parametrize("readme", ["README.md", "README.zh-CN.md"])
def test_the_document_of_the_readme_is_taken_and_found(partner: Partner, readme: str) -> None:
    text = (Path(__file__).parents[3] / readme).read_text()
    found = re.search(r"<<'END'\n(.*?)\nEND\n", text, re.DOTALL)
    query = re.search(r"/epcis/events\?MATCH_anyEPC=([^\"]+)\"", text)
    assert found
    assert query
    assert partner.post("/capture", found[1].encode()).status_code == 202
    deliver_all()
    assert len(partner.events(MATCH_anyEPC=query[1])) == 1
