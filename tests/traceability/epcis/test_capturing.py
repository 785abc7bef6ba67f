"""Capture: documents become jobs, jobs become events, once."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select
from sqlalchemy import event as sql
from sqlalchemy.orm import Session

from kernel import clock
from tests.factories.epcis import CONTEXT, Partner, make_event
from tests.factories.lots import make_chain
from traceability.epcis import schema
from traceability.events.eventhash import hash_event
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.vocabulary import EpcRole
from traceability.ledger.models import LogEntry

VECTORS = Path(__file__).parents[2] / "vectors" / "epcis"


@pytest.mark.parametrize("path", sorted((VECTORS / "documents").glob("*.json")), ids=lambda path: path.stem)
def test_published_documents_come_back_equal(path: Path, partner: Partner, session: Session) -> None:
    document = json.loads(path.read_text())
    with time_machine.travel("2030-01-01", tick=True):
        job = partner.capture(*document["epcisBody"]["eventList"], context=document["@context"])
        assert (job["running"], job["success"], job["errors"]) == (False, True, [])
        found = partner.events(format="Never_Translates", perPage=100, orderBy="recordTime", orderDirection="ASC")
        translated = [partner.events(format=wanted, perPage=100) for wanted in ("Always_GS1_Digital_Link", "Always_EPC_URN")]
    sent = document["epcisBody"]["eventList"]
    assert len(found) == len(sent)
    comparable = lambda event: {k: v for k, v in event.items() if k not in ("recordTime", "@context", "eventID")}  # noqa: E731
    assert sorted(map(str, map(sorted_, map(comparable, found)))) == sorted(map(str, map(sorted_, map(comparable, sent))))
    for event in sent:
        if "eventID" in event:
            assert event["eventID"] in {each["eventID"] for each in found}
    for events in translated:
        assert sorted(map(hash_event, events)) == sorted(map(hash_event, found)), "identifiers in another form, the same events"


def sorted_(value: Any) -> Any:
    return json.dumps(value, sort_keys=True)


def test_what_comes_out_is_valid_and_hashes_to_what_went_in(partner: Partner, session: Session) -> None:
    document = json.loads((VECTORS / "documents" / "ObjectEvent_all_possible_fields.json").read_text())
    with time_machine.travel("2030-01-01"):
        partner.capture(*document["epcisBody"]["eventList"], context=document["@context"])
        answer = partner.get("/events").get_json()
    definitions = json.loads(schema._DATA.read_text())["definitions"]
    rules = {"$ref": "#/definitions/epcisQueryDocument", "definitions": definitions}
    jsonschema_rs.Draft7Validator(rules, validate_formats=True).validate(answer)
    (event,) = answer["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    (sent,) = document["epcisBody"]["eventList"]
    assert hash_event(event) == hash_event(sent, document["@context"]) == session.scalars(select(TraceEvent.event_hash)).one()
    assert session.scalar(select(func.count()).select_from(LogEntry)) == 1


def test_our_own_events_are_valid_epcis(client: FlaskClient, session: Session) -> None:
    chain = make_chain(session, boxes=3)
    found = Partner(client, session, chain.cooperative).events(perPage=100)
    assert len(found) == 9
    for event in found:
        assert schema.find_event_faults(event, clock.now() + timedelta(days=3650)) == []
        assert event["eventTime"] == "2026-11-22T10:00:00.000+08:00"


def test_the_same_document_twice_is_stored_once(partner: Partner, session: Session) -> None:
    for _ in range(2):
        assert partner.capture(make_event(1), make_event(2))["success"]
    urn = make_event(1) | {"epcList": ["urn:epc:id:sgtin:9520123.045678.1"]}
    twin = make_event(1) | {"epcList": ["https://example.cn/01/09520123456788/10/L7/21/1?17=271231"]}
    assert partner.capture(twin)["success"]
    assert len(partner.events()) == 2, "a Digital Link of another domain names the same box"
    assert hash_event(urn) != ""


def test_rollback_stores_nothing_and_proceed_the_rest(partner: Partner, session: Session) -> None:
    events = [make_event(n) for n in range(100)]
    events[42]["bizStep"] = "harvesting"
    job = partner.capture(*events)
    assert (job["success"], len(job["errors"]), partner.events()) == (False, 1, [])
    (error,) = job["errors"]
    assert error["errors"][0]["pointer"] == "/epcisBody/eventList/42/bizStep"
    assert "harvesting" in error["detail"]
    job = partner.capture(*events, behaviour="proceed")
    assert (job["success"], job["running"], len(job["errors"])) == (False, False, 1)
    assert len(partner.events(perPage=100)) == 99


def test_with_the_validator_off_the_bad_event_gets_in(partner: Partner, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = make_event(1, epcList=["https://id.gs1.org/01/09520123456780/21/1"])
    assert partner.capture(bad)["success"] is False
    monkeypatch.setattr(schema, "find_event_faults", lambda *_: [])
    assert partner.capture(bad)["success"] is True
    assert len(partner.events()) == 1


def test_an_event_id_of_another_event_is_refused(partner: Partner) -> None:
    assert partner.capture(make_event(1, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"))["success"]
    job = partner.capture(make_event(2), make_event(3, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"))
    assert job["errors"][0]["type"] == "epcisException:ResourceAlreadyExistsException"
    assert "eventID" in job["errors"][0]["detail"]
    assert len(partner.events()) == 1
    job = partner.capture(
        make_event(2), make_event(3, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"), behaviour="proceed"
    )
    assert not job["success"]
    assert len(partner.events()) == 2


def test_an_error_declaration_stands_beside_its_event(partner: Partner) -> None:
    wrong = make_event(1, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001")
    declared = wrong | {"errorDeclaration": {"declarationTime": "2026-01-02T00:00:00Z", "reason": "incorrect_data"}}
    assert partner.capture(wrong)["success"]
    assert partner.capture(declared)["success"]
    found = partner.get("/events/urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001").get_json()
    events = found["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
    assert ["errorDeclaration" in event for event in events] == [False, True]
    assert len(partner.events(EXISTS_errorDeclaration="true")) == 1


def test_nobody_declares_wrong_what_another_has_said(partner: Partner, client: FlaskClient, session: Session) -> None:
    chain = make_chain(session, boxes=1)
    ours = session.scalars(select(TraceEvent).where(TraceEvent.lot_code == chain.pack.code)).first()
    assert ours is not None
    error = {"errorDeclaration": {"declarationTime": "2026-01-02T00:00:00Z", "reason": "incorrect_data"}}
    declared = make_event(1, eventID=ours.event_uri, epcList=[f"https://id.gs1.org/01/{chain.product.gtin}/10/{chain.pack.code}"])
    answer = partner.post("/events", declared | error | {"@context": [CONTEXT]})
    assert (answer.status_code, answer.get_json()["type"]) == (409, "epcisException:ResourceAlreadyExistsException")
    assert partner.capture(declared | error)["errors"][0]["status"] == 409
    uri = "urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"
    stranger = Partner(client, session)
    assert stranger.capture(make_event(2, eventID=uri) | error)["success"], "about an event that only they know"
    assert not partner.capture(make_event(3, eventID=uri))["success"], "else their declaration would speak of this one"


def test_what_an_act_recorded_is_corrected_by_an_act_and_not_through_this_door(client: FlaskClient, session: Session) -> None:
    """Else a key of the cooperative could declare its harvest wrong, and the clerk's own correction would find the eventID taken."""
    chain = make_chain(session, boxes=1)
    ours = session.scalars(select(TraceEvent).where(TraceEvent.lot_code == chain.pack.code)).first()
    assert ours is not None
    assert ours.organization_id == chain.cooperative.id
    owner = Partner(client, session, chain.cooperative)
    error = {"errorDeclaration": {"declarationTime": "2026-12-02T00:00:00Z", "reason": "did_not_occur"}}
    with time_machine.travel("2027-01-01"):
        assert owner.capture(ours.body | error)["errors"][0]["status"] == 409
    assert owner.events(EXISTS_errorDeclaration="true") == []


def test_one_event_at_once(partner: Partner) -> None:
    event = make_event(1) | {"@context": [CONTEXT]}
    first = partner.post("/events", event)
    assert (first.status_code, first.headers["GS1-Event-Hash"]) == (201, hash_event(event))
    assert partner.post("/events", event).headers["Location"] == first.headers["Location"]
    assert partner.get(first.headers["Location"].removeprefix("/epcis")).status_code == 200
    taken = make_event(2) | {"@context": [CONTEXT], "eventID": partner.events()[0]["eventID"]}
    answer = partner.post("/events", taken)
    assert (answer.status_code, answer.get_json()["type"]) == (409, "epcisException:ResourceAlreadyExistsException")
    bare = partner.post("/events", make_event(3))
    assert (bare.status_code, bare.get_json()["errors"][0]["pointer"]) == (400, "/@context")


def test_many_events_cost_a_few_statements(partner: Partner, engine: Engine) -> None:
    """Storing twice as many events takes no more statements: they go to the database together."""
    counts, statements = [], 0

    def count(*_: object) -> None:
        nonlocal statements
        statements += 1

    sql.listen(engine, "before_cursor_execute", count)
    try:
        for start, number in ((0, 10), (100, 20)):
            statements = 0
            partner.capture(*(make_event(start + n) for n in range(number)))
            counts.append(statements)
    finally:
        sql.remove(engine, "before_cursor_execute", count)
    assert counts[0] == counts[1]
    assert len(partner.events(perPage=100)) == 30


def test_each_stored_event_has_its_row_its_names_and_its_entry(partner: Partner, session: Session) -> None:
    partner.capture(
        *(
            make_event(n, quantityList=[{"epcClass": "urn:epc:class:lgtin:9520123.045678.L", "quantity": 1.25, "uom": "KGM"}])
            for n in range(3)
        )
    )
    rows = session.scalars(select(TraceEvent)).all()
    assert session.scalar(select(func.count()).select_from(LogEntry).where(LogEntry.event_id.in_([row.id for row in rows]))) == 3
    names = session.execute(
        select(EventEpc.role, EventEpc.quantity, EventEpc.unit, EventEpc.organization_id, EventEpc.event_time)
    ).all()
    assert len(names) == 6
    assert {(role, quantity, unit) for role, quantity, unit, _, _ in names} == {
        (EpcRole.EPC, None, None),
        (EpcRole.CLASS, Decimal("1.25"), "KGM"),
    }
    assert {owner for *_, owner, _ in names} == {partner.organization.id}
    assert {at for *_, at in names} == {row.event_time for row in rows}


def test_the_same_event_twice_in_one_document(partner: Partner) -> None:
    """Once under one eventID, once under none: one event; the same eventID for two events: the second is told."""
    named = make_event(1, eventID="urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001")
    assert partner.capture(named, make_event(1), named)["success"]
    job = partner.capture(make_event(2), make_event(3, eventID=named["eventID"]), make_event(2), behaviour="proceed")
    assert [error["instance"] for error in job["errors"]] == ["/epcisBody/eventList/1"]
    assert len(partner.events()) == 2


def test_what_is_wrong_is_told_in_the_language_of_who_reads_it(partner: Partner) -> None:
    uri = "urn:uuid:8c8ba0e8-7fbf-4a5c-9b0c-0c7f1b1e0001"
    partner.capture(make_event(1, eventID=uri))
    events = [make_event(2, bizStep="harvesting"), make_event(3, eventID=uri)]
    job = partner.capture(*events, behaviour="proceed")
    path = f"/capture/{job['captureID']}"
    for language, chinese in (("zh-CN", True), ("en", False)):
        told = partner.get(path, {"Accept-Language": language}).get_json()["errors"]
        assert [error["status"] for error in told] == [400, 409]
        for error in told:
            assert bool(re.search("[\u4e00-\u9fff]", error["detail"])) is chinese
            assert error["detail"] == " ".join(fault["detail"] for fault in error["errors"])
    assert partner.get("/capture", {"Accept-Language": "en"}).get_json()[0]["errors"] == told
