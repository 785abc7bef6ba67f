"""The loggers' door and the staff's board."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Organization, Role
from logistics.coldchain import recording
from logistics.coldchain.models import Assignment, Logger, Reading
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.logistics import make_hub, make_logger, make_packer

BODY = {
    "readings": [{"at": "2026-11-22T10:00:00+08:00", "celsius": "-18.5"}, {"at": "2026-11-22T10:05:00+08:00", "celsius": -19.25}]
}


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Reading)) or 0


def test_a_logger_posts_and_posts_again(session: Session, client: FlaskClient) -> None:
    _, token = make_logger(session)
    session.flush()
    answer = client.post("/coldchain/readings", json=BODY, headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json) == (201, {"accepted": 2, "repeated": 0})
    answer = client.post("/coldchain/readings", json=BODY["readings"][0], headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json) == (200, {"accepted": 0, "repeated": 1})
    assert str(session.scalars(select(Reading.celsius).order_by(Reading.at)).all()[1]) == "-19.25"


def test_what_a_logger_calls_its_body_does_not_matter(session: Session, client: FlaskClient) -> None:
    """Simple senders call everything a form; the body is read as it came."""
    _, token = make_logger(session)
    session.flush()
    answer = client.post(
        "/coldchain/readings",
        data=json.dumps(BODY),
        headers={"Authorization": f"Bearer {token}"},
        content_type="application/x-www-form-urlencoded",
    )
    assert (answer.status_code, count(session)) == (201, 2)


def test_a_stranger_writes_nothing(session: Session, client: FlaskClient) -> None:
    make_logger(session)
    assert client.post("/coldchain/readings", json=BODY).status_code == 401
    assert client.post("/coldchain/readings", json=BODY, headers={"Authorization": "Bearer made-up"}).status_code == 401
    assert count(session) == 0


def test_the_token_is_the_guard(session: Session, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Switched off, anybody writes a logger's readings."""
    logger, _ = make_logger(session)
    session.flush()
    monkeypatch.setattr(recording, "get_logger", lambda session, _: session.get(Logger, logger.id))
    assert client.post("/coldchain/readings", json=BODY, headers={"Authorization": "Bearer made-up"}).status_code == 201
    assert count(session) == 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b'{"readings": 3}',
        b'{"at": "yesterday", "celsius": 1}',
        b'{"at": "2026-11-22T10:00:00+08:00"}',
        b'{"at": "2026-11-22T10:00:00+08:00", "celsius": NaN}',
        b'{"at": "2026-11-22T10:00:00+08:00", "celsius": "warm"}',
        b'{"at": "2026-11-22T10:00:00+08:00", "celsius": true}',
        b'{"at": "2026-11-22T10:00:00", "celsius": 1}',
        b"[" * 5000,
    ],
)
def test_bad_bodies(session: Session, client: FlaskClient, body: bytes) -> None:
    _, token = make_logger(session)
    session.flush()
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    answer = client.post("/coldchain/readings", data=body, headers=headers, content_type="application/json")
    assert answer.status_code == 422
    assert count(session) == 0


def test_a_flood_is_refused(session: Session, client: FlaskClient) -> None:
    _, token = make_logger(session)
    session.flush()
    answer = client.post("/coldchain/readings", data=b" " * 300_000, headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 413


def test_the_packer_registers_assigns_and_retires(session: Session, app: Flask, client: FlaskClient, at: datetime) -> None:
    hub = make_hub(session)
    act_as(app, make_packer(session, hub))
    for wrong in ("2999-01-01", "yesterday"):
        assert client.post("/coldchain/loggers", data=form(name="一号", calibrated_on=wrong)).status_code == 422
    page = client.post("/coldchain/loggers", data=form(name="一号", calibrated_on="2026-05-01"))
    assert page.status_code == 200
    assert "2026-05-01" in client.get("/coldchain/").text
    logger = session.scalars(select(Logger)).one()
    assert logger.token_hash not in page.text
    data = form(cold_class="frozen", shipment="shp-1")
    assert client.post(f"/coldchain/loggers/{logger.code}/assignments", data=data).status_code == 302
    assert session.scalars(select(Assignment.shipment_code)).one() == "SHP-1"
    assert "SHP-1" in client.get("/coldchain/").text
    assert client.post(f"/coldchain/loggers/{logger.code}/retirement", data=form()).status_code in (302, 409)


def test_other_peoples_loggers_stay_theirs(session: Session, app: Flask, client: FlaskClient) -> None:
    logger, _ = make_logger(session)
    act_as(app, make_packer(session, make_hub(session)))
    assert logger.code not in client.get("/coldchain/").text
    assert client.post(f"/coldchain/loggers/{logger.code}/retirement", data=form()).status_code == 403
    act_as(app, make_actor(session, Role.operator))
    assert logger.code in client.get("/coldchain/").text
    assert session.get(Organization, logger.organization_id) is not None


def test_visitors_stay_outside(client: FlaskClient) -> None:
    assert client.get("/coldchain/").status_code == 302
