"""A carton's event names its boxes and its hub, and nobody it goes to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Place
from kernel.gs1 import make_gln
from logistics.shipments.models import Parcel
from logistics.shipments.packing import add_parcel, close_shipment
from logistics.shipments.scanning import scan
from logistics.stock.casing import close_case, stack_pallet
from tests.factories.logistics import ADDRESS, fill_shipment, make_hub, make_packer, make_serials, make_shipment, make_stock
from traceability.events.models import TraceEvent
from traceability.events.vocabulary import EventType
from traceability.pallets import aggregating
from traceability.pallets.aggregating import epc_of_container
from traceability.pallets.models import Container


def test_each_carton_says_what_is_in_it(session: Session, at: datetime) -> None:
    hub = make_hub(session, gln=str(make_gln("952", 4712)))
    stock = make_stock(session, place=hub)
    shipment, packer = make_shipment(session, stock, 3), make_packer(session, hub)
    serials = make_serials(session, stock, 3)
    for serial in serials[:2]:
        scan(session, packer, shipment.code, serial, at)
    add_parcel(session, packer, shipment.code)
    scan(session, packer, shipment.code, serials[2], at)
    close_shipment(session, packer, shipment.code, at)
    events = session.scalars(select(TraceEvent).where(TraceEvent.event_type == EventType.AGGREGATION).order_by(TraceEvent.id)).all()
    parcels = session.scalars(select(Parcel).order_by(Parcel.number)).all()
    assert [event.body["parentID"][-18:] for event in events] == [parcel.sscc for parcel in parcels]
    assert [len(event.body["childEPCs"]) for event in events] == [2, 1]
    assert events[0].body["childEPCs"] == sorted(events[0].body["childEPCs"])
    assert hub.gln is not None
    assert hub.gln in events[0].body["readPoint"]["id"]
    everything = str([event.body for event in events])
    assert not [
        private
        for private in (ADDRESS.recipient, ADDRESS.phone, ADDRESS.street, ADDRESS.city, shipment.order_code)
        if private in everything
    ]


def test_a_place_without_a_gln_has_no_carton_numbers(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    fill_shipment(session, shipment, stock)
    before = session.scalars(select(TraceEvent.id)).all()
    close_shipment(session, make_packer(session, session.get_one(type(make_hub(session)), stock.place_id)), shipment.code, at)
    new = session.scalars(select(TraceEvent).where(TraceEvent.id.not_in(before))).all()
    assert EventType.AGGREGATION not in {event.event_type for event in new}


def test_a_whole_case_stands_in_its_carton_as_one(session: Session, at: datetime) -> None:
    hub = make_hub(session, gln=str(make_gln("952", 4712)))
    stock = make_stock(session, place=hub)
    shipment, packer = make_shipment(session, stock, 4), make_packer(session, hub)
    serials = make_serials(session, stock, 5)
    whole, part = (close_case(session, packer, place_id=hub.id, serials=serials[n : n + 2], at=at) for n in (0, 3))
    for code in (whole.name, *serials[2:4]):
        scan(session, packer, shipment.code, code, at)
    close_shipment(session, packer, shipment.code, at)
    said = session.scalars(select(TraceEvent).where(TraceEvent.event_type == EventType.AGGREGATION).order_by(TraceEvent.id)).all()
    taken, carton = said[-2:]
    assert (taken.action, taken.body["parentID"], len(taken.body["childEPCs"])) == ("DELETE", epc_of_container(part), 1)
    assert carton.body["childEPCs"][0] == epc_of_container(whole)
    assert [epc[-16:] for epc in carton.body["childEPCs"][1:]] == sorted(serials[2:4])
    assert (whole.left_at, part.standing) == (at, True)


def test_one_shipment_locks_the_cases_of_all_its_parcels_at_once(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    stock = make_stock(session, place=make_hub(session))
    shipment, packer = make_shipment(session, stock, 4), make_packer(session, session.get_one(Place, stock.place_id))
    serials = make_serials(session, stock, 4)
    cases = [close_case(session, packer, place_id=stock.place_id, serials=serials[n : n + 2], at=at) for n in (0, 2)]
    pallets = [stack_pallet(session, packer, place_id=stock.place_id, codes=[case.name], at=at) for case in cases]
    scan(session, packer, shipment.code, cases[1].name, at)
    add_parcel(session, packer, shipment.code)
    scan(session, packer, shipment.code, cases[0].name, at)
    locked: list[list[Container]] = []
    whole = aggregating._lock

    def lock(session: Session, ids: Iterable[UUID]) -> Sequence[Container]:
        locked.append(list(whole(session, ids)))
        return locked[-1]

    monkeypatch.setattr(aggregating, "_lock", lock)
    close_shipment(session, packer, shipment.code, at)
    assert locked == [cases, pallets]
    assert {each.left_at for each in (*cases, *pallets)} == {at}
