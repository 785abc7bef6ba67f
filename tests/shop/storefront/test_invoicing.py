"""A consumer asks for the invoice of what was paid and not given back, once, and nobody else does."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from catalog.parties.queries import get_organization
from kernel.clock import today_shanghai
from kernel.money import Money
from shop.cases.following import close_corrected
from shop.cases.models import Case
from shop.cases.queries import list_subjects
from shop.cases.states import ANSWER_WITHIN, CaseKind, CaseState
from shop.invoices.issuing import RED_WITHIN, record_issued, record_red
from shop.invoices.models import InvoiceCorrected, InvoiceRequest, TitleKind
from shop.invoices.states import InvoiceState
from shop.orders.cancelling import cancel_order
from shop.orders.models import Order, OrderRefunded, Receipt
from shop.payments.paying import request_refund
from shop.storefront import invoicing
from shop.storefront.invoicing import follow_refund
from tests.factories.catalog import AT, act_as, form, make_actor
from tests.factories.shop import make_goods, make_order, pay

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
    follow_refund(session, OrderRefunded(order.code, uuid4(), 5_000, AT))
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


def issue(session: Session, asked: InvoiceRequest) -> InvoiceRequest:
    return record_issued(
        session, SYSTEM, asked.code, invoice_number="示例-FP-000001", amount=Money(asked.amount_fen), buyer_tax_number="",
        issued_on=today_shanghai(AT), at=AT,
    )  # fmt: skip


def test_an_issued_invoice_whose_money_goes_back_needs_a_red_one(
    client: FlaskClient, session: Session, app: Flask, order: Order
) -> None:
    ask(client, order)
    asked = issue(session, session.scalars(select(InvoiceRequest)).one())
    part = order.sub_orders[0]
    give_back(session, 5_000)
    for _ in range(2):
        follow_refund(session, OrderRefunded(order.code, uuid4(), 5_000, AT))
    assert (asked.awaits_red, asked.red_due_at) == (True, AT + RED_WITHIN)
    case = session.scalars(select(Case)).one()
    assert (case.kind, case.due_at) == (CaseKind.INVOICE, AT + ANSWER_WITHIN[CaseKind.INVOICE])
    assert set(list_subjects(session, case.id)) == {asked.code, order.code}
    act_as(app, make_actor(session, Role.clerk, get_organization(session, part.seller_id)))
    assert asked.code in client.get("/invoices/?state=red_due").text
    assert "税务系统开红字发票" in client.get(f"/invoices/{asked.code}").text
    record_red(session, SYSTEM, asked.code, red_number="示例-FP-000002", red_on=today_shanghai(AT), reason="退款", at=AT)
    close_corrected(session, InvoiceCorrected(asked.code, "示例-FP-000002", AT))
    assert case.state is CaseState.CLOSED
    assert asked.code not in client.get("/invoices/?state=red_due").text


@pytest.mark.parametrize("compared", [True, False], ids=["compared", "guard off"])
def test_another_sellers_invoice_of_the_order_stays(
    session: Session, buyer: Actor, monkeypatch: pytest.MonkeyPatch, compared: bool
) -> None:
    goods = [make_goods(session, price=price) for price in (1_000, 2_500)]
    order = pay(session, make_order(session, {each.sku: 1 for each in goods}, buyer))
    title = invoicing.Title(TitleKind.PERSONAL, "个人", "", "")
    asked = [invoicing.ask_invoice(session, buyer, order.code, part.code, title, at=AT) for part in order.sub_orders]
    receipts = {receipt.sub_order_id: receipt.payment_id for receipt in session.scalars(select(Receipt))}
    request_refund(session, "person:x", receipts[order.sub_orders[0].id], Money(100), "坏了", "one", at=AT)
    if not compared:
        monkeypatch.setattr(invoicing, "sum_kept", lambda *_: 0)
    follow_refund(session, OrderRefunded(order.code, uuid4(), 100, AT))
    other = InvoiceState.REQUESTED if compared else InvoiceState.WITHDRAWN
    assert [invoice.state for invoice in asked] == [InvoiceState.WITHDRAWN, other]
