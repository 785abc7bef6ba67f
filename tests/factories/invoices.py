"""Valid invoice requests."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.requesting import InvoiceDraft, request_invoice
from tests.factories.catalog import AT, make_organization, make_person

USCC = "91110000600037341L"
_subjects = count(1)


def make_invoice_request(
    session: Session, seller_id: UUID | None = None, *, actor: Actor = SYSTEM, at: datetime = AT, **over: Any
) -> InvoiceRequest:
    """A request of a body for ¥128.00 to a (new) seller."""
    values: dict[str, Any] = {
        "subject_code": f"ORD-TEST-{next(_subjects)}-1",
        "seller_id": seller_id or make_organization(session, at=at, is_demo=False).id,
        "amount": Money(12_800),
        "title_kind": TitleKind.ORGANIZATION,
        "title": "示例采购单位",
        "tax_number": USCC,
    }
    if "buyer_organization_id" not in over and "buyer_person_id" not in over:
        values["buyer_person_id"] = make_person(session, at=at).id
    return request_invoice(session, actor, InvoiceDraft(**(values | over)), at=at)
