"""The evidence file of a request (采购档案): what was asked, approved, ordered, accepted, invoiced and paid, as plain tables."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from catalog.parties.queries import get_organization, map_organizations
from kernel.clock import today_shanghai
from kernel.errors import Gettext
from kernel.money import Money
from kernel.quantity import Unit
from kernel.workbook import Table
from shop.invoices.queries import list_invoices_of
from shop.invoices.states import STATES as INVOICE_STATES
from shop.orders.states import STATES as ORDER_STATES
from shop.payments.queries import list_payments_of
from shop.procurement import queries
from shop.procurement.models.budgets import PURPOSE_LABELS
from shop.procurement.models.requests import ApprovalStep, PurchaseRequest
from shop.procurement.models.settlements import Settlement
from shop.procurement.states import SETTLEMENT_STATES, STATES, STEP_STATES
from shop.procurement.wording import ACT_LABELS, CHANNEL_TEXTS, STEP_LABELS

# Sheet names, in order.
SHEET_LABELS = ("申请", "明细", "审批", "订单", "验收", "结算与开票", "付款记录", "经过")
HEAD_LABELS = {
    "fact": ("项目", "内容"),
    "line": ("序号", "收货人", "手机号", "地址", "货号", "商品", "规格", "销售方", "盒数", "单价", "金额", "订单号"),
    "step": ("轮次", "顺序", "由谁审批", "结果", "审批人", "时间", "意见", "内容指纹"),
    "order": ("订单号", "状态", "下单时间", "签收时间", "商品", "运费", "合计", "已付"),
    "accepted": ("验收单号", "订单号", "商品", "订购盒数", "验收盒数", "实收", "单位", "验收人", "时间", "备注"),
    "settled": ("结算单号", "销售方", "应付", "已付", "到期日", "状态", "开票申请号", "开票状态", "发票号码", "开票日期"),
    "paid": ("付款编号", "结算单号", "金额", "到账", "汇款附言码", "发起时间", "到账时间"),
    "history": ("时间", "事项", "经办", "说明", "内容指纹"),
}
FACT_LABELS = ("编号", "采购单位", "用途", "事由", "申请人", "状态", "合计", "提交时间", "内容指纹", "统计口径")


def make_evidence(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[Table]:
    """The sheets of the evidence file in the reader's language, every figure from the rows it stands for."""
    settlements = queries.list_settlements(session, request.id)
    bodies: Sequence[tuple[str, Sequence[Sequence[object]]]] = (
        ("fact", _facts(session, request, gettext)),
        ("line", _lines(session, request)),
        ("step", _steps(session, request, gettext)),
        ("order", _orders(session, request, gettext)),
        ("accepted", _accepted(session, request, gettext)),
        ("settled", _settled(session, settlements, gettext)),
        ("paid", _paid(session, settlements)),
        ("history", _history(session, request, gettext)),
    )
    return [
        Table(gettext(name), [gettext(text) for text in HEAD_LABELS[key]], rows)
        for name, (key, rows) in zip(SHEET_LABELS, bodies, strict=True)
    ]


def _facts(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[list[object]]:
    day = today_shanghai(request.submitted_at or request.created_at)
    channel = queries.find_channel(session, request.organization_id, day)
    label = gettext(CHANNEL_TEXTS["none"])
    if channel is not None:
        label = gettext(CHANNEL_TEXTS["recognised"]) % {"name": channel.name, "source": channel.source}
    values: list[object] = [
        request.code,
        get_organization(session, request.organization_id).name,
        gettext(PURPOSE_LABELS[request.purpose]),
        request.title,
        session.get_one(Person, request.requester_id).name,
        gettext(STATES.label(request.state)),
        Money(request.total_fen),
        request.submitted_at,
        request.content_hash,
        label,
    ]
    return [[gettext(name), value] for name, value in zip(FACT_LABELS, values, strict=True)]


def _lines(session: Session, request: PurchaseRequest) -> list[list[object]]:
    sellers = map_organizations(session, {line.seller_id for delivery in request.deliveries for line in delivery.lines})
    rows: list[list[object]] = []
    for delivery in request.deliveries:
        address = delivery.address
        where = " ".join(str(address.get(name, "")) for name in ("city", "district", "street") if address.get(name))
        for line in delivery.lines:
            rows.append(
                [
                    delivery.position, address["recipient"], address["phone"], where, line.sku, line.name, line.net_content,
                    sellers[line.seller_id].name, line.boxes, Money(line.unit_price_fen), Money(line.amount_fen), delivery.order_code,
                ]
            )  # fmt: skip
    return rows


def _steps(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[list[object]]:
    steps = session.scalars(
        select(ApprovalStep).where(ApprovalStep.request_id == request.id).order_by(ApprovalStep.round, ApprovalStep.level)
    ).all()
    names = {
        row.id: row.name
        for row in session.execute(select(Person.id, Person.name).where(Person.id.in_({s.decided_by for s in steps})))
    }
    return [
        [
            step.round, step.level, gettext(STEP_LABELS[step.role]), gettext(STEP_STATES.label(step.state)),
            names.get(step.decided_by) if step.decided_by else None, step.decided_at, step.remark, step.content_hash,
        ]
        for step in steps
    ]  # fmt: skip


def _orders(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[list[object]]:
    return [
        [
            order.code, gettext(ORDER_STATES.label(order.state)), order.placed_at, order.delivered_at, Money(order.items_fen),
            Money(order.freight_fen), Money(order.total_fen), Money(order.paid_fen),
        ]
        for order in queries.list_orders_of_request(session, request)
    ]  # fmt: skip


def _accepted(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[list[object]]:
    return [
        [
            row.code, row.order_code, found["name"], found["ordered"], found["boxes"], found["amount"],
            gettext(Unit(found["unit"]).label), row.inspector, row.at, row.note,
        ]
        for row in queries.list_acceptances(session, request.id)
        for found in row.found
    ]  # fmt: skip


def _settled(session: Session, settlements: Sequence[Settlement], gettext: Gettext) -> list[list[object]]:
    sellers = map_organizations(session, {settlement.seller_id for settlement in settlements})
    invoices = list_invoices_of(session, [settlement.code for settlement in settlements])
    rows: list[list[object]] = []
    for settlement in settlements:
        asked = [invoice for invoice in invoices if invoice.subject_code == settlement.code]
        first: list[object] = [
            settlement.code, sellers[settlement.seller_id].name, Money(settlement.amount_fen), Money(settlement.paid_fen),
            settlement.due_on, gettext(SETTLEMENT_STATES.label(settlement.state)),
        ]  # fmt: skip
        rows += [
            [*first, invoice.code, gettext(INVOICE_STATES.label(invoice.state)), invoice.invoice_number, invoice.issued_on]
            for invoice in asked
        ] or [[*first, None, None, None, None]]
    return rows


def _paid(session: Session, settlements: Sequence[Settlement]) -> list[list[object]]:
    return [
        [
            payment.code, payment.order_code, Money(payment.amount_fen), Money(payment.captured_fen), payment.remittance_code,
            payment.created_at, payment.captured_at,
        ]
        for payment in list_payments_of(session, [settlement.code for settlement in settlements])
    ]  # fmt: skip


def _history(session: Session, request: PurchaseRequest, gettext: Gettext) -> list[list[object]]:
    return [
        [entry.at, gettext(ACT_LABELS[entry.act]), entry.by, entry.note, entry.content_hash]
        for entry in queries.list_history(session, request.id)
    ]
