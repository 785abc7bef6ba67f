"""What happens by itself and needs a person: cases opened by news of parcels, payments and invoices, beside those that people open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.money import Money
from logistics.shipments.events import ShipmentReturned, ShipmentTroubled
from logistics.stock.events import PresaleFailed
from shop.cases.handling import close_case, open_case
from shop.cases.models import Case, CaseSubject
from shop.cases.states import CaseKind, CaseState
from shop.invoices.models import InvoiceCorrected
from shop.payments.models import PaymentDisputed, RefundFailed


def open_troubled(session: Session, event: ShipmentTroubled) -> None:
    """Reaction: the carrier cannot deliver."""
    text = f"快递报告发货单 {event.shipment_code} 有问题，请联系快递和收货人。"
    open_once(session, CaseKind.PARCEL, [event.shipment_code, event.order_code], text, at=event.at)


def open_returned(session: Session, event: ShipmentReturned) -> None:
    """Reaction: a parcel came back: send it again, or give the money back."""
    text = f"发货单 {event.shipment_code} 退回来了，请和买家商量补发还是退款。"
    open_once(session, CaseKind.PARCEL, [event.shipment_code, event.order_code], text, at=event.at)


def open_failed(session: Session, event: PresaleFailed) -> None:
    """Reaction: a pre-sale ended short. The orders are cancelled and paid back by themselves; why it fell short is for a person to ask."""
    text = f"预售 {event.presale_code} 结束时有 {event.orders} 张订单、{event.boxes} 盒没有兑现，正在取消并全额退款。原因：{event.reason}"
    open_case(session, SYSTEM, CaseKind.PRESALE, subjects=[event.presale_code], text=text, at=event.at)


def open_failed_refund(session: Session, event: RefundFailed) -> None:
    """Reaction: money did not reach the buyer."""
    text = f"付款 {event.payment_code} 的退款 {Money(event.amount_fen)} 没有成功（{event.code}），请查明后重新办理。"
    open_once(session, CaseKind.PAYMENT, [event.payment_code, event.order_code], text, at=event.at)


def open_disputed(session: Session, event: PaymentDisputed) -> None:
    """Reaction: a buyer's bank disputes a payment."""
    text = f"付款 {event.payment_code} 有 {Money(event.disputed_fen)} 被银行拒付，请在支付渠道规定的时间内答复。"
    open_once(session, CaseKind.PAYMENT, [event.payment_code, event.order_code], text, at=event.at)


def close_corrected(session: Session, event: InvoiceCorrected) -> None:
    """Reaction: the red-letter invoice is there, so nobody needs to ask for it any more."""
    case = find_open(session, CaseKind.INVOICE, event.code)
    if case is not None:
        close_case(session, SYSTEM, case.code, f"已登记红字发票 {event.red_number}。", at=event.at)


def open_once(session: Session, kind: CaseKind, subjects: Sequence[str], text: str, *, at: datetime) -> Case:
    """The case about the first of ``subjects`` that is not closed yet, or a new one."""
    return find_open(session, kind, subjects[0]) or open_case(session, SYSTEM, kind, subjects=subjects, text=text, at=at)


def find_open(session: Session, kind: CaseKind, subject: str) -> Case | None:
    """The case of this kind about a code that is not closed, or None."""
    query = select(Case).join(CaseSubject, CaseSubject.case_id == Case.id).where(CaseSubject.code == subject)
    return session.scalar(query.where(Case.kind == kind, Case.state != CaseState.CLOSED).order_by(Case.id).limit(1))
