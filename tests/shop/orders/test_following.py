"""From money to parcel to doorstep: packing tasks open, boxes are counted as they leave, in whatever order the news comes."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Organization, Place, Role
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Quantity, Unit
from logistics.shipments.events import ShipmentDelivered, ShipmentDispatched
from logistics.shipments.models import PackingTask, Shipment
from logistics.shipments.packing import close_shipment
from logistics.shipments.states import ShipmentState
from logistics.stock.models import StockLot
from shop.orders import forwarding
from shop.orders.following import (
    Received,
    accept_goods,
    confirm_receipt,
    follow_delivered,
    follow_dispatched,
    follow_shipments,
    mark_delivered,
    mark_shipped,
)
from shop.orders.forwarding import forward_confirmed, forward_paid
from shop.orders.models import Order, OrderConfirmed, OrderPaid
from shop.orders.states import OrderState
from tests.factories.catalog import make_actor
from tests.factories.logistics import fill_shipment, make_packer
from tests.factories.shop import SHANGHAI, make_goods, make_order, pay


def paid_event(order: Order, at: datetime) -> OrderPaid:
    return OrderPaid(order.code, order.total_fen, at)


def shipments(session: Session) -> list[Shipment]:
    return list(session.scalars(select(Shipment).order_by(Shipment.id)))


def send_off(session: Session, order: Order, at: datetime) -> list[Shipment]:
    """Pack, close and hand every shipment of the order to a carrier."""
    found = shipments(session)
    for shipment in found:
        task = session.scalars(select(PackingTask).where(PackingTask.shipment_id == shipment.id)).one()
        stock = session.scalars(select(StockLot).where(StockLot.lot_id == task.lot_id)).one()
        fill_shipment(session, shipment, stock, task.quantity, at=at)
        close_shipment(session, make_packer(session, session.get_one(Place, shipment.from_place_id)), shipment.code, at)
        shipment.state = ShipmentState.DISPATCHED
    session.flush()
    return found


def test_a_paid_order_goes_to_the_packers_once(session: Session, at: datetime) -> None:
    order = pay(session, make_order(session))
    for _ in range(2):
        forward_paid(session, paid_event(order, at))
    (shipment,) = shipments(session)
    assert (shipment.order_code, shipment.recipient_name, shipment.province_code) == (order.code, "示例收货人", "310000")
    assert shipment.street == "浦东新区 示例路 1 号"
    assert session.scalars(select(PackingTask.quantity)).all() == [2]


def test_each_seller_packs_its_own(session: Session, at: datetime) -> None:
    one, two = make_goods(session), make_goods(session)
    order = pay(session, make_order(session, {one.sku: 1, two.sku: 1}))
    forward_paid(session, paid_event(order, at))
    assert {shipment.seller_id for shipment in shipments(session)} == {one.seller_id, two.seller_id}


def test_an_unpaid_or_cancelled_order_is_not_packed(session: Session, at: datetime) -> None:
    order = make_order(session)
    forward_paid(session, paid_event(order, at))
    assert shipments(session) == []


def test_without_the_look_at_its_state_it_would_be(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    order = make_order(session)
    monkeypatch.setattr(forwarding, "PACKABLE", frozenset(OrderState))
    forward_paid(session, paid_event(order, at))
    assert len(shipments(session)) == 1


def test_an_order_on_terms_is_packed_when_confirmed(session: Session, at: datetime) -> None:
    requester = make_actor(session, Role.requester)
    (organization_id,) = requester.roles
    address = SHANGHAI | {"county_code": "310115"}
    wants = {make_goods(session).sku: 1}
    order = make_order(session, wants, requester, on_terms=True, buyer_organization_id=organization_id, address=address)
    order.move(OrderState.CONFIRMED)
    forward_confirmed(session, OrderConfirmed(order.code, at))
    assert [shipment.county_code for shipment in shipments(session)] == ["310115"]


def test_boxes_are_counted_when_the_carrier_has_them(session: Session, at: datetime) -> None:
    order = pay(session, make_order(session))
    forward_paid(session, paid_event(order, at))
    (shipment,) = send_off(session, order, at)
    shipment.state = ShipmentState.PACKED
    follow_shipments(session, order.code, at=at)
    assert (order.state, order.lines[0].shipped) == (OrderState.PAID, 0), "packed is not yet sent"
    shipment.state = ShipmentState.DISPATCHED
    follow_dispatched(session, ShipmentDispatched(order.code, shipment.code, at))
    assert (order.state, order.lines[0].shipped) == (OrderState.SHIPPED, 2)


def test_news_may_come_in_any_order_and_twice(session: Session, at: datetime) -> None:
    order = pay(session, make_order(session))
    forward_paid(session, paid_event(order, at))
    (shipment,) = send_off(session, order, at)
    shipment.state = ShipmentState.DELIVERED
    signed = at + timedelta(days=2)
    for _ in range(2):
        follow_delivered(session, ShipmentDelivered(order.code, shipment.code, signed))
        follow_dispatched(session, ShipmentDispatched(order.code, shipment.code, at))
    assert (order.state, order.delivered_at) == (OrderState.DELIVERED, signed)


def test_an_order_is_delivered_when_its_last_parcel_is(session: Session, at: datetime) -> None:
    order = pay(session, make_order(session, {make_goods(session).sku: 1, make_goods(session).sku: 1}))
    forward_paid(session, paid_event(order, at))
    first, second = send_off(session, order, at)
    first.state = ShipmentState.DELIVERED
    follow_delivered(session, ShipmentDelivered(order.code, first.code, at))
    assert order.state is OrderState.SHIPPED
    second.state = ShipmentState.DELIVERED
    follow_delivered(session, ShipmentDelivered(order.code, second.code, at))
    assert order.state is OrderState.DELIVERED


def test_a_shipment_of_nobodys_order_is_passed_over(session: Session, at: datetime) -> None:
    follow_shipments(session, "ORD-NONE", at=at)


def test_the_buyer_confirms_what_arrived(session: Session, at: datetime) -> None:
    buyer = make_actor(session)
    order = pay(session, make_order(session, None, buyer))
    mark_shipped(session, order.code, {order.lines[0].code: 2}, at=at)
    confirm_receipt(session, buyer, order.code)
    assert order.state is OrderState.SHIPPED, "not before it was signed for"
    mark_delivered(session, order.code, at=at)
    confirm_receipt(session, buyer, order.code)
    assert order.state is OrderState.COMPLETED


@pytest.fixture
def delivered(session: Session, at: datetime) -> Order:
    """Goods of an organisation's order on terms, at its door."""
    requester = make_actor(session, Role.requester)
    (organization_id,) = requester.roles
    wants = {make_goods(session).sku: 3}
    order = make_order(session, wants, requester, on_terms=True, buyer_organization_id=organization_id)
    order.move(OrderState.CONFIRMED)
    mark_shipped(session, order.code, {order.lines[0].code: 3}, at=at)
    mark_delivered(session, order.code, at=at)
    return order


def test_what_is_payable_follows_what_was_accepted(session: Session, delivered: Order) -> None:
    assert delivered.buyer_organization_id is not None
    organization = session.get_one(Organization, delivered.buyer_organization_id)
    inspector = make_actor(session, Role.inspector, organization)
    line = delivered.lines[0]
    weighed = Quantity.parse("2.05", Unit.KG)
    with pytest.raises(Forbidden):
        accept_goods(session, make_actor(session, Role.requester, organization), delivered.code, {})
    with pytest.raises(Invalid, match="改一下"):
        accept_goods(session, inspector, delivered.code, {line.code: Received(4, weighed)})
    accept_goods(session, inspector, delivered.code, {line.code: Received(2, weighed)})
    assert delivered.state is OrderState.ACCEPTED
    assert delivered.sub_orders[0].payable_fen == 2 * 12_800
    with pytest.raises(Conflict, match="只能验收一次"):
        accept_goods(session, inspector, delivered.code, {line.code: Received(3, weighed)})
