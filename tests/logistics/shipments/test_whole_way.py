"""The whole way of a box over real HTTP: packed at its door, fetched by the carrier's process, pushed back step by step, told to the
story page; on a committed database with the outbox delivering."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select

from catalog.parties.models import SYSTEM, Place
from kernel import clock, outbox
from kernel.db import work
from logistics.coldchain.assigning import assign_logger
from logistics.coldchain.models import ColdClass
from logistics.shipments import tasks
from logistics.shipments.carriers.fake import Depot
from logistics.shipments.carriers.fake import make_carrier as serve_carrier
from logistics.shipments.models import CarrierRequest, Shipment
from logistics.shipments.queries import get_tracking
from logistics.shipments.states import MovementState, ShipmentState
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.catalog import act_as, form
from tests.factories.logistics import SALT, make_carrier, make_logger, make_packer, make_serials, make_shipment, make_stock
from tests.factories.serving import serve
from traceability.lots.queries import get_item
from traceability.lots.states import ItemState
from traceability.scan.models import Fact


@pytest.fixture
def shop(tmp_path: Path, database: str) -> Iterator[tuple[Flask, str]]:
    """The application on a port of its own."""
    app = create_app(make_config(tmp_path, database), connect=False, testing=True)
    app.config["WTF_CSRF_ENABLED"] = False
    with serve(app) as url:
        yield app, url


@pytest.fixture
def carrier(shop: tuple[Flask, str]) -> Iterator[str]:
    """The pretend carrier, pushing to the shop."""
    depot = Depot(f"{shop[1]}/webhooks/carriers/fake", SALT, 0.05)
    server = serve_carrier(0, depot)
    threads = [threading.Thread(target=server.serve_forever, daemon=True), threading.Thread(target=depot.run, daemon=True)]
    for thread in threads:
        thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    depot.parcels.clear()
    server.shutdown()
    server.server_close()


def test_from_the_packing_table_to_the_signature(shop: tuple[Flask, str], carrier: str) -> None:
    app, _ = shop
    now = clock.now()
    with work() as session:
        stock = make_stock(session, boxes=3, at=now)
        shipment = make_shipment(session, stock, at=now)
        make_carrier(session, base_url=carrier)
        place = session.get_one(Place, stock.place_id)
        packer, serials = make_packer(session, place, at=now), make_serials(session, stock, 2)
        logger, token = make_logger(session, place, at=now)
        assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, now - timedelta(hours=1), shipment_code=shipment.code)
    act_as(app, packer)
    client = app.test_client()
    for serial in serials:
        assert client.post(f"/packing/{shipment.code}/scans", data=form(code=serial)).status_code == 302
    assert client.post(f"/packing/{shipment.code}/closing", data=form(carrier="fake")).status_code == 302
    body = {"at": clock.format_iso(now), "celsius": "-20"}
    assert client.post("/coldchain/readings", json=body, headers={"Authorization": f"Bearer {token}"}).status_code == 201

    with work() as session:
        (asked,) = session.scalars(select(CarrierRequest.id)).all()
    tasks.send_request(str(asked))
    wait_until_delivered(shipment.code)
    outbox.deliver_all()

    with work() as session:
        (tracking,) = get_tracking(session, shipment.order_code)
        assert tracking.steps[0].state is MovementState.SIGNED
        assert len(tracking.steps) == 6
        assert [get_item(session, serial).state for serial in serials] == [ItemState.RECEIVED] * 2
        facts = {fact.kind.value: fact.facts for fact in session.scalars(select(Fact).where(Fact.subject == serials[0]))}
        assert facts["temperature"]["warmest"] == "-20.00"
        assert facts["dispatched"]["hub"] == "示例仓"
        assert set(facts) == {"dispatched", "temperature"}
        assert tracking.waybill is not None
        assert not [told for told in (tracking.waybill, "示例快递", "上海市示例路", "13900000000") if told in str(facts)]


def wait_until_delivered(code: str) -> None:
    until = time.monotonic() + 30
    while True:
        with work() as session:
            if session.scalars(select(Shipment.state).where(Shipment.code == code)).one() is ShipmentState.DELIVERED:
                return
        assert time.monotonic() < until, "not delivered in time"
        time.sleep(0.1)
