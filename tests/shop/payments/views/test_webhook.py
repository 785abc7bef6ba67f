"""The provider's door: signed notices only, each acted on once, no 2xx before our commit."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel import clock
from shop.payments import paying
from shop.payments.cashier import Cashier
from shop.payments.gateway import NoticeKind, WebhookNotice
from shop.payments.models import Notice, Payment
from shop.payments.states import PaymentState
from shop.payments.stripe_gateway import StripeGateway
from tests.factories.payments import deliver, make_payment
from tests.factories.twin import Received, TwinProcess, until


@pytest.fixture
def payment(session: Session, cashier: Cashier, twin: TwinProcess) -> Payment:
    """A payment paid at the provider; its webhook is under way."""
    payment = make_payment(session, 12_800, at=clock.now())
    session.flush()
    cashier.open_page(payment.id, locale="zh")
    session.expire_all()
    twin.control(f"sessions/{payment.provider_reference}/pay", {})
    return payment


def sent(twin: TwinProcess, payment: Payment) -> Received:
    reference = str(payment.provider_reference).encode()
    return until(
        lambda: next((r for r in list(twin.inbox.received) if b"session.completed" in r.body and reference in r.body), None)
    )


def test_a_signed_notice(client: FlaskClient, app: Flask, twin: TwinProcess, payment: Payment, session: Session) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    notice = sent(twin, payment)
    assert deliver(client, notice).json == {"received": True, "fresh": True}
    assert deliver(client, notice).json == {"received": True, "fresh": False}
    session.expire_all()
    assert (payment.state, payment.captured_fen) == (PaymentState.CAPTURED, 12_800)


@pytest.mark.parametrize("signature", ["", "t=1,v1=00", "garbage"])
def test_a_forged_notice(client: FlaskClient, twin: TwinProcess, payment: Payment, session: Session, signature: str) -> None:
    answer = deliver(client, sent(twin, payment), signature=signature)
    assert answer.status_code == 403
    assert answer.mimetype == "application/problem+json"
    session.expire_all()
    assert payment.captured_fen == 0
    assert session.scalar(select(func.count(Notice.event_id))) == 0


def test_a_changed_body(client: FlaskClient, twin: TwinProcess, payment: Payment) -> None:
    real = sent(twin, payment)
    assert deliver(client, real, body=real.body.replace(b"12800", b"99999")).status_code == 403
    assert deliver(client, real, body=b"").status_code == 403
    assert deliver(client, real, body=b"x" * (512 * 1024 + 1)).status_code == 413


def test_without_the_signature_check_anything_is_heeded(
    client: FlaskClient, twin: TwinProcess, payment: Payment, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even then the money is only what the provider says: a forged notice is but a hint."""
    forged = WebhookNotice("evt_forged", NoticeKind.paid, payment.provider_reference, clock.now())
    monkeypatch.setattr(StripeGateway, "parse_webhook", lambda *_: forged)
    answer = deliver(client, Received(b"{}", "", 0))
    assert answer.status_code == 200
    session.expire_all()
    assert payment.captured_fen == 12_800


def test_no_answer_of_success_while_the_provider_cannot_be_read(
    client: FlaskClient, twin: TwinProcess, payment: Payment, session: Session
) -> None:
    notice = sent(twin, payment)
    twin.control("fault", {"mode": "error", "path": "/v1/checkout"})
    assert deliver(client, notice).status_code == 503
    twin.control("fault", {"mode": None})
    session.expire_all()
    assert payment.captured_fen == 0
    assert deliver(client, notice).status_code == 200
    session.expire_all()
    assert payment.captured_fen == 12_800


def test_no_answer_of_success_without_our_commit(
    app: Flask, twin: TwinProcess, payment: Payment, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    notice = sent(twin, payment)
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.testing = False
    client = app.test_client()
    with monkeypatch.context() as broken:
        broken.setattr(paying, "note_read", lambda *_, **__: 1 / 0)
        assert deliver(client, notice).status_code == 500
    assert session.get_one(Notice, session.scalars(select(Notice.event_id)).one()).handled_at is None
    assert deliver(client, notice).json == {"received": True, "fresh": True}


def test_kinds_we_do_not_act_on_are_accepted(client: FlaskClient, twin: TwinProcess, payment: Payment) -> None:
    other = until(
        lambda: next((r for r in list(twin.inbox.received) if b'"payment_intent.' in r.body and b"session" not in r.body), None)
    )
    assert deliver(client, other).status_code == 200
