"""One timeline for an order, pure: money, stock, parcels, messages, cases and staff's acts in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from kernel.clock import to_shanghai
from kernel.errors import Gettext
from kernel.money import Money
from logistics.shipments.queries import Tracking
from logistics.stock.models import Allocation
from shop.backoffice.models import AuditEntry
from shop.cases.models import Case
from shop.invoices.models import InvoiceRequest
from shop.notices.models import Notice
from shop.orders.models import Order
from shop.payments.models import Payment, Refund
from traceability.scan.models import ScanTally

Entry = tuple[datetime, str, str]
WHAT_LABELS: Mapping[str, str] = {
    "refund.proposed": "提出退款",
    "refund.agreed": "同意退款",
    "refund.refused": "拒绝退款",
    "contact.opened": "查看收货人信息",
    "outbox.retried": "重试停下的事件",
    "account.set": "改收款账户",
    "statement.imported": "导入银行流水",
    "statement.assigned": "认领到账",
    "refund.sent_again": "重新办理退款",
    "refund.paid_back": "登记已转账退款",
    "coupon.issued": "发放优惠码",
    "coupon.ended": "停用优惠码",
    "order.cancelled": "取消订单",
    "invoice.recorded": "登记发票",
    "invoice.red": "登记红字发票",
    "case.taken": "经办工单",
    "case.answered": "答复工单",
    "case.closed": "结案",
    "return.received": "登记收到退货",
    "return.refused": "不同意退货",
    "return.refunded": "办完退货",
    "review.hidden": "隐藏评价",
    "review.shown": "重新显示评价",
    "erasure.proposed": "提出删除个人信息",
    "erasure.decided": "删除个人信息",
    "erasure.refused": "不同意删除个人信息",
}


@dataclass(frozen=True)
class Trail:
    """All that is known of an order."""

    order: Order
    payments: Sequence[Payment]
    refunds: Sequence[Refund]
    allocations: Sequence[Allocation]
    tracking: Sequence[Tracking]
    notices: Sequence[tuple[Notice, str]]
    cases: Sequence[Case]
    audit: Sequence[AuditEntry]
    invoices: Sequence[InvoiceRequest] = ()
    scans: Sequence[ScanTally] = ()


def tell_all(trail: Trail, gettext: Gettext) -> list[Mapping[str, str]]:
    """Entries for ``parts.timeline``, oldest first."""
    _ = gettext
    entries: list[Entry] = [(trail.order.placed_at, _("已下单"), str(Money(trail.order.total_fen)))]
    if trail.allocations:
        first = min(row.allocated_at for row in trail.allocations)
        entries.append((first, _("已分配库存"), _("%(boxes)s 盒") % {"boxes": sum(row.quantity for row in trail.allocations)}))
    entries += _money(trail, gettext)
    for parcel in trail.tracking:
        entries += _parcel(parcel, gettext)
    entries += [(notice.created_at, _("消息"), words) for notice, words in trail.notices]
    entries += [(case.opened_at, _("工单"), case.code) for case in trail.cases]
    entries += [(case.closed_at, _("工单已结案"), case.code) for case in trail.cases if case.closed_at is not None]
    entries += [(row.asked_at, _("申请开票"), row.code) for row in trail.invoices]
    entries += _scans(trail, gettext)
    entries += [(row.at, _(WHAT_LABELS.get(row.what, row.what)), row.actor) for row in trail.audit]
    ordered: Iterable[Entry] = sorted(entries, key=lambda entry: entry[0])
    return [{"time": f"{to_shanghai(at):%Y-%m-%d %H:%M}", "title": title, "text": text} for at, title, text in ordered]


def _money(trail: Trail, gettext: Gettext) -> list[Entry]:
    _ = gettext
    found = [
        (row.captured_at, _("已收款"), f"{Money(row.captured_fen)} {row.code}")
        for row in trail.payments
        if row.captured_at is not None
    ]
    found += [(row.created_at, _("申请退款"), str(Money(row.amount_fen))) for row in trail.refunds]
    found += [(row.done_at, _("已退款"), str(Money(row.amount_fen))) for row in trail.refunds if row.done_at is not None]
    return found


def _scans(trail: Trail, gettext: Gettext) -> list[Entry]:
    """Each box's first look and, when it was looked at again, the last."""
    _ = gettext
    found = [(row.first_at, _("第一次扫码"), row.subject) for row in trail.scans]
    again = [row for row in trail.scans if row.scans > 1]
    return found + [
        (row.last_at, _("最近一次扫码"), f"{row.subject} · {_('共 %(count)s 次') % {'count': row.scans}}") for row in again
    ]


def _parcel(parcel: Tracking, gettext: Gettext) -> list[Entry]:
    _ = gettext
    found: list[Entry] = []
    if parcel.packed_at is not None:
        found.append((parcel.packed_at, _("已装箱"), parcel.shipment_code))
    if parcel.dispatched_at is not None:
        found.append((parcel.dispatched_at, _("已发货"), parcel.waybill or ""))
    return found + [(step.at, step.text, step.city) for step in parcel.steps]
