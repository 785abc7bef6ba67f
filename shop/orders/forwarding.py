"""What is paid or confirmed goes to the packing table: one reaction for both, which looks at the order's state."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from logistics.shipments.packing import Destination, open_shipments
from logistics.stock import preselling
from logistics.stock.events import PromiseServed
from shop.orders.cancelling import lock_order
from shop.orders.models import Order, OrderConfirmed, OrderPaid
from shop.orders.promising import promise_again
from shop.orders.states import OrderState

PACKABLE = frozenset({OrderState.PAID, OrderState.CONFIRMED})


def forward_paid(session: Session, event: OrderPaid) -> None:
    """Reaction: a paid order is packed."""
    forward_order(session, event.order_code, at=event.paid_at)


def forward_confirmed(session: Session, event: OrderConfirmed) -> None:
    """Reaction: a confirmed order on terms (先货后款) is packed before it is paid."""
    forward_order(session, event.order_code, at=event.at)


def forward_served(session: Session, event: PromiseServed) -> None:
    """Reaction: the boxes of a pre-sale have come."""
    forward_order(session, event.order_code, at=event.at)


def forward_order(session: Session, code: str, *, at: datetime) -> None:
    """Open the shipments of an order, one for each seller, place and temperature; again changes nothing.

    An order that was cancelled meanwhile, or that went to the packers on terms long ago, is left alone; one from a pre-sale waits until
    it is paid and all its boxes have come.
    """
    order = lock_order(session, code)
    waits = order.presale_code is not None and not preselling.is_served(session, order.code)
    if order.state in PACKABLE and not waits:
        if order.presale_code is not None:
            promise_again(session, order)
        open_shipments(session, SYSTEM, order_code=order.code, address=destination_of(order), at=at)


def destination_of(order: Order) -> Destination:
    """The order's own copy of its address, as shipments keep it."""
    address = order.address
    return Destination(
        recipient=address["recipient"],
        phone=address["phone"],
        province_code=address["province_code"],
        city=address["city"],
        county_code=address.get("county_code", ""),
        street=" ".join(part for part in (address.get("district", ""), address["street"]) if part),
    )
