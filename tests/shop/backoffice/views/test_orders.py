"""The page of one order: masked, complete; refunds through the doors."""

from __future__ import annotations

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel.idempotency import ClaimedKey
from shop.backoffice.models import AuditEntry
from shop.payments.models import Refund
from tests.factories.catalog import act_as, form, make_actor
from tests.shop.backoffice.paid import Paid

PHONE = "13900000000"


def test_a_phone_is_masked_until_asked_for_and_then_recorded(session: Session, app: Flask, client: FlaskClient) -> None:
    paid = Paid(session)
    url = f"/backoffice/orders/{paid.order.code}"
    act_as(app, make_actor(session, Role.auditor))
    assert client.post(f"{url}/contact", data=form(reason="?")).status_code == 403
    act_as(app, paid.first)
    page = client.get(url).text
    assert PHONE not in page
    assert "139****0000" in page
    assert "示例路 1 号" not in page
    assert client.post(f"{url}/contact", data=form(reason="快递联系不上")).status_code == 302
    assert PHONE in client.get(url).text
    entry = session.scalars(select(AuditEntry).where(AuditEntry.what == "contact.opened")).one()
    assert (entry.subject, entry.after) == (paid.order.code, {"reason": "快递联系不上"})
    act_as(app, make_actor(session, Role.auditor))
    assert PHONE not in client.get(url).text, "the auditor never sees it, whatever the cookie says"
    assert not any(PHONE in kept.body for kept in session.scalars(select(ClaimedKey)))


def test_refunds_by_one_and_by_two(session: Session, app: Flask, client: FlaskClient) -> None:
    paid = Paid(session)
    url = f"/backoffice/orders/{paid.order.code}"
    act_as(app, paid.first)
    bad = client.post(f"{url}/refunds", data=form(payment=paid.payment.code, amount="abc", reason="留着"))
    assert (bad.status_code, "留着" in bad.text) == (422, True)
    sent = form(payment=paid.payment.code, amount="20.00", reason="坏了一盒")
    assert [client.post(f"{url}/refunds", data=sent).status_code for _ in range(2)] == [302, 302]
    assert client.post(f"{url}/refunds", data=form(payment=paid.payment.code, amount="600", reason="全坏")).status_code == 302
    assert list(session.scalars(select(Refund.amount_fen))) == [2_000]
    page = client.get(url).text
    assert "同意退款</button>" not in page
    act_as(app, paid.second)
    agree = client.get(url).text.split('action="' + url + "/refunds/")[1].split('"')[0]
    assert client.post(f"{url}/refunds/{agree}", data=form()).status_code == 302
    assert sorted(session.scalars(select(Refund.amount_fen))) == [2_000, 60_000]
    assert client.get(url + "?lang=en").status_code == 200


def test_the_list_by_state(session: Session, app: Flask, client: FlaskClient) -> None:
    paid = Paid(session)
    act_as(app, paid.first)
    assert paid.order.code in client.get("/backoffice/orders/?state=paid").text
    assert paid.order.code not in client.get("/backoffice/orders/?state=placed").text
    assert client.get("/backoffice/orders/ORD-NONE").status_code == 404
