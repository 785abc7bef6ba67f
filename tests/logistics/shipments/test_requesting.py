"""Calls to carriers: one at a time, tried again, never lost; against the real (pretend) carrier over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place
from kernel import clock
from kernel.errors import Conflict, Invalid
from logistics.shipments import requesting, tasks
from logistics.shipments.carriers import CarrierDown, Follow, Pickup
from logistics.shipments.carriers.fake import Depot, FakeCarrier
from logistics.shipments.carriers.fake import make_carrier as serve_carrier
from logistics.shipments.models import CarrierRequest, Shipment
from logistics.shipments.requesting import (
    ABANDONED,
    MOST_TRIES,
    claim_request,
    list_due,
    record_answer,
    record_failure,
    retry_request,
    send_off,
    type_waybill,
)
from logistics.shipments.states import RequestState, ShipmentState
from tests.factories.logistics import SALT, fill_shipment, make_carrier, make_packer, make_shipment, make_stock


class Packed:
    """A filled shipment and its packer."""

    def __init__(self, session: Session) -> None:
        stock = make_stock(session)
        self.shipment: Shipment = make_shipment(session, stock)
        fill_shipment(session, self.shipment, stock)
        self.packer: Actor = make_packer(session, session.get_one(Place, stock.place_id))

    @property
    def code(self) -> str:
        return self.shipment.code


@pytest.fixture
def packed(session: Session) -> Packed:
    """Ready to be closed."""
    make_carrier(session)
    return Packed(session)


@pytest.fixture
def carrier(tmp_path: Path) -> Iterator[str]:
    """The pretend carrier's own server; nobody answers its pushes here."""
    depot = Depot("http://127.0.0.1:9/none", SALT, 60, tmp_path / "depot.json")
    server = serve_carrier(0, depot)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_one_claims_and_the_others_do_not(session: Session, packed: Packed, at: datetime) -> None:
    request = send_off(session, packed.packer, packed.code, "fake", "", at)
    assert list_due(session, at) == [request.id]
    call = claim_request(session, request.id, at)
    assert call is not None
    assert isinstance(call.content, Pickup)
    assert call.content.request_id == str(request.id)
    assert claim_request(session, request.id, at) is None
    assert list_due(session, at) == []


def test_the_compare_is_the_guard(session: Session, packed: Packed, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it two workers call the carrier for one shipment."""
    request = send_off(session, packed.packer, packed.code, "fake", "", at)
    monkeypatch.setattr(requesting, "_claimable", lambda _: true())
    assert claim_request(session, request.id, at)
    assert claim_request(session, request.id, at)


def test_an_abandoned_claim_is_free_again(session: Session, packed: Packed, at: datetime) -> None:
    request = send_off(session, packed.packer, packed.code, "fake", "", at)
    claim_request(session, request.id, at)
    later = at + ABANDONED + timedelta(seconds=1)
    assert list_due(session, later) == [request.id]
    assert claim_request(session, request.id, later) is not None


def test_an_answer_brings_the_waybill_once(session: Session, packed: Packed, at: datetime) -> None:
    request = send_off(session, packed.packer, packed.code, "fake", "", at)
    claim_request(session, request.id, at)
    record_answer(session, request.id, "DEMO000001", at)
    record_answer(session, request.id, "DEMO000002", at)
    assert (packed.shipment.carrier, packed.shipment.waybill) == ("fake", "DEMO000001")
    assert claim_request(session, request.id, at + timedelta(days=1)) is None


def test_failures_pause_then_stop_and_the_packer_may_try_again(session: Session, packed: Packed, at: datetime) -> None:
    request = send_off(session, packed.packer, packed.code, "fake", "", at)
    now = at
    for _ in range(MOST_TRIES):
        assert claim_request(session, request.id, now) is not None
        record_failure(session, request.id, "no answer", now)
        assert claim_request(session, request.id, now) is None
        now += timedelta(hours=1)
    session.refresh(request)
    assert (request.state, request.last_error) == (RequestState.FAILED, "no answer")
    assert list_due(session, now) == []
    retry_request(session, packed.packer, packed.code, now)
    assert claim_request(session, request.id, now) is not None
    with pytest.raises(Conflict):
        retry_request(session, packed.packer, packed.code, now)


def test_a_typed_waybill_is_followed(session: Session, packed: Packed, at: datetime) -> None:
    make_carrier(session, "SF", adapter="kuaidi100")
    with pytest.raises(Invalid, match="面单"), session.begin_nested():
        send_off(session, packed.packer, packed.code, "SF", "", at)
    session.expire_all()
    request = send_off(session, packed.packer, packed.code, "SF", " sf1234567890123 ", at)
    call = claim_request(session, request.id, at)
    assert call is not None
    assert isinstance(call.content, Follow)
    assert (call.content.number, call.content.carrier) == ("SF1234567890123", "SF")


def test_a_waybill_belongs_to_one_shipment(session: Session, packed: Packed, at: datetime) -> None:
    other = Packed(session)
    send_off(session, other.packer, other.code, "fake", "DEMO000001", at)
    with pytest.raises(Conflict, match=other.code):
        send_off(session, packed.packer, packed.code, "fake", "DEMO000001", at)


@pytest.mark.parametrize("waybill", ["123", "x" * 40, "有汉字的单号啊", "SF 123 456"])
def test_what_is_no_waybill(session: Session, packed: Packed, at: datetime, waybill: str) -> None:
    with pytest.raises(Invalid):
        type_waybill(session, packed.packer, packed.code, "fake", waybill, at)


@pytest.mark.parametrize("carrier", ["", "nobody"])
def test_no_such_carrier(session: Session, packed: Packed, at: datetime, carrier: str) -> None:
    with pytest.raises(Invalid, match="承运商"):
        send_off(session, packed.packer, packed.code, carrier, "", at)


def test_over_http_the_same_request_gets_the_same_waybill(session: Session, packed: Packed, carrier: str) -> None:
    make_carrier(session, base_url=carrier)
    request = send_off(session, packed.packer, packed.code, "fake", "", clock.now())
    session.commit()
    tasks.send_request(str(request.id))
    session.expire_all()
    waybill = packed.shipment.waybill
    assert waybill is not None
    assert session.scalars(select(CarrierRequest.state)).one() is RequestState.ACCEPTED
    call = requesting.Call("fake", requesting.Access(carrier, SALT), requesting._pickup(session, request, packed.shipment))
    assert isinstance(call.content, Pickup)
    assert FakeCarrier().request_pickup(call.access, call.content) == waybill


def test_a_carrier_that_is_down_is_asked_again_by_the_sweep(session: Session, packed: Packed, carrier: str) -> None:
    request = send_off(session, packed.packer, packed.code, "fake", "", clock.now())
    session.commit()
    tasks.send_request(str(request.id))
    session.expire_all()
    assert (request.state, request.tries) == (RequestState.WAITING, 1)
    make_carrier(session, base_url=carrier)
    request.not_before = clock.now() - timedelta(seconds=1)
    session.commit()
    tasks.sweep_requests()
    session.expire_all()
    assert packed.shipment.waybill is not None
    assert packed.shipment.state is ShipmentState.PACKED


def test_a_waybill_given_out_twice_is_a_failure_the_packer_sees(session: Session, packed: Packed, carrier: str) -> None:
    make_carrier(session, base_url=carrier)
    other = Packed(session)
    request = send_off(session, packed.packer, packed.code, "fake", "", clock.now())
    pickup = requesting._pickup(session, request, packed.shipment)
    waybill = FakeCarrier().request_pickup(requesting.Access(carrier, SALT), pickup)
    send_off(session, other.packer, other.code, "fake", waybill, clock.now())
    session.commit()
    tasks.send_request(str(request.id))
    session.expire_all()
    assert (request.state, packed.shipment.waybill) == (RequestState.WAITING, None)
    assert waybill in str(request.last_error)


def test_a_carrier_that_talks_nonsense_is_down(carrier: str) -> None:
    access = requesting.Access(carrier + "/nonsense", SALT)
    with pytest.raises(CarrierDown):
        FakeCarrier().follow(access, Follow("1", "fake", "DEMO000001", "", ""))
    with pytest.raises(CarrierDown):
        FakeCarrier().follow(requesting.Access("file:///etc", SALT), Follow("1", "fake", "DEMO000001", "", ""))
