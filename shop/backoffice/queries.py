"""What the back office looks at: the figures of today, the search by any code, everything about one order, the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from catalog.parties.erasing import SubjectErased
from catalog.parties.models import Organization
from catalog.products.models import Product
from kernel.clock import to_shanghai
from kernel.errors import NotFound
from kernel.ids import normalise_code
from kernel.outbox import Delivery, OutboxRow, reactions
from logistics.shipments.models import Shipment
from logistics.shipments.states import ShipmentState
from logistics.stock.models import Presale
from shop.backoffice.models import AuditEntry, ErasureRequest, ErasureState, ProposalState, RefundProposal
from shop.cases.models import Case
from shop.cases.queries import count_due
from shop.invoices.models import InvoiceRequest
from shop.invoices.queries import count_red_due
from shop.orders.models import Order, OrderLine, SubOrder
from shop.orders.states import OrderState
from shop.payments.models import Payment, Refund
from shop.payments.queries import OpenWork, count_open_work
from shop.payments.states import PaymentState
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.models.settlements import Settlement
from traceability.ledger.models import Scrub
from traceability.ledger.queries import Progress, find_progress
from traceability.lots.models import HouseholdDelivery, Lot, RecallMark, TradeItem

LONGEST_QUERY = 80


@dataclass(frozen=True)
class Overview:
    """The figures of the first page; each opens to its list."""

    orders_today: int
    unpaid: int
    to_pack: int
    cases_open: int
    cases_late: int
    parked: int
    unsettled: int
    refunds_waiting: int
    red_due: int
    payments: OpenWork
    log: Progress | None


def overview(session: Session, at: datetime) -> Overview:
    """Today's figures; the day is Shanghai's."""
    midnight = to_shanghai(at).replace(hour=0, minute=0, second=0, microsecond=0)
    cases_open, cases_late = count_due(session, at)
    return Overview(
        orders_today=_count(session, Order.placed_at >= midnight, Order.placed_at < midnight + timedelta(days=1)),
        unpaid=_count(session, Order.state == OrderState.PLACED),
        to_pack=_count(session, Shipment.state == ShipmentState.PACKING),
        cases_open=cases_open,
        cases_late=cases_late,
        parked=_count(session, OutboxRow.state == Delivery.PARKED),
        unsettled=_count(session, Payment.state.in_((PaymentState.CREATED, PaymentState.OPEN))),
        refunds_waiting=_count(session, RefundProposal.state == ProposalState.WAITING),
        red_due=count_red_due(session),
        payments=count_open_work(session),
        log=find_progress(session),
    )


def _count(session: Session, *conditions: Any) -> int:
    return session.scalar(select(func.count()).where(*conditions)) or 0


@dataclass(frozen=True)
class Hit:
    """Something a code names: what it is (a msgid), the code, its page."""

    kind: str
    code: str
    href: str


HIT_LABELS = {
    "order": "订单",
    "sub_order": "子订单",
    "line": "订单行",
    "reference": "采购申请的订单",
    "payment": "付款",
    "shipment": "发货单",
    "lot": "批次",
    "serial": "单品",
    "presale": "预售",
    "case": "工单",
    "recall": "召回单",
    "product": "商品",
    "organization": "单位",
    "invoice": "开票申请",
    "refund": "退款单",
    "slip": "交货凭证",
    "request": "采购申请",
    "settlement": "结算单",
}


def search(session: Session, text: str, *, limit: int = 20) -> list[Hit]:
    """Everything that has this code, whatever kind it is of; typed with small letters, other dashes or O for 0, too."""
    typed = text.strip()[:LONGEST_QUERY]
    if not typed:
        return []
    wanted = list({typed, typed.upper(), normalise_code(typed)})
    found = [hit for kind, column, href in _PLAIN for hit in _hits(session, kind, column, wanted, href, limit)]
    orders = select(Order.code, SubOrder.code).join(SubOrder, SubOrder.order_id == Order.id)
    for order, part in session.execute(orders.where(SubOrder.code.in_(wanted)).limit(limit)):
        found.append(Hit("sub_order", part, f"/backoffice/orders/{order}"))
    lines = select(Order.code, OrderLine.code).join(SubOrder, SubOrder.order_id == Order.id)
    for order, line in session.execute(
        lines.join(OrderLine, OrderLine.sub_order_id == SubOrder.id).where(OrderLine.code.in_(wanted)).limit(limit)
    ):
        found.append(Hit("line", line, f"/backoffice/orders/{order}"))
    for order in session.scalars(select(Order.code).where(Order.reference.in_(wanted), Order.reference != "").limit(limit)):
        found.append(Hit("reference", order, f"/backoffice/orders/{order}"))
    payments = or_(Payment.provider_reference.in_(wanted), Payment.remittance_code.in_([w.replace("-", "") for w in wanted]))
    for code in session.scalars(select(Payment.code).where(payments).limit(limit)):
        found.append(Hit("payment", code, f"/payments/{code}"))
    told = [*wanted, *(f"bank:{each}" for each in wanted)]  # what the provider, or the bank, calls a refund
    for code in session.scalars(select(Payment.code).join(Refund).where(Refund.provider_reference.in_(told)).limit(limit)):
        found.append(Hit("payment", code, f"/payments/{code}"))
    issued = or_(InvoiceRequest.invoice_number.in_(wanted), InvoiceRequest.red_number.in_(wanted))
    for code in session.scalars(select(InvoiceRequest.code).where(issued).limit(limit)):
        found.append(Hit("invoice", code, f"/invoices/{code}"))
    parcels = select(Shipment.order_code, Shipment.code).where(or_(Shipment.code.in_(wanted), Shipment.waybill.in_(wanted)))
    for order, shipment in session.execute(parcels.limit(limit)):
        found.append(Hit("shipment", shipment, f"/backoffice/orders/{order}"))
    refunds = select(RefundProposal.order_code, RefundProposal.code).where(RefundProposal.code.in_(wanted))
    for order, code in session.execute(refunds):
        found.append(Hit("refund", code, f"/backoffice/orders/{order}"))
    return found


_PLAIN: tuple[tuple[str, InstrumentedAttribute[Any], str], ...] = (
    ("order", Order.code, "/backoffice/orders/{}"),
    ("payment", Payment.code, "/payments/{}"),
    ("lot", Lot.code, "/lots/{}"),
    ("serial", TradeItem.serial, "/t/{}"),
    ("presale", Presale.code, "/presales/{}"),
    ("case", Case.code, "/cases/{}"),
    ("recall", RecallMark.code, "/recalls/{}"),
    ("product", Product.sku, "/products-admin/{}"),
    ("organization", Organization.code, "/parties/organizations/{}"),
    ("invoice", InvoiceRequest.code, "/invoices/{}"),
    ("request", PurchaseRequest.code, "/procurement/requests/{}"),
    ("settlement", Settlement.code, "/procurement/settlements/{}"),
    ("slip", HouseholdDelivery.slip_code, "/cooperative/deliveries/{}"),
)


def _hits(
    session: Session, kind: str, column: InstrumentedAttribute[Any], wanted: Sequence[str], href: str, limit: int
) -> list[Hit]:
    return [Hit(kind, code, href.format(code)) for code in session.scalars(select(column).where(column.in_(wanted)).limit(limit))]


def list_audit(
    session: Session, *, subjects: Sequence[str] | None = None, after: UUID | None = None, limit: int = 50
) -> Sequence[AuditEntry]:
    """The record, newest first; of some subjects when given."""
    query = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(limit)
    if subjects is not None:
        query = query.where(AuditEntry.subject.in_(subjects))
    return session.scalars(query.where(AuditEntry.id < after) if after else query).all()


def list_proposals(session: Session, order_code: str) -> Sequence[RefundProposal]:
    """Refunds by staff on an order, oldest first."""
    return session.scalars(select(RefundProposal).where(RefundProposal.order_code == order_code).order_by(RefundProposal.id)).all()


def list_waiting_proposals(session: Session, *, limit: int = 100) -> Sequence[RefundProposal]:
    """Refunds that wait for a second person, oldest first."""
    query = select(RefundProposal).where(RefundProposal.state == ProposalState.WAITING).order_by(RefundProposal.id)
    return session.scalars(query.limit(limit)).all()


def list_orders_of_day(session: Session, at: datetime, *, limit: int = 200) -> Sequence[Order]:
    """Orders placed on the Shanghai day of ``at``, newest first."""
    midnight = to_shanghai(at).replace(hour=0, minute=0, second=0, microsecond=0)
    return session.scalars(select(Order).where(Order.placed_at >= midnight).order_by(Order.id.desc()).limit(limit)).all()


def get_erasure(session: Session, code: str, *, lock: bool = False) -> ErasureRequest:
    """The erasure with this code, locked if it is to be decided. Raises NotFound."""
    query = select(ErasureRequest).where(ErasureRequest.code == code)
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    request = session.scalar(query)
    if request is None:
        raise NotFound("没有这张删除申请。")
    return request


def list_erasures(session: Session, *, after: UUID | None = None, limit: int = 50) -> Sequence[ErasureRequest]:
    """Erasures asked for, newest first."""
    query = select(ErasureRequest).order_by(ErasureRequest.id.desc()).limit(limit)
    return session.scalars(query.where(ErasureRequest.id < after) if after else query).all()


def find_waiting_erasure(session: Session, subject_id: UUID) -> ErasureRequest | None:
    """The erasure of this household or person that waits for a second person, or None."""
    return session.scalar(
        select(ErasureRequest).where(ErasureRequest.subject_id == subject_id, ErasureRequest.state == ErasureState.WAITING)
    )


@dataclass(frozen=True)
class ErasureProgress:
    """How far an erasure has come: each room's reaction ("done", "pending", "parked"), and whether the log's bytes are off the disk.

    ``scrub`` is None while nothing of the log was asked to be scrubbed; ``left`` is what the scrubber was not allowed to do.
    """

    rooms: Sequence[tuple[str, str]]
    scrub: str | None
    left: str | None

    @property
    def done(self) -> bool:
        """Whether nothing is left to do."""
        return all(state == "done" for _, state in self.rooms) and self.scrub in (None, "done")


def find_erasure_progress(session: Session, request: ErasureRequest) -> ErasureProgress:
    """What is done of a decided erasure. Rows that wait or were given up are few; those that are done may be forgotten already."""
    name = SubjectErased.__name__
    rows = select(OutboxRow.reaction, OutboxRow.state).where(
        OutboxRow.state.in_((Delivery.PENDING, Delivery.PARKED)),
        OutboxRow.event == name,
        OutboxRow.body["subject_id"].astext == str(request.subject_id),
    )
    waiting = {reaction: state.value for reaction, state in session.execute(rows)}
    rooms = [(reaction, waiting.get(reaction, "done")) for reaction in reactions().get(name, ())]
    scrub = session.scalar(select(Scrub).where(Scrub.asked_at == request.decided_at).limit(1))
    return ErasureProgress(rooms, ("done" if scrub.done_at else "pending") if scrub else None, scrub.left if scrub else None)
