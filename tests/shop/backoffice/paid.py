"""A paid order with real payment rows, for the back office's tests."""

from __future__ import annotations

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from shop.orders.models import Order
from shop.orders.settling import settle_capture
from shop.payments.models import Payment, PaymentCaptured
from tests.factories.catalog import AT, make_actor
from tests.factories.payments import make_captured
from tests.factories.shop import make_goods, make_order


class Paid:
    """A consumer's order of ¥1,280.00, paid through the provider, and two operators."""

    def __init__(self, session: Session) -> None:
        self.buyer: Actor = make_actor(session)
        goods = make_goods(session, boxes=20)
        self.order: Order = make_order(session, {goods.sku: 10}, self.buyer)
        part = self.order.sub_orders[0]
        self.payment: Payment = make_captured(session, part.payable_fen, order_code=part.code, seller_id=part.seller_id)
        settle_capture(session, PaymentCaptured(self.payment.id, part.code, part.payable_fen, AT))
        self.first: Actor = make_actor(session, Role.operator)
        self.second: Actor = make_actor(session, Role.operator)
        session.flush()
