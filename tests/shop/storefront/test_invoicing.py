"""A consumer asks for the invoice of what was paid and not given back, once, and nobody else does."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.states import InvoiceState
from shop.orders.cancelling import cancel_order
from shop.orders.models import Order, OrderRefunded, Receipt
from shop.payments.paying import request_refund
from shop.storefront import invoicing
from shop.storefront.invoicing import withdraw_outdated
from tests.factories.catalog import AT, act_as, form, make_actor
from tests.factories.shop import make_order, pay

USCC = "91110000600037341L"


@pytest.fixture
def buyer(app: Flask, session: Session) -> Actor:
    actor = make_actor(session)
    act_as(app, actor)
    return actor


@pytest.fixture
def order(session: Session, buyer: Actor) -> Order:
    return pay(session, make_order(session, actor=buyer))


def ask(client: FlaskClient, order: Order, **over: str) -> tuple[int, str]:
    values = {"part": f"{order.code}-1", "title_kind": "personal", "title": "个人", "tax_number": "", "email": ""}
    answer = client.post(f"/orders/{order.code}/invoice", data=form(**(values | over)))
    return answer.status_code, answer.text


def test_a_person_asks_and_sees_the_request(client: FlaskClient, session: Session, order: Order) -> None:
    assert "申请发票" in client.get(f"/orders/{order.code}").text
    page = client.get(f"/orders/{order.code}/invoice?part={order.code}-1").text
    assert "价税合计" in page
    assert ask(client, order)[0] == 302
    asked = session.scalars(select(InvoiceRequest)).one()
    assert (asked.title_kind, asked.amount_fen, asked.subject_code) == (TitleKind.PERSONAL, order.total_fen, f"{order.code}-1")
    shown = client.get(f"/orders/{order.code}").text
    assert asked.code in shown
    assert "/invoice?part=" not in shown
    assert client.get(f"/invoices/{asked.code}").status_code == 200


def test_what_was_given_back_is_not_on_it(client: FlaskClient, session: Session, order: Order) -> None:
    give_back(session, 5_000)
    ask(client, order)
    assert session.scalars(select(InvoiceRequest.amount_fen)).one() == order.total_fen - 5_000, "asked for, if not there yet"


def give_back(session: Session, fen: int) -> None:
    receipt = session.scalars(select(Receipt)).one()
    request_refund(session, "person:x", receipt.payment_id, Money(fen), "坏了", f"case-{fen}", at=AT)


def test_not_once_it_was_cancelled(client: FlaskClient, session: Session, buyer: Actor, order: Order) -> None:
    cancel_order(session, buyer, order.code, reason="", at=AT)
    assert ask(client, order)[0] == 409


def test_a_request_nobody_answered_is_withdrawn_when_money_goes_back(client: FlaskClient, session: Session, order: Order) -> None:
    ask(client, order)
    give_back(session, 5_000)
    withdraw_outdated(session, OrderRefunded(order.code, uuid4(), 5_000, AT))
    assert session.scalars(select(InvoiceRequest.state)).one() is InvoiceState.WITHDRAWN
    assert ask(client, order)[0] == 302
    assert set(session.scalars(select(InvoiceRequest.amount_fen))) == {order.total_fen, order.total_fen - 5_000}


def test_a_body_needs_its_tax_number_and_what_was_typed_stays(client: FlaskClient, session: Session, order: Order) -> None:
    status, page = ask(client, order, title_kind="organization", title="示例科技有限公司", tax_number="123", email="kein-at")
    assert status == 422
    assert 'value="示例科技有限公司"' in page
    assert 'value="kein-at"' in page
    assert session.scalars(select(InvoiceRequest)).all() == []
    assert ask(client, order, title_kind="organization", title="示例科技有限公司", tax_number=USCC)[0] == 302


def test_asked_once(client: FlaskClient, order: Order) -> None:
    assert ask(client, order)[0] == 302
    status, page = ask(client, order)
    assert status == 409
    assert "已经申请过开票" in page


def test_not_before_it_is_paid(client: FlaskClient, session: Session, buyer: Actor) -> None:
    order = make_order(session, actor=buyer)
    assert "/invoice?part=" not in client.get(f"/orders/{order.code}").text
    assert ask(client, order)[0] == 409


def test_nobody_elses(app: Flask, client: FlaskClient, session: Session, order: Order) -> None:
    act_as(app, make_actor(session))
    assert ask(client, order)[0] == 404
    from catalog.parties.models import Role

    act_as(app, make_actor(session, Role.operator))
    assert ask(client, order)[0] == 403, "the operator sees the order, and asks for nothing in the buyer's name"


def test_with_that_guard_off_the_operator_would(
    app: Flask, client: FlaskClient, session: Session, order: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    from catalog.parties.models import Role

    act_as(app, make_actor(session, Role.operator))
    monkeypatch.setattr(invoicing, "is_own", lambda *_: True)
    assert ask(client, order)[0] == 302


def test_a_part_of_another_order(client: FlaskClient, session: Session, order: Order) -> None:
    assert ask(client, order, part="ORD-0000-0000-00-1")[0] == 404
