"""Following the goods: reactions to what shipments report, and acceptance (验收) by an organisation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, FieldError, Invalid
from kernel.outbox import publish
from kernel.quantity import Quantity
from logistics.shipments.events import ShipmentDelivered, ShipmentDispatched
from logistics.shipments.queries import list_boxes, list_shipments
from logistics.shipments.states import ShipmentState
from shop.orders.cancelling import check_buyer, lock_order
from shop.orders.models import Order, OrderDelivered, OrderShipped
from shop.orders.states import OrderState

STILL_HERE = frozenset({ShipmentState.PACKING, ShipmentState.PACKED, ShipmentState.CANCELLED})


def follow_dispatched(session: Session, event: ShipmentDispatched) -> None:
    """Reaction: a carrier has one of the order's shipments."""
    follow_shipments(session, event.order_code, at=event.at)


def follow_delivered(session: Session, event: ShipmentDelivered) -> None:
    """Reaction: one of the order's shipments was signed for."""
    follow_shipments(session, event.order_code, at=event.signed_at)


def follow_shipments(session: Session, order_code: str, *, at: datetime) -> None:
    """Bring an order in step with its shipments, whatever order their news came in.

    Boxes count as shipped once the carrier has them; the order is delivered once every shipment is.
    """
    if session.scalar(select(Order.id).where(Order.code == order_code)) is None:
        return
    lock_order(session, order_code)
    shipments = [row for row in list_shipments(session, order_code) if row.state is not ShipmentState.CANCELLED]
    gone = [row for row in shipments if row.state not in STILL_HERE]
    boxes = Counter(box.line_code for row in gone for box in list_boxes(session, row.id))
    mark_shipped(session, order_code, boxes, at=at)
    if shipments and all(row.state is ShipmentState.DELIVERED for row in shipments):
        mark_delivered(session, order_code, at=at)


def mark_shipped(session: Session, order_code: str, boxes: Mapping[str, int], *, at: datetime) -> Order:
    """Set how many boxes of each line (by line code) have left so far; the order is shipped once all have."""
    order = lock_order(session, order_code)
    for line in order.lines:
        line.shipped = max(line.shipped, boxes.get(line.code, 0))
    if order.state in (OrderState.PAID, OrderState.CONFIRMED) and all(line.shipped == line.quantity for line in order.lines):
        order.move(OrderState.SHIPPED)
        publish(session, OrderShipped(order.code, at), at=at)
    return order


def mark_delivered(session: Session, order_code: str, *, at: datetime) -> Order:
    """Note that the parcel was signed for; a second report changes nothing."""
    order = lock_order(session, order_code)
    if order.state is OrderState.SHIPPED:
        order.move(OrderState.DELIVERED)
        order.delivered_at = at
        publish(session, OrderDelivered(order.code, at), at=at)
    return order


def confirm_receipt(session: Session, actor: Actor, order_code: str) -> Order:
    """The buyer of a consumer order says it arrived."""
    order = lock_order(session, order_code)
    check_buyer(order, actor)
    if order.state is OrderState.DELIVERED and not order.on_terms:
        order.move(OrderState.COMPLETED)
    return order


@dataclass(frozen=True)
class Received:
    """What an inspector found of one line: whole boxes, and what they weighed together."""

    boxes: int
    weighed: Quantity


def accept_goods(session: Session, actor: Actor, order_code: str, received: Mapping[str, Received]) -> Order:
    """Accept what arrived (验收), line by line. What is payable follows the boxes accepted; the weighed amount is kept as evidence.

    Raises Invalid for more than was ordered, Conflict before delivery or a second time.
    """
    order = lock_order(session, order_code)
    assert order.buyer_organization_id is not None, "consumers confirm receipt instead"
    actor.must(Role.inspector, order.buyer_organization_id)
    if order.state is not OrderState.DELIVERED:
        raise Conflict("货物签收后才能验收，且只能验收一次。")
    errors = []
    for line in order.lines:
        got = received.get(line.code)
        if got is None or not 0 <= got.boxes <= line.quantity or got.weighed.amount < 0:
            errors.append(FieldError(line.code, "验收数量要在 0 到 %(most)s 盒之间。", {"most": line.quantity}))
            continue
        line.accepted_boxes = got.boxes
        line.accepted_amount, line.accepted_unit = got.weighed.amount, got.weighed.unit.value
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    for part in order.sub_orders:
        part.payable_fen = part.freight_fen + sum(
            line.amount_fen * (line.accepted_boxes or 0) // line.quantity for line in part.lines
        )
    order.move(OrderState.ACCEPTED)
    return order
