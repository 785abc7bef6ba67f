"""A consumer asks the seller for an invoice over what was paid for its part of an order and not given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.requesting import InvoiceDraft, request_invoice
from shop.invoices.states import InvoiceState
from shop.orders.models import Order, OrderRefunded, Receipt, SubOrder
from shop.orders.queries import get_order
from shop.orders.states import OrderState
from shop.payments.queries import sum_counted_refunds


@dataclass(frozen=True)
class Title:
    """What the buyer wants on it (发票抬头); a body's name goes with its tax number (纳税人识别号)."""

    kind: TitleKind
    name: str
    tax_number: str
    email: str


def ask_invoice(session: Session, actor: Actor, order_code: str, part_code: str, title: Title, *, at: datetime) -> InvoiceRequest:
    """Ask for the invoice of one sub-order. Raises as ``get_invoiceable``, and Conflict (asked before), Invalid with every wrong field."""
    _, part, amount = get_invoiceable(session, actor, order_code, part_code, lock=True)
    draft = InvoiceDraft(
        subject_code=part.code,
        seller_id=part.seller_id,
        amount=amount,
        title_kind=title.kind,
        title=title.name,
        tax_number=title.tax_number,
        email=title.email,
        buyer_person_id=actor.person_id,
    )
    return request_invoice(session, actor, draft, at=at)


def get_invoiceable(
    session: Session, actor: Actor, order_code: str, part_code: str, *, lock: bool = False
) -> tuple[Order, SubOrder, Money]:
    """A paid sub-order of the actor's own and what its seller keeps of the money: paid, and neither given back nor on its way.

    Raises NotFound, Forbidden (not the buyer; a guest; an organisation, which asks over its settlement), Conflict (not paid).
    """
    order = get_order(session, order_code, actor)
    session.refresh(order, with_for_update=lock)
    part = next((part for part in order.sub_orders if part.code == part_code), None)
    if part is None:
        raise NotFound("这张订单里没有这个销售方的商品。")
    if not is_own(order, actor):
        raise Forbidden("只有下单的人能申请发票；单位的订单在结算时申请。")
    if actor.guest:  # a request is never rewritten, so it could not follow the order into an account
        raise Forbidden("发票要存进账号：请先用下单的手机号登录，再申请。")
    if order.paid_at is None or order.state in (OrderState.CANCELLED, OrderState.EXPIRED):
        raise Conflict("付款以后、取消以前才能申请发票。")
    receipts = session.scalars(select(Receipt).where(Receipt.sub_order_id == part.id)).all()
    keeps = sum(receipt.used_fen - sum_counted_refunds(session, receipt.payment_id) for receipt in receipts)
    return order, part, Money(max(keeps, 0))


def withdraw_outdated(session: Session, event: OrderRefunded) -> None:
    """The reaction: money went back, so a request nobody has answered asks for too much. It is withdrawn; the buyer may ask anew."""
    for asked in session.scalars(
        select(InvoiceRequest)
        .join(SubOrder, SubOrder.code == InvoiceRequest.subject_code)
        .join(Order, Order.id == SubOrder.order_id)
        .where(Order.code == event.order_code, InvoiceRequest.state == InvoiceState.REQUESTED)
        .with_for_update(of=InvoiceRequest)
    ):
        asked.move(InvoiceState.WITHDRAWN)


def is_own(order: Order, actor: Actor) -> bool:
    """Whether the actor bought it as a person."""
    return order.buyer_organization_id is None and order.buyer_person_id == actor.person_id
