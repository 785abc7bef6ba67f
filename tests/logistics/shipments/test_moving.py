"""Carriers repeat, mix up and overtake themselves; the shipment's state follows from all that was said."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.db import work
from kernel.outbox import Event
from logistics.coldchain.assigning import assign_logger
from logistics.coldchain.models import Assignment, ColdClass
from logistics.shipments import moving, requesting
from logistics.shipments.carriers import Track, TrackLine
from logistics.shipments.events import ShipmentDelivered, ShipmentDispatched, ShipmentReturned, ShipmentTroubled
from logistics.shipments.models import Movement, Push, Shipment
from logistics.shipments.moving import mark_received, record_push, refresh_shipment
from logistics.shipments.queries import get_tracking
from logistics.shipments.states import MovementState, ShipmentState
from tests.factories.logistics import fill_shipment, make_carrier, make_logger, make_packer, make_shipment, make_stock
from traceability.lots.queries import get_item
from traceability.lots.states import ItemState

M = MovementState
WAYBILL = "DEMO000001"
JOURNEY = [M.ORDERED, M.PICKED_UP, M.IN_TRANSIT, M.OUT_FOR_DELIVERY, M.SIGNED]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[Event]:
    """What was published."""
    events: list[Event] = []
    monkeypatch.setattr(moving, "publish", lambda _, event, at: events.append(event))
    return events


@pytest.fixture
def shipment(session: Session) -> Shipment:
    """A packed shipment with a waybill."""
    make_carrier(session)
    shipment = make_shipment(session)
    shipment.state, shipment.carrier, shipment.waybill = ShipmentState.PACKED, "fake", WAYBILL
    session.flush()
    return shipment


def line(at: datetime, hour: int, state: MovementState) -> TrackLine:
    return TrackLine(at + timedelta(hours=hour), f"{state.value} {hour}", "上海市", state)


def push(session: Session, at: datetime, *lines: TrackLine, carrier: str = "fake", number: str = WAYBILL) -> int:
    return record_push(session, carrier, Track(number, lines), repr(lines), at)


@pytest.mark.parametrize("locked", [True, False])
def test_a_push_that_comes_while_the_waybill_is_written_down(
    database: str, at: datetime, monkeypatch: pytest.MonkeyPatch, locked: bool
) -> None:
    """The lock on the waybill is the guard: without it neither sees the other, and the shipment waits for ever."""
    with work() as session:
        make_carrier(session)
        shipment = make_shipment(session)
        shipment.state = ShipmentState.PACKED
        shipment_id = shipment.id
    if not locked:
        monkeypatch.setattr(moving, "lock_waybill", lambda *_: None)

    def tell() -> None:
        with work() as session:
            push(session, at, line(at, 1, M.PICKED_UP))

    with ThreadPoolExecutor(1) as pool:
        with work() as session:
            requesting._set_waybill(session, session.get_one(Shipment, shipment_id), "fake", WAYBILL, at)
            told = pool.submit(tell)
            wait([told], timeout=2)
        told.result(20)
    with work() as session:
        state = session.get_one(Shipment, shipment_id).state
    assert state is (ShipmentState.DISPATCHED if locked else ShipmentState.PACKED)


def test_a_journey(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    states = []
    for hour, state in enumerate(JOURNEY):
        push(session, at, line(at, hour, state))
        states.append(shipment.state.value)
    assert states == ["packed", "dispatched", "dispatched", "out_for_delivery", "delivered"]
    assert told == [
        ShipmentDispatched(shipment.order_code, shipment.code, at + timedelta(hours=1)),
        ShipmentDelivered(shipment.order_code, shipment.code, at + timedelta(hours=4)),
    ]
    (tracking,) = get_tracking(session, shipment.order_code)
    assert [step.state for step in tracking.steps] == list(reversed(JOURNEY))
    assert tracking.carrier_name == "示例快递"


@pytest.mark.parametrize("order", list(permutations(range(5)))[::7])
def test_any_order_of_arrival_ends_the_same(
    session: Session, shipment: Shipment, told: list[Event], at: datetime, order: tuple[int, ...]
) -> None:
    for hour in order:
        push(session, at, line(at, hour, JOURNEY[hour]))
    assert shipment.state is ShipmentState.DELIVERED
    assert shipment.delivered_at == at + timedelta(hours=4)
    assert sorted(type(event).__name__ for event in told) == ["ShipmentDelivered", "ShipmentDispatched"]


def test_the_same_push_and_the_same_line_count_once(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    one, two = line(at, 1, M.PICKED_UP), line(at, 2, M.IN_TRANSIT)
    assert push(session, at, one) == 1
    assert push(session, at, one) == 0
    assert push(session, at, two, one) == 1
    assert (len(session.scalars(select(Push)).all()), len(session.scalars(select(Movement)).all())) == (2, 2)
    assert len(told) == 1


def test_a_push_faster_than_our_answer_is_not_lost(session: Session, told: list[Event], at: datetime) -> None:
    push(session, at, line(at, 1, M.PICKED_UP))
    shipment = make_shipment(session)
    shipment.state, shipment.carrier, shipment.waybill = ShipmentState.PACKED, "fake", WAYBILL
    session.flush()
    refresh_shipment(session, shipment, at)
    assert shipment.state is ShipmentState.DISPATCHED


def test_a_number_of_another_carrier_is_another_number(session: Session, shipment: Shipment, at: datetime) -> None:
    push(session, at, line(at, 1, M.SIGNED), carrier="other")
    assert shipment.state is ShipmentState.PACKED


def test_problems_pass_and_ends_are_ends(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    push(session, at, line(at, 1, M.PICKED_UP))
    push(session, at, line(at, 2, M.PROBLEM))
    assert shipment.state is ShipmentState.PROBLEM
    push(session, at, line(at, 3, M.OUT_FOR_DELIVERY), line(at, 4, M.SIGNED))
    push(session, at, line(at, 5, M.RETURNING))
    assert shipment.state is ShipmentState.DELIVERED


def test_a_refused_parcel_comes_back(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    push(session, at, line(at, 1, M.PICKED_UP), line(at, 2, M.REJECTED))
    assert shipment.state is ShipmentState.RETURNING
    push(session, at, line(at, 3, M.RETURNED))
    assert isinstance(told[-1], ShipmentReturned)


def test_a_cancelled_pickup_is_no_dispatch(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    push(session, at, line(at, 1, M.ORDERED), line(at, 2, M.CANCELLED))
    assert (shipment.state, shipment.dispatched_at) == (ShipmentState.PROBLEM, None)
    assert [type(news) for news in told] == [ShipmentTroubled]


def test_two_lines_in_one_second(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    push(session, at, line(at, 1, M.SIGNED), line(at, 1, M.OUT_FOR_DELIVERY))
    assert shipment.state is ShipmentState.DELIVERED


def test_delivery_frees_the_logger(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    logger, _ = make_logger(session)
    assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code=shipment.code)
    push(session, at, line(at, 4, M.SIGNED))
    assert session.scalars(select(Assignment.until_at)).one() == at + timedelta(hours=4)


def test_the_boxes_of_a_delivered_shipment_are_received(session: Session, at: datetime) -> None:
    from catalog.parties.models import Place
    from logistics.shipments.packing import close_shipment

    stock = make_stock(session)
    shipment = make_shipment(session, stock)
    serials = fill_shipment(session, shipment, stock)
    close_shipment(session, make_packer(session, session.get_one(Place, stock.place_id)), shipment.code, at)
    news = ShipmentDelivered(shipment.order_code, shipment.code, at)
    mark_received(session, news)
    mark_received(session, news)
    assert [get_item(session, serial).state for serial in serials] == [ItemState.RECEIVED] * 2


def test_the_unique_line_is_the_guard(session: Session, shipment: Shipment, told: list[Event], at: datetime) -> None:
    """Without the constraint a repeated line would stand twice in the buyer's track."""
    from sqlalchemy import text

    session.execute(text("ALTER TABLE shipments_movement DROP CONSTRAINT uq_shipments_movement_carrier_number_at_text"))
    push(session, at, line(at, 1, M.PICKED_UP))
    push(session, at, line(at, 1, M.PICKED_UP), line(at, 2, M.IN_TRANSIT))
    assert len(session.scalars(select(Movement)).all()) == 3
