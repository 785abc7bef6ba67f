"""Any code finds its thing, however it is typed."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.clock import today_shanghai
from kernel.money import Money
from shop.backoffice.queries import overview, search
from shop.cases.handling import open_case
from shop.cases.states import CaseKind
from shop.invoices.issuing import record_issued
from shop.payments.refunding import request_refund
from tests.factories.catalog import AT
from tests.factories.invoices import USCC, make_invoice_request
from tests.shop.backoffice.paid import Paid
from traceability.lots.models import Lot, TradeItem

INVOICE = "26112000000012345678"


def test_codes_of_every_kind(session: Session) -> None:
    paid = Paid(session)
    lot = session.scalars(select(Lot).where(Lot.product_sku == paid.order.lines[0].sku)).first()
    serial = session.scalars(select(TradeItem.serial)).first()
    assert lot is not None
    assert serial is not None
    case = open_case(session, paid.buyer, CaseKind.PARCEL, subjects=[paid.order.code], text="?", at=AT)
    invoice = make_invoice_request(session)
    record_issued(
        session, SYSTEM, invoice.code, invoice_number=INVOICE, amount=Money(12_800), buyer_tax_number=USCC, issued_on=today_shanghai(AT),
        at=AT,
    )  # fmt: skip
    refund = request_refund(session, "x", paid.payment.id, Money(500), "坏了", "one", AT)
    refund.provider_reference = "re_known"
    session.flush()
    wanted = {
        INVOICE: "invoice", "re_known": "payment",
        paid.order.code: "order", paid.order.sub_orders[0].code: "sub_order", paid.order.lines[0].code: "line", paid.payment.code: "payment",
        str(paid.payment.provider_reference): "payment", lot.code: "lot", serial: "serial", case.code: "case",
    }  # fmt: skip
    for text, kind in wanted.items():
        assert kind in {hit.kind for hit in search(session, text)}, text
    assert search(session, f" {paid.order.code.lower().replace('-', ' ')} ")[0].code == paid.order.code
    assert search(session, "") == []
    assert search(session, "' OR 1=1 --") == []


def test_figures_of_today(session: Session) -> None:
    Paid(session)
    found = overview(session, AT)
    assert (found.orders_today, found.unpaid, found.parked) == (1, 0, 0)
