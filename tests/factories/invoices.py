"""Valid invoice requests."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session, object_session

from catalog.parties.models import SYSTEM, Actor, Organization
from catalog.parties.uscc import uscc_check_character
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.requesting import InvoiceDraft, request_invoice
from tests.factories.catalog import AT, make_organization, make_person

USCC = "91110000600037341L"
_subjects = count(1)
_sellers = count(1)


def make_uscc() -> str:
    """A number no other seller has, with its check character."""
    body = f"91110000{next(_sellers):09d}"
    return body + uscc_check_character(body)


def make_invoice_request(
    session: Session, seller_id: UUID | None = None, *, actor: Actor = SYSTEM, at: datetime = AT, **over: Any
) -> InvoiceRequest:
    """A request of a body for ¥128.00 to a (new) seller."""
    values: dict[str, Any] = {
        "subject_code": f"ORD-TEST-{next(_subjects)}-1",
        "seller_id": seller_id or make_organization(session, at=at, is_demo=False, uscc=make_uscc()).id,
        "amount": Money(12_800),
        "title_kind": TitleKind.ORGANIZATION,
        "title": "示例采购单位",
        "tax_number": USCC,
    }
    if "buyer_organization_id" not in over and "buyer_person_id" not in over:
        values["buyer_person_id"] = make_person(session, at=at).id
    return request_invoice(session, actor, InvoiceDraft(**(values | over)), at=at)


def make_document(invoice: InvoiceRequest, *, head: str = "", **over: str) -> bytes:
    """The XML of the 数电发票 that answers ``invoice``, as the tax system lets one download it."""
    seller = object_session(invoice).get_one(Organization, invoice.seller_id)  # type: ignore[union-attr]
    said = {
        "number": "26112000000012345678",
        "label": "01" if invoice.special else "02",
        "seller": seller.uscc or "",
        "buyer": invoice.title,
        "buyer_tax": invoice.tax_number or "",
        "amount": f"{invoice.amount_fen / 100:.2f}",
        "time": "2026-11-22 10:11:12",
    } | over
    return f"""<?xml version="1.0" encoding="UTF-8"?>{head}
<EInvoice><Header><EIid>{said["number"]}</EIid><InherentLabel><GeneralOrSpecialVAT><LabelCode>{said["label"]}</LabelCode>
</GeneralOrSpecialVAT></InherentLabel></Header><EInvoiceData>
<SellerInformation><SellerIdNum>{said["seller"]}</SellerIdNum><SellerName>示例合作社</SellerName></SellerInformation>
<BuyerInformation><BuyerIdNum>{said["buyer_tax"]}</BuyerIdNum><BuyerName>{said["buyer"]}</BuyerName></BuyerInformation>
<BasicInformation><TotalAmWithoutTax>117.43</TotalAmWithoutTax><TotalTax-includedAmount>{said["amount"]}</TotalTax-includedAmount></BasicInformation>
<IssuItemInformation><ItemName>*水果*示例</ItemName><TotaltaxIncludedAmount>1.00</TotaltaxIncludedAmount></IssuItemInformation>
</EInvoiceData><TaxSupervisionInfo><InvoiceNumber>{said["number"]}</InvoiceNumber><IssueTime>{said["time"]}</IssueTime>
</TaxSupervisionInfo></EInvoice>""".encode()
