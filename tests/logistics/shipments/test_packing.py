"""From promised boxes to a closed shipment."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Place, Role
from catalog.prices.carrying import FreightTerms, set_freight
from catalog.products.models import Temperature
from kernel.errors import Conflict, Forbidden
from kernel.gs1 import make_gln, parse_sscc
from logistics.shipments import packing
from logistics.shipments.events import ItemsDispatched
from logistics.shipments.models import PackingTask, Parcel, ParcelItem
from logistics.shipments.packing import add_parcel, cancel_shipments, close_shipment, open_shipments
from logistics.shipments.queries import list_boxes, list_shipments, list_shipments_of_lots, list_stale_lots
from logistics.shipments.scanning import scan
from logistics.shipments.states import ShipmentState
from logistics.stock.reserving import allocate
from tests.factories.catalog import make_actor, make_product
from tests.factories.logistics import (
    ADDRESS,
    fill_shipment,
    lot_of,
    make_allocations,
    make_hub,
    make_packer,
    make_serials,
    make_shipment,
    make_stock,
)
from traceability.lots.recalling import mark_lots
from traceability.scan.models import Fact


def packer_of(session: Session, place_id: UUID) -> Actor:
    return make_packer(session, session.get_one(Place, place_id))


def test_one_shipment_for_each_place_and_temperature(session: Session, at: datetime) -> None:
    hub = make_hub(session)
    frozen, apples = make_product(session), make_product(session, temperature=Temperature.AMBIENT)
    make_stock(session, frozen, place=hub, boxes=2)
    make_stock(session, frozen, place=make_hub(session), boxes=2)
    make_stock(session, apples, place=hub, boxes=2)
    allocate(session, "ORD-A", [("A-1", frozen.id, 3), ("A-2", apples.id, 2)], at)
    opened = open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at)
    assert sorted(shipment.temperature for shipment in opened) == ["ambient", "frozen", "frozen"]
    assert open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at) == []
    assert len(list_shipments(session, "ORD-A")) == 3
    assert sorted(session.scalars(select(PackingTask.quantity))) == [1, 2, 2]


def test_lines_can_be_opened_one_by_one(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    allocate(session, "ORD-A", [("A-1", stock.product_id, 1), ("A-2", stock.product_id, 1)], at)
    assert len(open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at, line_codes=["A-2"])) == 1
    assert session.scalars(select(PackingTask.line_code)).all() == ["A-2"]
    assert len(open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at)) == 1


def test_nothing_allocated_nothing_to_pack(session: Session, at: datetime) -> None:
    with pytest.raises(Conflict):
        open_shipments(session, SYSTEM, order_code="ORD-NONE", address=ADDRESS, at=at)


def test_closing_counts_out_tells_and_publishes(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[ItemsDispatched] = []
    monkeypatch.setattr(packing, "publish", lambda _, event, at: told.append(event))
    stock = make_stock(session, boxes=5)
    shipment = make_shipment(session, stock)
    serials = fill_shipment(session, shipment, stock)
    close_shipment(session, packer_of(session, stock.place_id), shipment.code, at)
    session.refresh(stock)
    assert (shipment.state, stock.on_hand, stock.dispatched, lot_of(session, stock).dispatched) == (ShipmentState.PACKED, 3, 2, 2)
    assert [box.serial for box in told[0].boxes] == serials
    facts = session.scalars(select(Fact).where(Fact.subject == serials[0])).one()
    assert facts.facts["province"] == "上海市"
    everything = str(facts.facts)
    assert not [
        private for private in (ADDRESS.recipient, ADDRESS.phone, ADDRESS.street, ADDRESS.county_code) if private in everything
    ]
    assert list_shipments_of_lots(session, [stock.lot_id]) == [shipment]


def test_an_incomplete_parcel_stays_open(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock, 3)
    fill_shipment(session, shipment, stock, 2)
    with pytest.raises(Conflict, match="还差 1 盒"):
        close_shipment(session, packer_of(session, stock.place_id), shipment.code, at)


def test_a_recall_between_scanning_and_closing_stops_the_parcel(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    fill_shipment(session, shipment, stock)
    mark_lots(session, SYSTEM, lot_of(session, stock).code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"):
        close_shipment(session, packer_of(session, stock.place_id), shipment.code, at)


def test_boxes_that_waited_too_long_do_not_leave(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sold fresh, paid late: on the day of packing they would arrive 临近保质期."""
    product = make_product(session, shelf_life_days=30)
    stock = make_stock(session, product, expires_on=at.date() + timedelta(days=13))
    shipment = make_shipment(session, stock)
    fill_shipment(session, shipment, stock)
    packer, later = packer_of(session, stock.place_id), at + timedelta(days=2)
    assert list_stale_lots(session, shipment, at.date()) == []
    with pytest.raises(Conflict, match=r"保质期只剩 8 天，至少要 10 天"), session.begin_nested():
        close_shipment(session, packer, shipment.code, later)
    # A seller that says how quickly it carries there is believed.
    terms = FreightTerms(handling_days=0, days_from=1, days_to=1)
    set_freight(session, SYSTEM, seller_id=product.seller_id, provinces=[None], terms=terms, valid_from=at.date(), at=at)
    assert list_stale_lots(session, shipment, later.date()) == []
    last = later + timedelta(days=1)
    assert [lot.left for lot in list_stale_lots(session, shipment, last.date())] == [9]
    # The guard switched off: they leave all the same.
    monkeypatch.setattr(packing, "must_arrive_fresh", lambda *_: None)
    assert close_shipment(session, packer, shipment.code, last).state is ShipmentState.PACKED


def test_closing_twice(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    fill_shipment(session, shipment, stock)
    packer = packer_of(session, stock.place_id)
    close_shipment(session, packer, shipment.code, at)
    with pytest.raises(Conflict, match="已封箱"):
        close_shipment(session, packer, shipment.code, at)


def test_a_cancelled_order_frees_its_boxes_for_others(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=4)
    shipment, other = make_shipment(session, stock), make_shipment(session, stock)
    serials = fill_shipment(session, shipment, stock)
    assert cancel_shipments(session, shipment.order_code) == 1
    assert cancel_shipments(session, shipment.order_code) == 0
    scan(session, packer_of(session, stock.place_id), other.code, serials[0], at)
    with pytest.raises(Conflict):
        scan(session, packer_of(session, stock.place_id), shipment.code, serials[1], at)


def test_what_is_closed_is_not_cancelled(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    fill_shipment(session, shipment, stock)
    close_shipment(session, packer_of(session, stock.place_id), shipment.code, at)
    with pytest.raises(Conflict, match="售后"):
        cancel_shipments(session, shipment.order_code)


def test_cartons_get_numbers_of_the_place(session: Session, at: datetime) -> None:
    hub = make_hub(session, gln=str(make_gln("952", 4711)))
    stock = make_stock(session, place=hub)
    shipment = make_shipment(session, stock, 4)
    packer = make_packer(session, hub)
    serials = make_serials(session, stock, 4)
    scan(session, packer, shipment.code, serials[0], at)
    add_parcel(session, packer, shipment.code)
    scan(session, packer, shipment.code, serials[1], at)
    parcels = session.scalars(select(Parcel).order_by(Parcel.number)).all()
    assert [parse_sscc(parcel.sscc or "")[1:13] for parcel in parcels] == [hub.gln[:12]] * 2  # type: ignore[index]
    assert parcels[0].sscc != parcels[1].sscc
    assert [item.parcel_id for item in session.scalars(select(ParcelItem).order_by(ParcelItem.id))] == [p.id for p in parcels]
    assert [box.serial for box in list_boxes(session, shipment.id)] == serials[:2]


def test_only_packers_of_the_place(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    with pytest.raises(Forbidden):
        close_shipment(session, make_actor(session, Role.packer), shipment.code, at)
    order_code = make_allocations(session, stock.product_id)[0].order_code
    with pytest.raises(Forbidden):
        open_shipments(session, make_actor(session, Role.packer), order_code=order_code, address=ADDRESS, at=at)
