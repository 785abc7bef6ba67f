"""What the floor above asks about an order's shipments."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from logistics.shipments.packing import open_shipments
from logistics.shipments.queries import count_shipped, find_delivered_at, get_tracking
from logistics.shipments.states import ShipmentState
from logistics.stock.reserving import allocate
from tests.factories.catalog import make_product
from tests.factories.logistics import ADDRESS, make_hub, make_stock


def test_an_order_in_two_shipments_is_delivered_with_the_second(session: Session, at: datetime) -> None:
    product = make_product(session)
    for _ in range(2):
        make_stock(session, product, boxes=2, place=make_hub(session))
    allocate(session, "ORD-A", [("A-1", product.id, 3)], at)
    one, two = open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at)
    assert count_shipped(session, "ORD-A") == {}
    for shipment, later in ((one, at), (two, at + timedelta(hours=1))):
        assert find_delivered_at(session, "ORD-A") is None
        shipment.dispatched_at = at
        shipment.state, shipment.delivered_at = ShipmentState.DELIVERED, later
        session.flush()
    assert count_shipped(session, "ORD-A") == {"A-1": 3}
    assert find_delivered_at(session, "ORD-A") == at + timedelta(hours=1)
    assert find_delivered_at(session, "ORD-NONE") is None


def test_cancelled_shipments_are_not_shown_to_the_buyer(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    allocate(session, "ORD-A", [("A-1", stock.product_id, 1)], at)
    (shipment,) = open_shipments(session, SYSTEM, order_code="ORD-A", address=ADDRESS, at=at)
    assert [tracking.shipment_code for tracking in get_tracking(session, "ORD-A")] == [shipment.code]
    shipment.state = ShipmentState.CANCELLED
    session.flush()
    assert get_tracking(session, "ORD-A") == []
