"""What the seller issued: checked against the request, and kept for good."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.invoices.issuing import record_issued, record_red
from shop.invoices.models import InvoiceRequest
from shop.invoices.states import InvoiceState
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.invoices import USCC, make_invoice_request

NUMBER = "26112000000012345678"
TODAY = date(2026, 11, 22)


def issue(session: Session, invoice: InvoiceRequest, **over: Any) -> InvoiceRequest:
    values: dict[str, Any] = {
        "invoice_number": NUMBER,
        "amount": Money(invoice.amount_fen),
        "buyer_tax_number": USCC,
        "issued_on": TODAY,
        "at": AT,
    }
    return record_issued(session, over.pop("actor", SYSTEM), invoice.code, **(values | over))


def test_an_invoice_that_fits_is_recorded(session: Session) -> None:
    seller = make_organization(session, is_demo=False)
    invoice = make_invoice_request(session, seller.id)
    issue(session, invoice, actor=make_actor(session, Role.clerk, seller), invoice_number="2611 2000 0000 1234 5678")
    assert (invoice.state, invoice.invoice_number, invoice.issued_on) == (InvoiceState.ISSUED, NUMBER, TODAY)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"invoice_number": "123"}, "invoice_number"),
        ({"invoice_number": "示例-FP-000001"}, "invoice_number"),
        ({"amount": Money(12_801)}, "amount"),
        ({"buyer_tax_number": "91110000600037341X"}, "buyer_tax_number"),
        ({"issued_on": date(2026, 11, 23)}, "issued_on"),
    ],
)
def test_an_invoice_that_does_not_fit_is_refused(session: Session, over: dict[str, Any], field: str) -> None:
    invoice = make_invoice_request(session)
    with pytest.raises(Invalid) as caught:
        issue(session, invoice, **over)
    assert [error.field for error in caught.value.errors] == [field]
    assert invoice.state is InvoiceState.REQUESTED


def test_made_up_numbers_pass_for_a_made_up_seller_only(session: Session) -> None:
    invoice = make_invoice_request(session, make_organization(session, is_demo=True).id)
    assert issue(session, invoice, invoice_number="示例-FP-000001").state is InvoiceState.ISSUED


def test_a_number_is_recorded_once(session: Session) -> None:
    issue(session, make_invoice_request(session))
    with pytest.raises(Invalid):
        issue(session, make_invoice_request(session))


def test_only_the_seller_or_the_operator_records(session: Session) -> None:
    buyer = make_actor(session)
    invoice = make_invoice_request(session, buyer_person_id=buyer.person_id)
    with pytest.raises(Forbidden):
        issue(session, invoice, actor=buyer)
    with pytest.raises(NotFound):
        issue(session, invoice, actor=make_actor(session, Role.clerk))


def test_red_letter_then_a_new_request(session: Session, at: datetime) -> None:
    invoice = make_invoice_request(session)
    red = {"red_number": NUMBER[:-1] + "9", "red_on": TODAY, "reason": "抬头写错", "at": at}
    with pytest.raises(Conflict):
        record_red(session, SYSTEM, invoice.code, **red)
    issue(session, invoice)
    with pytest.raises(Conflict), session.begin_nested():
        make_invoice_request(session, invoice.seller_id, subject_code=invoice.subject_code)
    with pytest.raises(Invalid):
        record_red(session, SYSTEM, invoice.code, **(red | {"red_on": date(2026, 11, 1)}))
    assert record_red(session, SYSTEM, invoice.code, **red).state is InvoiceState.RED
    assert make_invoice_request(session, invoice.seller_id, subject_code=invoice.subject_code).number == 2


CHANGES = (
    "UPDATE invoices_request SET amount_fen = 1 WHERE code = :code",
    "UPDATE invoices_request SET invoice_number = '26112000000099999999' WHERE code = :code",
    "UPDATE invoices_request SET state = 'requested', invoice_number = NULL WHERE code = :code",
    "DELETE FROM invoices_request WHERE code = :code",
)


@pytest.mark.parametrize("change", CHANGES)
def test_an_issued_invoice_is_not_rewritten_not_even_by_sql(session: Session, change: str) -> None:
    invoice = issue(session, make_invoice_request(session))
    with pytest.raises(DBAPIError, match="not rewritten"), session.begin_nested():
        session.execute(text(change), {"code": invoice.code})


@pytest.mark.parametrize("change", CHANGES)
def test_without_the_trigger_it_could_be(session: Session, change: str) -> None:
    invoice = issue(session, make_invoice_request(session))
    session.execute(text("ALTER TABLE invoices_request DISABLE TRIGGER invoices_request_kept"))
    session.execute(text(change), {"code": invoice.code})
    left = session.execute(
        text("SELECT amount_fen, invoice_number FROM invoices_request WHERE id = :id"), {"id": invoice.id}
    ).first()
    assert left is None or tuple(left) != (12_800, NUMBER)


def test_what_was_asked_for_is_not_rewritten_either(session: Session) -> None:
    invoice = make_invoice_request(session)
    with pytest.raises(DBAPIError, match="not rewritten"), session.begin_nested():
        session.execute(text("UPDATE invoices_request SET title = '别人' WHERE code = :code"), {"code": invoice.code})
