"""The doors of invoice requests: who may come in, and the seller's way from request to red-letter correction."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from catalog.parties.models import SYSTEM, Actor, Role
from shop.invoices import queries
from shop.invoices.models import InvoiceRequest
from shop.invoices.states import InvoiceState
from tests.factories.catalog import act_as, form, make_actor, make_organization
from tests.factories.invoices import USCC, make_document, make_invoice_request, make_uscc

NUMBER = "26112000000012345678"


def again(session: Session, invoice: InvoiceRequest) -> InvoiceRequest:
    session.expire_all()
    return session.get_one(InvoiceRequest, invoice.id)


@pytest.fixture
def clerk_and_invoice(session: Session) -> tuple[Actor, InvoiceRequest]:
    seller = make_organization(session, is_demo=False, uscc=make_uscc())
    clerk = make_actor(session, Role.clerk, seller)
    invoice = make_invoice_request(session, seller.id)
    session.flush()
    return clerk, invoice


def issued(**over: Any) -> dict[str, Any]:
    return form(**({"invoice_number": NUMBER, "amount": "128.00", "buyer_tax_number": USCC, "issued_on": "2026-11-22"} | over))


def test_from_request_to_correction(
    app: Flask, client: FlaskClient, session: Session, clerk_and_invoice: tuple[Actor, InvoiceRequest]
) -> None:
    clerk, invoice = clerk_and_invoice
    session.commit()
    act_as(app, clerk)
    assert invoice.code in client.get("/invoices/").get_data(as_text=True)
    wrong = client.post(f"/invoices/{invoice.code}/issued", data=issued(amount="127.99"))
    assert wrong.status_code == 422
    assert "127.99" in wrong.get_data(as_text=True), "what was typed is kept"
    assert "¥128.00" in wrong.get_data(as_text=True)
    typed = issued()
    for _ in range(2):
        assert client.post(f"/invoices/{invoice.code}/issued", data=typed).status_code == 302
    assert again(session, invoice).invoice_number == NUMBER
    page = client.get(f"/invoices/{invoice.code}?lang=en").get_data(as_text=True)
    assert NUMBER in page
    assert "Invoice number" in page
    red = form(red_number=NUMBER[::-1], red_on="2026-11-22", reason="抬头写错")
    assert client.post(f"/invoices/{invoice.code}/red", data=red).status_code == 302
    assert again(session, invoice).state is InvoiceState.RED


def test_strangers_find_nothing(
    app: Flask, client: FlaskClient, session: Session, clerk_and_invoice: tuple[Actor, InvoiceRequest]
) -> None:
    _, invoice = clerk_and_invoice
    session.commit()
    assert client.get(f"/invoices/{invoice.code}").status_code == 302
    act_as(app, make_actor(session, Role.clerk))
    assert client.get(f"/invoices/{invoice.code}").status_code == 404
    assert client.post(f"/invoices/{invoice.code}/issued", data=issued()).status_code == 404
    act_as(app, make_actor(session))
    assert client.get(f"/invoices/{invoice.code}").status_code == 404
    assert client.post(f"/invoices/{invoice.code}/issued", data=issued()).status_code == 403
    assert client.post(f"/invoices/{invoice.code}/withdraw", data=form()).status_code == 404
    assert again(session, invoice).state is InvoiceState.REQUESTED


def test_without_the_guard_strangers_would_read_it(
    app: Flask,
    client: FlaskClient,
    session: Session,
    clerk_and_invoice: tuple[Actor, InvoiceRequest],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    _, invoice = clerk_and_invoice
    session.commit()
    everything = queries.visible_to(SYSTEM)
    monkeypatch.setattr(queries, "visible_to", lambda actor: everything)
    act_as(app, make_actor(session))
    assert client.get(f"/invoices/{invoice.code}").status_code == 200


def test_the_buyer_takes_a_request_back(app: Flask, client: FlaskClient, session: Session) -> None:
    buyer = make_actor(session)
    invoice = make_invoice_request(session, buyer_person_id=buyer.person_id)
    session.commit()
    act_as(app, buyer)
    assert client.post(f"/invoices/{invoice.code}/withdraw", data=form()).status_code == 302
    assert again(session, invoice).state is InvoiceState.WITHDRAWN


def test_a_wrong_day_is_named(
    app: Flask, client: FlaskClient, session: Session, clerk_and_invoice: tuple[Actor, InvoiceRequest]
) -> None:
    clerk, invoice = clerk_and_invoice
    session.commit()
    act_as(app, clerk)
    for bad in ({"issued_on": "soon"}, {"amount": "lots"}, {"amount": "-1"}, {"invoice_number": ""}):
        assert client.post(f"/invoices/{invoice.code}/issued", data=issued(**bad)).status_code == 422


def test_the_sellers_software_and_the_invoices_own_file(
    app: Flask, client: FlaskClient, session: Session, clerk_and_invoice: tuple[Actor, InvoiceRequest]
) -> None:
    clerk, invoice = clerk_and_invoice
    session.commit()
    act_as(app, clerk)
    said = client.get(f"/invoices/{invoice.code}.json").get_json()
    assert (said["request"], said["amount_fen"], said["buyer"]["tax_number"]) == (invoice.code, 12_800, USCC)
    path = f"/invoices/{invoice.code}/document"

    def upload(content: bytes) -> TestResponse:
        return client.post(path, data=form(document=(BytesIO(content), "发票.xml")), content_type="multipart/form-data")

    assert "读不出数电发票" in upload(b"%PDF-1.7").text
    assert "127.99" in upload(make_document(invoice, amount="127.99")).text
    assert again(session, invoice).state is InvoiceState.REQUESTED
    assert upload(make_document(invoice)).status_code == 302
    assert upload(make_document(invoice, number=NUMBER[::-1], amount="-128.00")).status_code == 302
    assert (again(session, invoice).state, again(session, invoice).red_number) == (InvoiceState.RED, NUMBER[::-1])
    act_as(app, make_actor(session))
    assert client.get(f"/invoices/{invoice.code}.json").status_code in (403, 404)
