"""One line of time for everything about an order."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.orm import Session

from shop.backoffice.timeline import Trail, tell_all
from shop.payments.models import Refund
from tests.factories.catalog import AT
from tests.factories.invoices import make_invoice_request
from tests.shop.backoffice.paid import Paid
from traceability.scan.models import ScanTally


def test_entries_come_in_order_of_time(session: Session) -> None:
    paid = Paid(session)
    late = Refund(amount_fen=100, created_at=AT + timedelta(days=1), done_at=AT + timedelta(days=2))
    told = tell_all(Trail(paid.order, [paid.payment], [late], [], [], [], [], []), lambda text: text)
    assert [entry["title"] for entry in told] == ["已下单", "已收款", "申请退款", "已退款"]
    assert told[-1]["time"] == "2026-11-24 10:00"


def test_scans_and_invoices_are_in_it(session: Session) -> None:
    paid = Paid(session)
    scan = ScanTally(subject="ABCD1234", scans=3, first_at=AT + timedelta(days=1), last_at=AT + timedelta(days=3))
    asked = make_invoice_request(session, at=AT + timedelta(days=2))
    told = tell_all(Trail(paid.order, [], [], [], [], [], [], [], [asked], [scan]), lambda text: text)
    assert [entry["title"] for entry in told] == ["已下单", "第一次扫码", "申请开票", "最近一次扫码"]
    assert told[-1]["text"] == "ABCD1234 · 共 3 次"
