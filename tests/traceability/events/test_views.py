"""The event page: everybody sees that it happened, only those it concerns see what exactly."""

from __future__ import annotations

from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import InternalError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel.ids import uuid7
from tests.factories.catalog import act_as, make_actor
from tests.factories.lots import make_chain
from traceability.events import queries
from traceability.events.eventhash import hash_event
from traceability.events.models import TraceEvent
from traceability.events.queries import list_events_of_lot

JSON = {"Accept": "application/json"}


def packed(session: Session) -> tuple[TraceEvent, object]:
    chain = make_chain(session, boxes=2)
    session.flush()
    return list_events_of_lot(session, chain.pack.code)[0], chain.clerk


def test_strangers_see_what_when_where_and_who(client: FlaskClient, session: Session, at: datetime) -> None:
    event, _ = packed(session)
    page = client.get(f"/events/{event.id}").get_data(as_text=True)
    for part in ("装盒", "加工事件", "2026-11-22 10:00", "盐池县", "示例单位", "已记录", "正在等账本给它编号"):
        assert part in page
    assert event.lot_code
    assert event.lot_code not in page
    assert event.event_hash not in page
    facts = client.get(f"/events/{event.id}", headers=JSON).get_json()
    assert {name: facts["ledger"][name] for name in ("state", "index", "erased")} == {
        "state": "recorded",
        "index": None,
        "erased": [],
    }
    assert facts["proof"] == f"/log/proof/{event.id}"
    assert "Recorded" in client.get(f"/events/{event.id}?lang=en").get_data(as_text=True)
    assert (facts["type"], facts["bizStep"], facts["county"]) == ("TransformationEvent", "packing", "640323")
    assert "event" not in facts


def test_members_and_auditors_see_the_event_itself(app: Flask, client: FlaskClient, session: Session) -> None:
    event, clerk = packed(session)
    for actor in (clerk, make_actor(session, Role.auditor), make_actor(session, Role.operator)):
        act_as(app, actor)  # type: ignore[arg-type]
        facts = client.get(f"/events/{event.id}", headers=JSON).get_json()
        assert facts["event"]["bizStep"] == "packing"
        assert facts["eventHash"] == event.event_hash == hash_event(facts["event"])
    act_as(app, make_actor(session, Role.clerk))
    assert "event" not in client.get(f"/events/{event.id}", headers=JSON).get_json()


def test_with_the_guard_off_a_stranger_reads_it_all(client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    event, _ = packed(session)
    monkeypatch.setattr(queries, "may_read_body", lambda *_: True)
    assert str(event.lot_code) in client.get(f"/events/{event.id}").get_data(as_text=True)


def test_unknown_and_malformed(client: FlaskClient, session: Session) -> None:
    assert client.get(f"/events/{uuid7()}").status_code == 404
    assert client.get("/events/1").status_code == 404


def test_events_cannot_be_rewritten(session: Session) -> None:
    event, _ = packed(session)
    for statement in ("UPDATE events_trace_event SET county_code = '620826'", "DELETE FROM events_event_epc"):
        with (
            pytest.raises((InternalError, OperationalError, ProgrammingError, Exception), match="append-only"),
            session.begin_nested(),
        ):
            session.execute(text(statement))
    session.execute(text("ALTER TABLE events_trace_event DISABLE TRIGGER USER"))
    session.execute(text("UPDATE events_trace_event SET county_code = '620826'"))
    assert session.scalar(text("SELECT count(*) FROM events_trace_event WHERE county_code = '620826'"))
    assert event.county_code == "640323"
