"""The carriers' door, with its guard on and off."""

from __future__ import annotations

import io
import json
from datetime import datetime
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from logistics.shipments import api
from logistics.shipments.carriers import fake, kuaidi100
from logistics.shipments.carriers.kuaidi100 import sign
from logistics.shipments.models import Movement, Push, Shipment
from logistics.shipments.states import ShipmentState
from tests.factories.logistics import SALT, make_carrier, make_shipment

WAYBILL = "DEMO000001"
PARAM = json.dumps(
    {
        "lastResult": {
            "nu": WAYBILL,
            "state": "3",
            "data": [{"context": "已签收", "ftime": "2026-11-22 10:00:00", "statusCode": "3"}],
        }
    },
    ensure_ascii=False,
)
GOOD = {"param": PARAM, "sign": sign(PARAM, SALT)}


@pytest.fixture
def shipment(session: Session) -> Shipment:
    """A packed shipment with a waybill."""
    make_carrier(session)
    shipment = make_shipment(session)
    shipment.state, shipment.carrier, shipment.waybill = ShipmentState.PACKED, "fake", WAYBILL
    session.flush()
    return shipment


def kept(session: Session) -> tuple[int, int]:
    return session.scalar(select(func.count()).select_from(Push)) or 0, session.scalar(
        select(func.count()).select_from(Movement)
    ) or 0


def test_a_push_is_kept_once_and_moves_the_shipment(session: Session, client: FlaskClient, shipment: Shipment) -> None:
    for _ in range(2):
        answer = client.post("/webhooks/carriers/fake", data=GOOD)
        assert (answer.status_code, answer.json) == (200, {"result": True, "returnCode": "200", "message": "成功"})
    session.expire_all()
    assert shipment.state is ShipmentState.DELIVERED
    assert kept(session) == (1, 1)
    assert session.scalars(select(Push.payload)).one() == PARAM


@pytest.mark.parametrize(
    "form", [{}, {"param": PARAM}, {"param": PARAM, "sign": "0" * 32}, {"param": PARAM, "sign": sign(PARAM, "another-salt")}]
)
def test_a_forged_push_changes_nothing(session: Session, client: FlaskClient, shipment: Shipment, form: dict[str, str]) -> None:
    answer = client.post("/webhooks/carriers/fake", data=form)
    assert answer.status_code == 403
    assert answer.json is not None
    assert answer.json["result"] is False
    session.expire_all()
    assert shipment.state is ShipmentState.PACKED
    assert kept(session) == (0, 0)


def test_the_signature_is_the_guard(
    session: Session, client: FlaskClient, shipment: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched off, anybody delivers a parcel."""
    monkeypatch.setattr(fake, "check_signature", lambda *_: None)
    assert client.post("/webhooks/carriers/fake", data={"param": PARAM}).status_code == 200
    session.expire_all()
    assert shipment.state is ShipmentState.DELIVERED


def test_signed_nonsense(session: Session, client: FlaskClient, shipment: Shipment) -> None:
    assert client.post("/webhooks/carriers/fake", data={"param": "{}", "sign": sign("{}", SALT)}).status_code == 422
    assert kept(session) == (0, 0)


def test_no_answer_of_success_before_the_commit(
    session: Session, client: FlaskClient, shipment: Shipment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the database went away")

    monkeypatch.setattr(api, "record_push", broken)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    client.application.testing = False
    assert client.post("/webhooks/carriers/fake", data=GOOD).status_code == 500


def test_unknown_carriers_and_floods(session: Session, client: FlaskClient, shipment: Shipment) -> None:
    assert client.post("/webhooks/carriers/nobody", data=GOOD).status_code == 404
    assert client.get("/webhooks/carriers/fake").status_code == 405


@pytest.mark.parametrize("told", [True, False])
def test_a_flood_is_refused_before_it_is_read(session: Session, client: FlaskClient, shipment: Shipment, told: bool) -> None:
    """However well signed; of a body that does not tell its length, no more than the bound is read."""
    body = io.BytesIO(urlencode({"param": (long := PARAM + " " * 700_000), "sign": sign(long, SALT)}).encode())
    unsaid = {} if told else {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = client.post(
        "/webhooks/carriers/fake",
        input_stream=body,
        content_length=len(body.getvalue()),
        content_type="application/x-www-form-urlencoded",
        environ_overrides=unsaid,
    )
    assert answer.status_code == 413
    assert body.tell() <= (0 if told else api.MOST_BYTES)
    assert kept(session) == (0, 0)


def test_an_empty_track_is_no_error(session: Session, client: FlaskClient, shipment: Shipment, at: datetime) -> None:
    content = json.dumps({"status": "abort", "lastResult": {"nu": WAYBILL, "state": "0", "data": []}})
    assert client.post("/webhooks/carriers/fake", data={"param": content, "sign": kuaidi100.sign(content, SALT)}).status_code == 200
    session.expire_all()
    assert shipment.state is ShipmentState.PACKED
