"""A consumer asks the seller for an invoice over what was paid for its part of an order and not given back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.money import Money
from shop.cases.following import open_once
from shop.cases.states import CaseKind
from shop.invoices.issuing import owe_red
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.queries import LIVE
from shop.invoices.requesting import InvoiceDraft, Item, request_invoice
from shop.invoices.states import InvoiceState
from shop.orders.models import Order, OrderRefunded, Receipt, SubOrder
from shop.orders.queries import get_order
from shop.orders.states import OrderState
from shop.payments.queries import sum_counted_refunds
from shop.procurement.models.settlements import Settlement, SettlementPart
from shop.procurement.settling import sum_owed


@dataclass(frozen=True)
class Title:
    """What the buyer wants on it (发票抬头); a body's name goes with its tax number (纳税人识别号). ``special``: a 专用发票."""

    kind: TitleKind
    name: str
    tax_number: str
    email: str
    special: bool = False


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
        special=title.special,
        items=list_items(part),
        buyer_person_id=actor.person_id,
    )
    return request_invoice(session, actor, draft, at=at)


def list_items(part: SubOrder) -> list[Item]:
    """What was sold, line by line, and the freight."""
    goods = [Item(f"{line.name} {line.net_content}".strip(), line.quantity, "盒", line.amount_fen) for line in part.lines]
    return [*goods, Item("运费", 1, "次", part.freight_fen)] if part.freight_fen else goods


def get_invoiceable(
    session: Session, actor: Actor, order_code: str, part_code: str, *, lock: bool = False
) -> tuple[Order, SubOrder, Money]:
    """A paid sub-order of the actor's own and what its seller keeps of the money: paid, and neither given back nor on its way.

    Raises NotFound, Forbidden (not the buyer; an organisation, which asks over its settlement), Conflict (not paid).
    """
    order = get_order(session, order_code, actor)
    session.refresh(order, with_for_update=lock)
    part = next((part for part in order.sub_orders if part.code == part_code), None)
    if part is None:
        raise NotFound("这张订单里没有这个销售方的商品。")
    if not is_own(order, actor):
        raise Forbidden("只有下单的人能申请发票；单位的订单在结算时申请。")
    if not may_invoice(order):
        raise Conflict("付款以后、取消以前才能申请发票。")
    return order, part, Money(sum_kept(session, part))


def sum_kept(session: Session, part: SubOrder) -> int:
    """Fen the seller of a part keeps: paid for it, and neither given back nor on its way."""
    receipts = session.scalars(select(Receipt).where(Receipt.sub_order_id == part.id)).all()
    return max(sum(receipt.used_fen - sum_counted_refunds(session, receipt.payment_id) for receipt in receipts), 0)


def may_invoice(order: Order) -> bool:
    """Whether an invoice may be asked for: paid and not ended."""
    return order.paid_at is not None and order.state not in (OrderState.CANCELLED, OrderState.EXPIRED)


def is_own(order: Order, actor: Actor) -> bool:
    """Whether the actor bought it as a person."""
    return order.buyer_organization_id is None and order.buyer_person_id == actor.person_id


def follow_refund(session: Session, event: OrderRefunded) -> None:
    """The reaction: money went back, so an invoice may say more than its seller keeps.

    A request nobody has answered is withdrawn, and the buyer may ask anew. What was issued over the order or its settlement is to be
    taken back by a red-letter invoice: the seller sees it in the list, and a case with a due time is opened.
    """
    parts = session.scalars(select(SubOrder).join(Order).where(Order.code == event.order_code)).all()
    worth = {part.code: sum_kept(session, part) for part in parts}
    settled = select(Settlement).join(SettlementPart).where(SettlementPart.sub_order_code.in_(list(worth)))
    worth |= {settlement.code: sum_owed(session, settlement) for settlement in session.scalars(settled).unique()}
    standing = select(InvoiceRequest).where(InvoiceRequest.subject_code.in_(list(worth)), InvoiceRequest.state.in_(LIVE))
    for invoice in session.scalars(standing.order_by(InvoiceRequest.id).with_for_update()):
        if invoice.amount_fen <= worth[invoice.subject_code]:
            continue
        if invoice.state is InvoiceState.REQUESTED:
            invoice.move(InvoiceState.WITHDRAWN)
        elif owe_red(invoice, at=event.at):
            text = (
                f"订单 {event.order_code} 退了 {Money(event.amount_fen)}，发票 {invoice.invoice_number} 已经开出。"
                f"请销售方开红字发票，并在开票申请 {invoice.code} 里登记。"
            )
            open_once(session, CaseKind.INVOICE, [invoice.code, event.order_code], text, at=event.at)
