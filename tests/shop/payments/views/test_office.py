"""The office's pages: who may open them, what they show, and statements through their door."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from catalog.parties import access
from catalog.parties.models import Organization, Role
from kernel.money import Money
from shop.payments.models import Notice, PayeeAccount, Payment, Provider, StatementImport, StatementLine
from shop.payments.paying import count_capture, request_refund
from shop.payments.refunding import claim_refund, note_refused
from shop.payments.states import PaymentState, RefundState
from tests.factories.catalog import AT, act_as, form, make_actor, make_organization
from tests.factories.payments import make_account, make_captured, make_payment

PAGES = ("/payments/", "/payments/refunds", "/payments/statement")


@pytest.fixture
def seller(session: Session) -> Organization:
    return session.get_one(Organization, make_account(session).seller_id)


@pytest.fixture
def payment(session: Session, seller: Organization) -> Payment:
    payment = make_payment(session, 10_000, provider=Provider.BANK_TRANSFER, seller_id=seller.id)
    session.flush()
    return payment


def upload(client: FlaskClient, seller: Organization, content: bytes, name: str = "流水.csv", **more: Any) -> TestResponse:
    data = form(seller=seller.code, file=(io.BytesIO(content), name)) | more
    return client.post("/payments/statement", data=data, content_type="multipart/form-data")


def csv_of(payment: Payment, amount: str = "100.00") -> bytes:
    return f"日期,金额,付款人,附言\n2026-11-22,{amount},示例采购单位,{payment.remittance_code}\n".encode("gbk")


@pytest.mark.parametrize("page", PAGES)
def test_strangers_stay_outside(client: FlaskClient, app: Flask, session: Session, page: str) -> None:
    assert client.get(page).location.startswith("/sign-in")
    act_as(app, make_actor(session, Role.clerk))
    assert client.get(page).status_code == 403


def test_without_the_guard_a_clerk_comes_in(
    client: FlaskClient, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    monkeypatch.setattr(access.Actor, "has", lambda *_: True)
    assert client.get("/payments/").status_code == 200


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("lang", ["zh_Hans_CN", "en"])
def test_pages_open(client: FlaskClient, app: Flask, session: Session, page: str, lang: str) -> None:
    act_as(app, make_actor(session, Role.operator))
    assert client.get(page, query_string={"lang": lang}).status_code == 200


def test_the_list_and_one_payment(client: FlaskClient, app: Flask, session: Session) -> None:
    act_as(app, make_actor(session, Role.operator))
    payments = [make_captured(session, 12_345) for _ in range(3)]
    payments[0].disputed_fen = 12_345
    session.add(
        Notice(
            event_id="evt_1",
            provider=Provider.STRIPE,
            kind="paid",
            reference="cs_strange",
            happened_at=AT,
            received_at=AT,
            handled_at=AT,
            last_error="no_such_payment",
        )
    )
    session.flush()
    page = client.get("/payments/", query_string={"state": "captured"}).text
    assert all(payment.code in page for payment in payments)
    assert "cs_strange" in page
    assert "拒付" in page
    assert payments[0].code not in client.get("/payments/", query_string={"state": "closed"}).text
    found = client.get("/payments/", query_string={"q": payments[0].order_code.lower()}).text
    assert payments[0].code in found
    request_refund(session, "tester", payments[0].id, Money(100), "坏果", "k", AT)
    session.flush()
    one = client.get(f"/payments/{payments[0].code}").text
    assert "坏果" in one
    assert "银行正在拒付" in one
    assert client.get("/payments/PAY-NONE").status_code == 404
    assert payments[0].code in client.get("/payments/?after=x").text, "a cursor that is none starts at the first page"


def test_paging(client: FlaskClient, app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from shop.payments.views import office

    monkeypatch.setattr(office, "PAGE", 2)
    act_as(app, make_actor(session, Role.auditor))
    payments = [make_payment(session) for _ in range(3)]
    session.flush()
    first = client.get("/payments/").text
    assert payments[2].code in first
    assert payments[0].code not in first
    second = client.get("/payments/", query_string={"after": str(payments[1].id)}).text
    assert payments[0].code in second
    assert payments[2].code not in second


def test_a_statement(client: FlaskClient, app: Flask, session: Session, seller: Organization, payment: Payment) -> None:
    act_as(app, make_actor(session, Role.finance, seller))
    done = upload(client, seller, csv_of(payment))
    assert done.status_code == 302
    page = client.get(done.location).text
    assert "已入账，金额相符" in page
    assert payment.order_code in page
    again = client.get(upload(client, seller, csv_of(payment)).location).text
    assert "没有重复入账" in again
    session.expire_all()
    assert payment.state is PaymentState.CAPTURED
    assert "流水.csv" in client.get("/payments/statement").text
    assert client.get(f"/payments/{payment.code}").status_code == 403
    act_as(app, make_actor(session, Role.finance))
    assert client.get(done.location).status_code == 403


def test_the_same_form_twice_imports_once(
    client: FlaskClient, app: Flask, session: Session, seller: Organization, payment: Payment
) -> None:
    act_as(app, make_actor(session, Role.operator))
    once_key = form()
    first = upload(client, seller, csv_of(payment), **once_key)
    second = upload(client, seller, csv_of(payment), **once_key)
    assert first.location == second.location
    assert len(session.scalars(select(StatementImport)).all()) == 1
    assert upload(client, seller, csv_of(payment, "1.00"), **once_key).status_code == 422


@pytest.mark.parametrize(
    ("content", "status", "words"),
    [
        (b"", 422, "空的"),
        (b"\x00\x01", 422, "不是 CSV"),
        ("姓名,电话\n".encode(), 422, "没有找到表头"),
        ("日期,金额\n".encode(), 422, "没有流水"),
    ],
    ids=["empty", "binary", "other", "no rows"],
)
def test_bad_files(
    client: FlaskClient, app: Flask, session: Session, seller: Organization, content: bytes, status: int, words: str
) -> None:
    act_as(app, make_actor(session, Role.operator))
    refused = upload(client, seller, content)
    assert refused.status_code == status
    assert words in refused.text
    assert session.scalars(select(StatementImport)).all() == []


def test_20_megabytes(client: FlaskClient, app: Flask, session: Session) -> None:
    act_as(app, make_actor(session, Role.operator))
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + b"x" * (20 * 1024 * 1024) + b"\r\n--x--"
    )
    refused = client.post("/payments/statement", data=body, content_type="multipart/form-data; boundary=x")
    assert refused.status_code == 413
    assert "太大" in refused.text


def test_no_file_chosen(client: FlaskClient, app: Flask, session: Session, seller: Organization) -> None:
    act_as(app, make_actor(session, Role.operator))
    assert "请选择银行导出的" in client.post("/payments/statement", data=form(seller=seller.code)).text


def test_another_sellers_statement(
    client: FlaskClient, app: Flask, session: Session, seller: Organization, payment: Payment
) -> None:
    act_as(app, make_actor(session, Role.finance))
    assert upload(client, seller, csv_of(payment)).status_code == 403
    session.expire_all()
    assert payment.captured_fen == 0


def test_formula_cells_are_shown_as_text(client: FlaskClient, app: Flask, session: Session, seller: Organization) -> None:
    act_as(app, make_actor(session, Role.operator))
    content = "日期,金额,付款人,附言\n2026-11-22,1.00,<script>alert(1)</script>,=cmd|x\n".encode()
    page = client.get(upload(client, seller, content).location).text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "=cmd|x" in page


def test_assigning(client: FlaskClient, app: Flask, session: Session, seller: Organization, payment: Payment) -> None:
    act_as(app, make_actor(session, Role.finance, seller))
    upload(client, seller, "日期,金额,付款人,附言\n2026-11-22,100.00,示例采购单位,忘了\n".encode())
    (line,) = session.scalars(select(StatementLine))
    assert "示例采购单位" in client.get("/payments/statement").text
    wrong = client.post(f"/payments/statement/lines/{line.id}/assign", data=form(code="SH-1"))
    assert wrong.status_code == 422
    assert "没有找到这笔转账付款" in wrong.text
    client.post(f"/payments/statement/lines/{line.id}/assign", data=form(code=payment.remittance_code))
    session.expire_all()
    assert payment.captured_fen == 10_000


def test_accounts(client: FlaskClient, app: Flask, session: Session) -> None:
    seller = make_organization(session)
    fields = {"account_seller": seller.code, "holder": "示例合作社", "bank": "示例银行", "number": "6222 0000 0000 0001"}
    act_as(app, make_actor(session, Role.finance, seller))
    assert client.post("/payments/accounts", data=form(**fields)).status_code == 403
    act_as(app, make_actor(session, Role.operator))
    assert client.post("/payments/accounts", data=form(**fields | {"number": "=1"})).status_code == 422
    assert client.post("/payments/accounts", data=form(**fields)).status_code == 302
    assert session.get_one(PayeeAccount, seller.id).number == "6222000000000001"


def test_refunds_to_tend(client: FlaskClient, app: Flask, session: Session, seller: Organization, payment: Payment) -> None:
    card = make_captured(session)
    failed = request_refund(session, "tester", card.id, Money(5_000), "cancelled", "a", AT)
    claim_refund(session, failed.id, at=AT)
    note_refused(session, failed.id, "charge_disputed", at=AT)
    count_capture(session, payment, 10_000, method="bank_transfer", at=AT)
    back = request_refund(session, "tester", payment.id, Money(5_000), "paid_twice", "b", AT)
    session.flush()
    act_as(app, make_actor(session, Role.operator))
    page = client.get("/payments/refunds").text
    assert "charge_disputed" in page
    assert "重复付款或多付" in page
    client.post(f"/payments/refunds/{failed.id}/again", data=form())
    client.post(f"/payments/refunds/{back.id}/paid-back", data=form(reference="2026112200001"))
    session.expire_all()
    assert (failed.state, back.state) == (RefundState.REQUESTED, RefundState.DONE)
