"""Settlement after acceptance: one a seller, due thirty days after delivery; invoiced, paid by transfer, matched by the bank's file.

Public bodies pay small suppliers within 30 days of delivery (保障中小企业款项支付条例, 国令第802号).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session, selectinload

from catalog.parties.models import SYSTEM, Actor, Role
from kernel.clock import today_shanghai
from kernel.errors import Conflict
from kernel.ids import new_code
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.requesting import InvoiceDraft, Item, request_invoice
from shop.orders.models import Order, SubOrder
from shop.orders.settling import settle_capture
from shop.payments.models import Payment, PaymentCaptured, Provider
from shop.payments.paying import start_payment
from shop.payments.queries import list_payments_of, sum_counted_refunds
from shop.procurement.guarding import lock_request, note_act
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.models.settlements import Settlement, SettlementPart
from shop.procurement.queries import get_settlement, list_settlements
from shop.procurement.states import SETTLEMENT_STATES, RequestState, SettlementState

TERMS = timedelta(days=30)


def open_settlements(session: Session, request: PurchaseRequest, orders: Sequence[Order], *, at: datetime) -> list[Settlement]:
    """What the accepted ``orders`` of a request owe, one settlement a seller; empty when nothing is owed.

    Each is due by the last delivery of that seller's own goods: nobody waits for another's parcel.
    """
    owed: dict[UUID, list[SubOrder]] = defaultdict(list)
    for order in orders:
        for part in order.sub_orders:
            if part.payable_fen > part.paid_fen:
                owed[part.seller_id].append(part)
    settlements = [
        Settlement(
            code=new_code("STL"),
            request_id=request.id,
            seller_id=seller_id,
            amount_fen=sum(part.payable_fen - part.paid_fen for part in parts),
            due_on=today_shanghai(max(part.order.delivered_at or at for part in parts)) + TERMS,
            opened_at=at,
            parts=[
                SettlementPart(sub_order_code=part.code, order_code=part.order.code, amount_fen=part.payable_fen - part.paid_fen)
                for part in parts
            ],
        )
        for seller_id, parts in sorted(owed.items())
    ]
    session.add_all(settlements)
    session.flush()
    return settlements


def ask_invoice(
    session: Session,
    actor: Actor,
    code: str,
    *,
    title: str,
    tax_number: str,
    email: str = "",
    note: str = "",
    special: bool = False,
    at: datetime,
) -> InvoiceRequest:
    """Ask the seller of a settlement for an invoice over it; its requester or a finance officer may. Raises NotFound, Invalid, Conflict."""
    settlement, request = _lock(session, actor, code)
    draft = InvoiceDraft(
        subject_code=settlement.code,
        seller_id=settlement.seller_id,
        amount=Money(sum_owed(session, settlement)),
        title_kind=TitleKind.ORGANIZATION,
        title=title,
        tax_number=tax_number,
        email=email,
        note=note,
        special=special,
        items=_list_items(session, settlement),
        buyer_organization_id=request.organization_id,
    )
    invoice = request_invoice(session, actor, draft, at=at)
    note_act(session, request, "invoice_asked", actor, at=at, note=invoice.code)
    return invoice


def sum_owed(session: Session, settlement: Settlement) -> int:
    """Fen the settlement is over: what was accepted, less what was given back of its payments."""
    payments = list_payments_of(session, [settlement.code])
    return settlement.amount_fen - sum(sum_counted_refunds(session, payment.id) for payment in payments)


def _list_items(session: Session, settlement: Settlement) -> list[Item]:
    """What was accepted, product by product over all orders, and the freight."""
    codes = [part.sub_order_code for part in settlement.parts]
    parts = session.scalars(select(SubOrder).where(SubOrder.code.in_(codes)).options(selectinload(SubOrder.lines))).all()
    goods: dict[str, tuple[int, int]] = {}
    for line in (line for part in parts for line in part.lines):
        boxes = line.quantity if line.accepted_boxes is None else line.accepted_boxes
        name = f"{line.name} {line.net_content}".strip()
        count, amount_fen = goods.get(name, (0, 0))
        goods[name] = (count + boxes, amount_fen + line.amount_fen * boxes // line.quantity)
    items = [Item(name, count, "盒", amount_fen) for name, (count, amount_fen) in sorted(goods.items()) if count]
    freight_fen = sum(part.freight_fen for part in parts)
    return [*items, Item("运费", len(parts), "次", freight_fen)] if freight_fen else items


def start_transfer(session: Session, actor: Actor, code: str, *, at: datetime) -> Payment:
    """Get the remittance code for paying a settlement by bank transfer (对公转账); a finance officer may. The same again while it is open.

    Raises NotFound, Forbidden, Conflict (paid).
    """
    settlement, request = _lock(session, actor, code)
    actor.must(Role.finance, request.organization_id)
    if settlement.state is not SettlementState.OPEN:
        raise Conflict("这张结算单已经付清。")
    payment = start_payment(
        session,
        order_code=settlement.code,
        seller_id=settlement.seller_id,
        amount=Money(settlement.amount_fen - settlement.paid_fen),
        provider=Provider.BANK_TRANSFER,
        at=at,
    )
    note_act(session, request, "transfer_started", actor, at=at, note=settlement.code)
    return payment


def settle_payment(session: Session, event: PaymentCaptured) -> None:
    """Reaction: money for a settlement is counted on its sub-orders, one after the other; what is too much goes the way of theirs."""
    settlement = session.scalar(select(Settlement).where(Settlement.code == event.order_code))
    if settlement is None:
        return
    request = _lock_request_of(session, settlement)
    for part, share_fen in spread(settlement.parts, event.amount_fen):
        part.paid_fen = min(part.paid_fen + share_fen, part.amount_fen)
        settle_capture(session, PaymentCaptured(event.payment_id, part.sub_order_code, share_fen, event.at))
    settlement.paid_fen = sum(part.paid_fen for part in settlement.parts)
    if settlement.paid_fen == settlement.amount_fen and settlement.state is SettlementState.OPEN:
        SETTLEMENT_STATES.check(settlement.state, SettlementState.PAID)
        settlement.state, settlement.paid_at = SettlementState.PAID, event.at
    note_act(session, request, "paid", SYSTEM, at=event.at, note=settlement.code)
    session.flush()
    paid = all(each.state is SettlementState.PAID for each in list_settlements(session, request.id))
    if paid and request.state is RequestState.ACCEPTED:
        request.move(RequestState.SETTLED)


def spread(parts: Sequence[SettlementPart], amount_fen: int) -> list[tuple[SettlementPart, int]]:
    """How much of an amount each part gets: what it still lacks, in order; what is left over goes to the last one. Sums to the amount."""
    shares, left = [], amount_fen
    for part in parts:
        share = min(left, part.amount_fen - part.paid_fen)
        shares.append((part, share))
        left -= share
    if left:
        last, share = shares.pop()
        shares.append((last, share + left))
    return [(part, share) for part, share in shares if share]


def _lock(session: Session, actor: Actor, code: str) -> tuple[Settlement, PurchaseRequest]:
    settlement, _ = get_settlement(session, code, actor)
    return settlement, _lock_request_of(session, settlement)


def _lock_request_of(session: Session, settlement: Settlement) -> PurchaseRequest:
    """Lock the request, then the settlement: the order in which every act takes them."""
    code = session.scalar(select(PurchaseRequest.code).where(PurchaseRequest.id == settlement.request_id))
    assert code is not None
    request = lock_request(session, code)
    session.refresh(settlement, with_for_update=True)
    return request
