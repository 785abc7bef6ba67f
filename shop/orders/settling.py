"""Money meets order: reactions to what payments captured or gave back.

The order row is locked first, so two captures of one order are settled one after the other. Every captured fen ends in the order it was
paid for, or is sent back by ``MoneyToReturn`` written in the same transaction.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.errors import Conflict
from kernel.ids import uuid7
from kernel.outbox import publish
from logistics.stock import preselling, reserving
from logistics.stock.guarding import lock_stock
from logistics.stock.models import Allocation, StockLot
from shop.orders.cancelling import NOT_FRESH, cancel_order
from shop.orders.models import MoneyToReturn, Order, OrderPaid, OrderRefunded, Receipt, SubOrder
from shop.orders.placing import promise_boxes
from shop.orders.promising import keeping_late, promise_again, promise_from
from shop.orders.states import OrderState
from shop.payments.models import PaymentCaptured, PaymentRefunded
from shop.payments.queries import sum_done_refunds

WAITING = (OrderState.PLACED, OrderState.EXPIRED)


def settle_capture(session: Session, event: PaymentCaptured) -> None:
    """Count captured money toward its sub-order; late money takes the boxes again or goes back.

    Money for something else than one sub-order (a settlement of several) is brought here sub-order by sub-order by the room it is for.
    """
    part = _lock_part(session, event.order_code)
    if part is None:
        return None
    order = part.order
    if order.state is OrderState.CANCELLED:
        return publish(session, MoneyToReturn(event.payment_id, event.amount_fen, "cancelled", event.at), at=event.at)
    excess = max(part.paid_fen + event.amount_fen - part.payable_fen, 0)
    if excess:
        publish(session, MoneyToReturn(event.payment_id, excess, "paid_twice", event.at), at=event.at)
    used = event.amount_fen - excess
    if used and order.state is OrderState.EXPIRED and not (may_revive(order, used) and _take_again(session, order, event)):
        return publish(session, MoneyToReturn(event.payment_id, used, "too_late", event.at), at=event.at)
    part.paid_fen += used
    order.paid_fen += used
    if used:
        receipt = _receipt(session, part, event.payment_id)
        receipt.used_fen += used
        _count_refunds(session, order, receipt, uuid7(), event.at)
    if all(p.paid_fen >= p.payable_fen for p in order.sub_orders):
        _all_paid(session, order, event)
    return None


def _lock_part(session: Session, sub_order_code: str) -> SubOrder | None:
    """The sub-order with this code, its order locked; None for a code that is no sub-order's."""
    order = session.scalar(select(Order).join(SubOrder).where(SubOrder.code == sub_order_code).with_for_update(of=Order))
    return next(part for part in order.sub_orders if part.code == sub_order_code) if order is not None else None


def _receipt(session: Session, part: SubOrder, payment_id: UUID) -> Receipt:
    """What the order's part counts of a payment; the order is locked."""
    receipt = session.get(Receipt, (payment_id, part.id))
    if receipt is None:
        receipt = Receipt(payment_id=payment_id, sub_order_id=part.id, used_fen=0, refunded_fen=0)
        session.add(receipt)
    return receipt


def may_revive(order: Order, used_fen: int) -> bool:
    """Whether late money pays the whole order at once. Part of it cannot wait for the rest: what came before the end is on its way back.

    An order with a discount stays ended: its coupon was given back with it, and may be used up by now.
    """
    discounted = any(line.discount_fen for line in order.lines)
    return not discounted and order.paid_fen == 0 and used_fen == sum(part.payable_fen for part in order.sub_orders)


def _take_again(session: Session, order: Order, event: PaymentCaptured) -> bool:
    """Allocate (or promise) the boxes of an expired order again; False when there are too few, or too few that would arrive fresh."""
    try:
        with session.begin_nested():
            if order.presale_code is not None:
                promise_boxes(session, order, days=preselling.find_days(session, order.code), at=event.at)
                return True
            lines = [(line.code, line.product_id, line.quantity) for line in order.lines]
            reserving.allocate(session, order.code, lines, event.at, keeping=keeping_late(order, event.at))
            promise_again(session, order)
    except Conflict:
        return False
    return True


def _keep_fresh(session: Session, order: Order, at: datetime) -> bool:
    """Boxes promised when the order was placed may have waited too long for its money: whether it has, or can be given, fresh ones."""
    keeping = keeping_late(order, at)
    own = select(StockLot.product_id, StockLot.expires_on).join(Allocation, Allocation.stock_lot_id == StockLot.id)
    ends = session.execute(own.where(Allocation.order_code == order.code, StockLot.expires_on.is_not(None)))
    if all(last >= keeping[product_id] for product_id, last in ends if last is not None):
        return True
    lines = [(line.code, line.product_id, line.quantity) for line in order.lines]
    lock_stock(session, StockLot.product_id.in_(keeping))
    try:
        with session.begin_nested():
            reserving.deallocate(session, order.code)
            reserving.allocate(session, order.code, lines, at, keeping=keeping)
            promise_again(session, order)
    except Conflict:
        return False
    return True


def _all_paid(session: Session, order: Order, event: PaymentCaptured) -> None:
    if order.paid_at is not None:
        return
    order.paid_at = event.at
    if order.presale_code is not None:
        preselling.note_paid(session, order.code, event.at)
    if order.state is OrderState.PLACED and order.presale_code is None and not _keep_fresh(session, order, event.at):
        session.flush()
        cancel_order(session, SYSTEM, order.code, reason=NOT_FRESH, at=event.at)
        return
    if order.state in WAITING:
        promise_from(order, event.at)
        order.move(OrderState.PAID)
        order.expires_at = None
    elif order.state is OrderState.ACCEPTED:
        order.move(OrderState.COMPLETED)
    publish(session, OrderPaid(order.code, order.paid_fen, event.at), at=event.at)


def settle_refund(session: Session, event: PaymentRefunded) -> None:
    """Note on the order what payments gave back of the money it had counted; double money given back by hand is none of it."""
    part = _lock_part(session, event.order_code)
    receipt = session.get(Receipt, (event.payment_id, part.id)) if part is not None else None
    if part is None or receipt is None or event.unused:
        return
    _count_refunds(session, part.order, receipt, event.refund_id, event.at)


def _count_refunds(session: Session, order: Order, receipt: Receipt, refund_id: UUID, at: datetime) -> None:
    """Bring a locked order's receipt up to what has gone back of its payment, whether the news of the money or of its refund came first."""
    noted = session.scalar(select(func.sum(Receipt.refunded_fen)).where(Receipt.payment_id == receipt.payment_id)) or 0
    back = sum_done_refunds(session, receipt.payment_id)
    counted = min(back - int(noted), receipt.used_fen - receipt.refunded_fen)
    if counted > 0:
        receipt.refunded_fen += counted
        order.refunded_fen += counted
        publish(session, OrderRefunded(order.code, refund_id, counted, at), at=at)
