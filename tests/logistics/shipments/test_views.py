"""The packing table through its door."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Place
from kernel import clock
from kernel.ids import new_serial
from logistics.coldchain.assigning import assign_logger
from logistics.coldchain.models import ColdClass
from logistics.shipments import scanning
from logistics.shipments.models import CarrierRequest, ParcelItem, Shipment
from logistics.shipments.states import RequestState, ShipmentState
from tests.factories.catalog import act_as, form, make_actor
from tests.factories.logistics import (
    ADDRESS,
    make_carrier,
    make_hub,
    make_logger,
    make_packer,
    make_serials,
    make_shipment,
    make_stock,
)


class Table:
    """A shipment of two boxes, seen by its packer."""

    def __init__(self, session: Session) -> None:
        stock = make_stock(session)
        make_carrier(session)
        self.shipment: Shipment = make_shipment(session, stock)
        self.place = session.get_one(Place, stock.place_id)
        self.packer: Actor = make_packer(session, self.place)
        self.serials = make_serials(session, stock, 3)
        self.url = f"/packing/{self.shipment.code}"


@pytest.fixture
def table(session: Session, app: Flask) -> Table:
    """The packer is signed in."""
    table = Table(session)
    act_as(app, table.packer)
    return table


def test_scan_close_and_hand_over(session: Session, client: FlaskClient, table: Table) -> None:
    assert table.shipment.code in client.get("/packing/").text
    assert client.post(f"{table.url}/scans", data=form(code=table.serials[0])).status_code == 302
    page = client.get(table.url).text
    assert table.serials[0] in page
    assert "封箱，交给承运商" not in page
    client.post(f"{table.url}/scans", data=form(code=table.serials[2]))
    assert "封箱，交给承运商" in client.get(table.url).text
    assert client.post(f"{table.url}/closing", data=form(carrier="fake", waybill="")).status_code == 302
    session.expire_all()
    assert table.shipment.state is ShipmentState.PACKED
    assert session.scalars(select(CarrierRequest.state)).one() is RequestState.WAITING
    assert table.shipment.code not in client.get("/packing/").text
    assert table.shipment.code in client.get("/packing/?show=packed").text
    assert "等待联系承运商" in client.get(table.url).text
    assert client.post(f"{table.url}/retries", data=form()).status_code == 302


def test_the_same_form_twice_scans_once(session: Session, client: FlaskClient, table: Table) -> None:
    data = form(code=table.serials[0])
    assert client.post(f"{table.url}/scans", data=data).status_code == 302
    assert client.post(f"{table.url}/scans", data=data).status_code == 302
    assert len(session.scalars(select(ParcelItem)).all()) == 1
    assert client.post(f"{table.url}/scans", data=data | {"code": table.serials[1]}).status_code == 422


def test_a_wrong_box_is_refused_in_words(session: Session, client: FlaskClient, table: Table) -> None:
    other = make_stock(session)
    (serial,) = make_serials(session, other, 1)
    answer = client.post(f"{table.url}/scans", data=form(code=serial))
    assert answer.status_code == 409
    assert "这一单要装的是" in answer.text
    assert client.post(f"{table.url}/scans", data=form(code="")).status_code == 422
    assert client.post(f"{table.url}/scans", data=form(code="NOTHING")).status_code == 422
    assert client.post(f"{table.url}/scans", data=form(code=new_serial())).status_code == 404


def test_a_box_comes_out_and_a_carton_is_added(session: Session, client: FlaskClient, table: Table) -> None:
    client.post(f"{table.url}/scans", data=form(code=table.serials[0]))
    assert client.post(f"{table.url}/removals", data=form(serial=table.serials[0])).status_code == 302
    assert session.scalars(select(ParcelItem)).all() == []
    assert client.post(f"{table.url}/parcels", data=form()).status_code == 302


def test_an_odd_waybill_is_a_warning(session: Session, client: FlaskClient, table: Table) -> None:
    make_carrier(session, "SF", adapter="kuaidi100")
    for serial in table.serials[:2]:
        client.post(f"{table.url}/scans", data=form(code=serial))
    client.post(f"{table.url}/closing", data=form(carrier="SF", waybill="YT1234567890123"))
    assert "不像这家承运商的号码" in client.get(table.url).text


def test_temperatures_stand_on_the_page(session: Session, client: FlaskClient, table: Table) -> None:
    logger, token = make_logger(session, table.place)
    assign_logger(
        session, SYSTEM, logger.code, ColdClass.FROZEN, clock.now() - timedelta(hours=1), shipment_code=table.shipment.code
    )
    session.flush()
    body = {"at": clock.format_iso(clock.now()), "celsius": "-19.5"}
    assert client.post("/coldchain/readings", json=body, headers={"Authorization": f"Bearer {token}"}).status_code == 201
    assert "-19.50" in client.get(table.url).text


def test_once_the_parcel_is_away_the_address_is_gone_from_the_page(session: Session, client: FlaskClient, table: Table) -> None:
    shown = (ADDRESS.phone, ADDRESS.recipient, ADDRESS.street)
    assert all(text in client.get(table.url).text for text in shown)
    table.shipment.state = ShipmentState.DISPATCHED
    session.flush()
    assert not [text for text in shown if text in client.get(table.url).text]


def test_strangers_and_other_packers(session: Session, app: Flask, client: FlaskClient, table: Table) -> None:
    act_as(app, make_packer(session, make_hub(session)))
    assert table.shipment.code not in client.get("/packing/").text
    assert client.get(table.url).status_code == 403
    assert client.post(f"{table.url}/scans", data=form(code=table.serials[0])).status_code == 403
    act_as(app, make_actor(session))
    assert client.get("/packing/").status_code == 403
    assert session.scalars(select(ParcelItem)).all() == []


def test_the_place_is_the_guard(
    session: Session, app: Flask, client: FlaskClient, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Switched off, any packer packs any shipment."""
    act_as(app, make_packer(session, make_hub(session)))
    monkeypatch.setattr(scanning, "lock_shipment", lambda session, _actor, code: scanning.get_shipment(session, code))
    assert client.post(f"{table.url}/scans", data=form(code=table.serials[0])).status_code == 302


@pytest.mark.parametrize("path", ["/packing/?show=none", "/packing/?after=none"])
def test_bad_lists(client: FlaskClient, table: Table, path: str) -> None:
    assert client.get(path).status_code == 422


def test_no_such_shipment(client: FlaskClient, table: Table) -> None:
    assert client.get("/packing/SHP-NONE").status_code == 404


def test_the_camera_script_is_a_file_of_its_own(client: FlaskClient, table: Table) -> None:
    page = client.get(table.url).text
    assert 'src="/stock/static/scanner.js"' in page
    with client.get("/stock/static/scanner.js") as script:
        assert script.status_code == 200
