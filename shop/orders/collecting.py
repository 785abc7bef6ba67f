"""Asking the buyer for money: one payment for each seller of record, for what is due now and nothing else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, NotFound
from kernel.money import Money
from shop.orders.cancelling import check_buyer, lock_order
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.payments.models import Payment, Provider
from shop.payments.paying import start_payment


def waits_for_money(order: Order) -> bool:
    """Whether the order can be paid now: a consumer's until it is paid or expires, one on terms (先货后款) once the goods are accepted."""
    return order.state is (OrderState.ACCEPTED if order.on_terms else OrderState.PLACED)


def start_part_payment(
    session: Session, actor: Actor, order_code: str, part_code: str, provider: Provider, *, at: datetime
) -> Payment:
    """Start (or find) the payment of one sub-order. Raises NotFound for another's order, Conflict when nothing is due."""
    order = lock_order(session, order_code)
    check_buyer(order, actor)
    part = next((part for part in order.sub_orders if part.code == part_code), None)
    if part is None:
        raise NotFound("没有这张订单，请检查订单号。")
    if not waits_for_money(order) or part.paid_fen >= part.payable_fen:
        raise Conflict("这张订单现在没有要付的款项。")
    due = Money(part.payable_fen - part.paid_fen)
    return start_payment(session, order_code=part.code, seller_id=part.seller_id, amount=due, provider=provider, at=at)
