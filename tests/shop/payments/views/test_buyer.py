"""The buyer's way: a signed link, the provider's page, and back; with the local payment server as the provider."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel import clock
from shop.config import Config
from shop.payments import links, paying, stripe_gateway
from shop.payments.models import Payment, Provider
from shop.payments.remittance import show_remittance_code
from shop.payments.states import PaymentState
from tests.factories.catalog import form, make_organization
from tests.factories.payments import make_account, make_payment
from tests.factories.twin import TwinProcess

WECHAT = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148 MicroMessenger/8.0.50 NetType/WIFI"
)


@pytest.fixture
def payment(session: Session) -> Payment:
    payment = make_payment(session, 12_800, at=clock.now())
    session.flush()
    return payment


def link(config: Config, payment: Payment) -> str:
    return links.pay_path(config.secret_key, payment.code)


def token(config: Config, payment: Payment) -> str:
    return links.sign(config.secret_key, payment.code)


def go_and_pay(client: FlaskClient, config: Config, payment: Payment, **how: str) -> str:
    """From our page to the provider's, pay there, and where the browser is sent then (a path on this site)."""
    there = client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)})
    assert there.status_code == 303
    done = requests.post(
        there.location,
        data={"method": "card", "number": "4242 4242 4242 4242", "act": "pay"} | how,
        allow_redirects=False,
        timeout=10,
    )
    while done.status_code == 303 and "/authorize/" in done.headers["Location"]:
        page = requests.compat.urljoin(there.location, done.headers["Location"])
        done = requests.post(page, data={"act": "pay"}, allow_redirects=False, timeout=10)
    assert done.status_code == 303
    back = urlsplit(done.headers["Location"])
    return f"{back.path}?{back.query}"


def test_the_page(client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess) -> None:
    page = client.get(link(config, payment))
    assert page.status_code == 200
    assert "¥128.00" in page.text
    assert "去付款" in page.text
    assert "付款是模拟的" in page.text
    assert "请在浏览器打开" not in page.text
    assert f"form-action 'self' {twin.url}" in page.headers["Content-Security-Policy"]
    assert 'content="noindex"' in page.text
    english = client.get(f"{link(config, payment)}&lang=en").text
    assert "Pay ¥128.00" in english


@pytest.mark.parametrize(
    "path", ["/pay/{code}", "/pay/{code}?t=x", "/pay/PAY-NONE?t={t}", "/pay/{code}/return", "/pay/{code}/return?t=x"]
)
def test_without_the_token_there_is_no_page(client: FlaskClient, config: Config, payment: Payment, path: str) -> None:
    assert client.get(path.format(code=payment.code, t=token(config, payment))).status_code == 404


def test_no_paying_without_the_token(client: FlaskClient, payment: Payment) -> None:
    assert client.post(f"/pay/{payment.code}/stripe", data={"t": "x"}).status_code == 404
    assert client.post(f"/pay/{payment.code}/online", data=form(t="x")).status_code == 404


def test_without_the_signature_check_a_stranger_sees_the_page(
    client: FlaskClient, payment: Payment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "check", lambda *_: None)
    assert "¥128.00" in client.get(f"/pay/{payment.code}?t=forged").text


@pytest.mark.parametrize(
    ("how", "method"),
    [
        ({}, "card"),
        ({"number": "4000 0025 0000 3155"}, "card"),
        ({"method": "alipay"}, "alipay"),
        ({"method": "wechat_pay"}, "wechat_pay"),
    ],
)
def test_paying(
    client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess, session: Session, how: dict[str, str], method: str
) -> None:
    back = go_and_pay(client, config, payment, **how)
    assert back.startswith(f"/pay/{payment.code}/return?t=")
    done = client.get(back)
    assert "付款成功" in done.text
    assert f'href="/find-order?code={payment.order_code.removesuffix("-1")}"' in done.text
    session.expire_all()
    assert (payment.state, payment.captured_fen, payment.method) == (PaymentState.CAPTURED, 12_800, method)
    assert "这笔付款已经收到" in client.get(link(config, payment)).text
    assert client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)}).location == link(config, payment)


def test_double_clicking_leads_to_one_page(client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess) -> None:
    first, second = (client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)}).location for _ in range(2))
    assert first == second


def test_i_have_paid_asks_the_provider(
    client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess, session: Session
) -> None:
    """The buyer leaves the provider's page open in another application, pays there, and comes back by hand."""
    back = links.return_path(config.secret_key, payment.code)
    assert "还没有收到付款" in client.get(back).text
    client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)})
    assert "再查一次" in client.get(back).text
    session.expire_all()
    twin.control("webhooks", {"drop": True})
    twin.control(f"sessions/{payment.provider_reference}/pay", {})
    assert "付款成功" in client.get(back).text


def test_a_silent_provider_is_said_kindly(client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess) -> None:
    twin.control("fault", {"mode": "down", "path": "/v1/"})
    refused = client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)})
    assert refused.status_code == 503
    assert "还没有扣款" in refused.text
    twin.control("fault", {"mode": None})
    client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)})
    twin.control("fault", {"mode": "error", "path": "/v1/"})
    back = client.get(links.return_path(config.secret_key, payment.code))
    assert back.status_code == 200
    assert "不会重复扣款" in back.text


@pytest.mark.parametrize("mode", ["down", "error", "garbage", "lost", "slow"])
def test_whatever_ails_the_provider_the_buyer_is_told_and_charged_once(
    client: FlaskClient,
    config: Config,
    payment: Payment,
    twin: TwinProcess,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    mode: str,
) -> None:
    """Opening fails, and coming back fails, whichever way; then all is well, and there is one page and one charge."""
    if mode == "slow":  # 30 seconds; how long we wait at most is tried in test_cashier
        monkeypatch.setattr(stripe_gateway, "TIMEOUT", (0.3, 0.3))
    trouble = {"mode": mode, "seconds": 30, "path": "/v1/"}
    twin.control("fault", trouble)
    refused = client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)})
    assert refused.status_code == 503
    for said in ("还没有扣款", "去付款", f'href="/find-order?code={payment.order_code.removesuffix("-1")}"'):
        assert said in refused.text
    twin.control("fault", {"mode": None})
    monkeypatch.undo()
    back = go_and_pay(client, config, payment)
    twin.control("fault", trouble | {"mode": "error"})
    assert "不会重复扣款" in client.get(back).text
    twin.control("fault", {"mode": None})
    assert "付款成功" in client.get(back).text
    assert client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)}).location == link(config, payment)
    made = twin.client.v1.checkout.sessions.list({"limit": 100}).data
    assert [each.payment_status for each in made if each.client_reference_id == payment.order_code] == ["paid"]
    session.expire_all()
    assert payment.captured_fen == 12_800


def test_a_closed_payment_cannot_be_paid(
    client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess, session: Session
) -> None:
    payment.move(PaymentState.CLOSED)
    session.flush()
    assert "已经关闭" in client.get(link(config, payment)).text
    assert client.post(f"/pay/{payment.code}/stripe", data={"t": token(config, payment)}).status_code == 409
    assert "付款已关闭" in client.get(links.return_path(config.secret_key, payment.code)).text


def test_inside_wechat(client: FlaskClient, config: Config, payment: Payment, twin: TwinProcess) -> None:
    page = client.get(link(config, payment), headers={"User-Agent": WECHAT}).text
    assert "请在浏览器打开" in page
    assert f'value="{config.public_url}{link(config, payment)}"' in page


def test_a_seller_paid_by_transfer_only_is_offered_nothing_else(client: FlaskClient, config: Config, session: Session) -> None:
    seller = make_organization(session).id
    payment = make_payment(session, 12_800, provider=Provider.BANK_TRANSFER, seller_id=seller, at=clock.now())
    session.flush()
    unknown = client.get(link(config, payment)).text
    assert "还没有登记收款账户，请先不要付款" in unknown
    account = make_account(session, seller)
    session.flush()
    page = client.get(link(config, payment)).text
    assert account.number in page
    for shown in (unknown, page):
        assert "改用" not in shown
        assert f"/pay/{payment.code}/online" not in shown
    refused = client.post(f"/pay/{payment.code}/online", data=form(t=token(config, payment)))
    assert refused.status_code == 409
    assert "用对公转账直接付给销售方" in refused.text
    session.expire_all()
    assert payment.state is PaymentState.OPEN, "the transfer can still be made"


def test_without_that_guard_the_payment_starts(
    client: FlaskClient, config: Config, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    seller = make_organization(session).id
    payment = make_payment(session, 12_800, provider=Provider.BANK_TRANSFER, seller_id=seller, at=clock.now())
    session.flush()
    monkeypatch.setattr(paying, "takes_online", lambda _session, sellers: frozenset(sellers))
    assert client.post(f"/pay/{payment.code}/online", data=form(t=token(config, payment))).status_code == 303
    online = session.scalars(select(Payment).where(Payment.provider == Provider.STRIPE)).one()
    assert (online.seller_id, online.amount_fen) == (seller, 12_800)


def test_by_transfer(client: FlaskClient, config: Config, session: Session, twin: TwinProcess) -> None:
    payment = make_payment(session, 12_800, provider=Provider.BANK_TRANSFER, at=clock.now())
    session.flush()
    assert "还没有登记收款账户" in client.get(link(config, payment)).text
    account = make_account(session, payment.seller_id)
    session.flush()
    page = client.get(link(config, payment)).text
    for shown in (account.number, account.holder, account.bank, show_remittance_code(payment.remittance_code or "")):
        assert shown in page
    online = client.post(f"/pay/{payment.code}/online", data=form(t=token(config, payment)))
    assert online.status_code == 303
    assert "去付款" in client.get(online.location).text
    session.expire_all()
    assert payment.state is PaymentState.CLOSED
    assert client.post(f"/pay/{payment.code}/online", data=form(t=token(config, payment))).status_code == 409
