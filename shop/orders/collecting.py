"""Asking the buyer for money: one payment for each seller of record, for what is due now and nothing else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, NotFound
from kernel.money import Money
from shop.orders.cancelling import check_buyer, lock_order
from shop.orders.models import Order, Receipt, SubOrder
from shop.orders.states import OrderState
from shop.payments.models import Payment, Provider
from shop.payments.paying import start_payment
from shop.payments.queries import list_payments_of


def waits_for_money(order: Order) -> bool:
    """Whether the order can be paid by itself now: until it is paid or expires. One on terms (先货后款) is paid by its settlement."""
    return order.state is OrderState.PLACED and not order.on_terms


def start_part_payment(
    session: Session, actor: Actor, order_code: str, part_code: str, provider: Provider, *, at: datetime
) -> Payment:
    """Start (or find) the payment of one sub-order. Raises NotFound for another's order, Conflict when nothing is due."""
    order = lock_order(session, order_code)
    check_buyer(order, actor)
    part = next((part for part in order.sub_orders if part.code == part_code), None)
    if part is None:
        raise NotFound("没有这张订单，请检查订单号。")
    if order.on_terms:
        raise Conflict("这张订单先货后款，请财务按结算单付款。")
    if not waits_for_money(order) or part.paid_fen >= part.payable_fen:
        raise Conflict("这张订单现在没有要付的款项。")
    if is_being_counted(session, part):
        raise Conflict("刚收到一笔付款，正在入账，请过一会儿刷新页面查看。")
    due = Money(part.payable_fen - part.paid_fen)
    return start_payment(session, order_code=part.code, seller_id=part.seller_id, amount=due, provider=provider, at=at)


def is_being_counted(session: Session, part: SubOrder) -> bool:
    """Whether money for this part has come that the order has not counted yet (a reaction will); paying again would only go back."""
    captured = sum(payment.captured_fen for payment in list_payments_of(session, [part.code]))
    counted = session.scalar(select(func.coalesce(func.sum(Receipt.used_fen), 0)).where(Receipt.sub_order_id == part.id))
    return captured > int(counted or 0)
