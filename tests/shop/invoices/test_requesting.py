"""Asking for an invoice: what is refused, and one request for one thing."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import OrganizationKind, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.invoices.models import TitleKind
from shop.invoices.queries import find_live, list_invoices, list_invoices_of
from shop.invoices.requesting import withdraw_invoice
from shop.invoices.states import InvoiceState
from tests.factories.catalog import make_actor, make_organization
from tests.factories.invoices import USCC, make_invoice_request


def test_a_request_has_a_number_of_its_seller(session: Session) -> None:
    seller = make_organization(session)
    invoice = make_invoice_request(session, seller.id)
    assert invoice.code == f"KP-{seller.code}-000001"
    assert invoice.state is InvoiceState.REQUESTED
    assert (invoice.tax_number, invoice.invoice_number) == (USCC, None)
    assert find_live(session, invoice.subject_code) is invoice


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"title": "  "}, "title"),
        ({"title": "长" * 101}, "title"),
        ({"tax_number": "91110000600037341X"}, "tax_number"),
        ({"tax_number": ""}, "tax_number"),
        ({"tax_number": "示例-USCC-000001"}, "tax_number"),
        ({"email": "not a mail"}, "email"),
        ({"amount": Money(0)}, "amount"),
    ],
)
def test_wrong_fields_are_named(session: Session, over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_invoice_request(session, **over)
    assert [error.field for error in caught.value.errors] == [field]


def test_a_person_needs_no_tax_number(session: Session) -> None:
    invoice = make_invoice_request(session, title_kind=TitleKind.PERSONAL, title="示例人", tax_number="ignored")
    assert invoice.tax_number is None


def test_one_thing_is_invoiced_once(session: Session) -> None:
    first = make_invoice_request(session)
    with pytest.raises(Conflict), session.begin_nested():
        make_invoice_request(session, first.seller_id, subject_code=first.subject_code)
    buyer = make_actor(session)
    with pytest.raises(NotFound):
        withdraw_invoice(session, buyer, first.code)


def test_a_request_taken_back_leaves_room_for_another(session: Session) -> None:
    buyer = make_actor(session)
    first = make_invoice_request(session, buyer_person_id=buyer.person_id)
    withdraw_invoice(session, buyer, first.code)
    second = make_invoice_request(session, first.seller_id, subject_code=first.subject_code, buyer_person_id=buyer.person_id)
    assert (first.number, second.number) == (1, 2), "the number of the first stays used"
    assert list_invoices_of(session, [first.subject_code]) == [first, second]
    with pytest.raises(Conflict):
        withdraw_invoice(session, buyer, first.code)


def test_the_seller_may_not_withdraw(session: Session) -> None:
    seller = make_organization(session)
    invoice = make_invoice_request(session, seller.id)
    with pytest.raises(Forbidden):
        withdraw_invoice(session, make_actor(session, Role.clerk, seller), invoice.code)


def test_each_sees_only_what_concerns_them(session: Session) -> None:
    office = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    buyer = make_actor(session)
    own = make_invoice_request(session, buyer_person_id=buyer.person_id)
    theirs = make_invoice_request(session, buyer_organization_id=office.id)
    assert list(list_invoices(session, buyer)) == [own]
    assert list(list_invoices(session, make_actor(session, Role.finance, office))) == [theirs]
    assert list(list_invoices(session, make_actor(session, Role.inspector, office))) == []
    assert set(list_invoices(session, make_actor(session, Role.operator))) >= {own, theirs}
