"""The operator's page of pairings, through the door."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.areas.models import Pairing
from catalog.parties.models import Role
from tests.factories.catalog import act_as, form, make_actor

NEW = {
    "relation": "东西部协作",
    "east_code": "110000",
    "west_code": "640323",
    "valid_from": "2026-01-01",
    "valid_to": "",
    "source": "示例文件",
}


def entered(session: Session) -> list[Pairing]:
    return session.query(Pairing).filter_by(west_code="640323").all()


def test_the_operator_opens_and_ends_a_pairing(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.operator))
    session.flush()
    assert client.post("/areas/pairings/", data=form(**NEW)).status_code == 302
    (row,) = entered(session)
    assert client.post("/areas/pairings/", data=form(**NEW)).status_code == 409
    assert client.post(f"/areas/pairings/{row.id}/end", data=form(last_day="2026-06-30")).status_code == 302
    assert "示例文件" in client.get("/areas/pairings/?on=2026-06-30").text
    assert "示例文件" not in client.get("/areas/pairings/?on=2026-07-01").text


@pytest.mark.parametrize(
    ("over", "status"),
    [({"valid_from": "soon"}, 422), ({"west_code": "1"}, 404), ({"source": ""}, 422), ({"valid_to": "2025-01-01"}, 422)],
)
def test_bad_input_is_told(app: Flask, client: FlaskClient, session: Session, over: dict[str, str], status: int) -> None:
    act_as(app, make_actor(session, Role.operator))
    session.flush()
    assert client.post("/areas/pairings/", data=form(**(NEW | over))).status_code == status
    assert entered(session) == []


def test_an_auditor_reads_but_does_not_write(app: Flask, client: FlaskClient, session: Session) -> None:
    act_as(app, make_actor(session, Role.auditor))
    session.flush()
    assert client.get("/areas/pairings/").status_code == 200
    assert client.post("/areas/pairings/", data=form(**NEW)).status_code == 403
    assert entered(session) == []
    # The door's guard switched off: the row goes in.
    view = app.view_functions["pairings.create"]
    app.view_functions["pairings.create"] = view.__wrapped__  # type: ignore[attr-defined]
    assert client.post("/areas/pairings/", data=form(**NEW)).status_code == 302
    assert len(entered(session)) == 1
