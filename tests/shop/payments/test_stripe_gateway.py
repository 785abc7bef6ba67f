"""The gateway over the real SDK, against the local payment server as a process."""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from kernel.money import Money
from shop.config import Config
from shop.payments import stripe_gateway
from shop.payments.gateway import (
    BadSignature,
    Gateway,
    NoticeKind,
    PaymentDeclined,
    PaymentRequest,
    ProviderRefused,
    ProviderStatus,
    ProviderUnavailable,
    RefundStatus,
)
from shop.payments.stripe_gateway import StripeGateway, open_gateway, pay_origins
from tests.factories.twin import KEY, SECRET, TwinProcess


@pytest.fixture
def gateway(twin: TwinProcess) -> Gateway:
    return StripeGateway(KEY, SECRET, twin.url)


def request(key: str, **over: Any) -> PaymentRequest:
    values: dict[str, Any] = {
        "order_code": "ORD-7K3M-9Q",
        "amount": Money(12_800),
        "success_url": "http://shop.example/orders/ORD-7K3M-9Q",
        "cancel_url": "http://shop.example/orders/ORD-7K3M-9Q",
        "expires_at": datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1),
        "idempotency_key": key,
    }
    return PaymentRequest(**{**values, **over})


@pytest.mark.parametrize("method", ["card", "alipay", "wechat_pay"])
def test_from_open_to_paid(twin: TwinProcess, gateway: Gateway, method: str) -> None:
    opened = gateway.create_checkout(request(f"paid-{method}"))
    assert opened.url == f"{twin.url}/pay/{opened.reference}"
    before = gateway.read(opened.reference)
    assert (before.status, before.captured_fen, before.order_code) == (ProviderStatus.open, 0, "ORD-7K3M-9Q")
    intent = twin.control(f"sessions/{opened.reference}/pay", {"method": method})
    now = gateway.read(opened.reference)
    assert (now.status, now.amount_fen, now.captured_fen, now.refunded_fen) == (ProviderStatus.paid, 12_800, 12_800, 0)
    assert now.method == method
    assert now.paid_at
    assert abs((datetime.now(UTC) - now.paid_at).total_seconds()) < 60
    assert gateway.read(intent["id"]) == now
    assert gateway.close(opened.reference) == now


def sessions_of(twin: TwinProcess, order_code: str) -> list[str]:
    found = twin.client.v1.checkout.sessions.list({"limit": 100}).data
    return [each.id for each in found if each.client_reference_id == order_code]


def test_asking_again_gives_the_first_answer(twin: TwinProcess, gateway: Gateway) -> None:
    asked = request("again", order_code="ORD-AGAIN")
    opened = gateway.create_checkout(asked)
    assert gateway.create_checkout(asked) == opened
    with pytest.raises(ProviderRefused) as refused:
        gateway.create_checkout(request("again", order_code="ORD-AGAIN", amount=Money(1), expires_at=asked.expires_at))
    assert refused.value.code == "IdempotencyError"
    assert sessions_of(twin, "ORD-AGAIN") == [opened.reference]


def test_nothing_but_amount_currency_and_order_code_is_said(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: dict[str, Any] = {}
    real = stripe.RequestsClient.request

    def listen(self: Any, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        sent.update(headers=headers, body=post_data)
        return real(self, method, url, headers, post_data)

    monkeypatch.setattr(stripe.RequestsClient, "request", listen)
    gateway.create_checkout(request("said"))
    pairs = dict(pair.split("=", 1) for pair in sent["body"].split("&"))
    said = {value for name, value in pairs.items() if "url" not in name and "method" not in name and name != "expires_at"}
    assert said == {"payment", "ORD-7K3M-9Q", "1", "cny", "12800", "zh"}
    assert not stripe.enable_telemetry
    assert "X-Stripe-Client-Telemetry" not in sent["headers"]
    assert "telemetry_id" not in sent["headers"]["X-Stripe-Client-User-Agent"]


def test_close_is_final(twin: TwinProcess, gateway: Gateway) -> None:
    opened = gateway.create_checkout(request("close"))
    twin.control(f"sessions/{opened.reference}/pay", {"method": "alipay", "agree": None})
    assert gateway.close(opened.reference).status is ProviderStatus.expired
    assert gateway.close(opened.reference).status is ProviderStatus.expired
    with pytest.raises(AssertionError, match="cannot be paid"):
        twin.control(f"sessions/{opened.reference}/pay", {})


def test_refunds_ours_and_by_hand(twin: TwinProcess, gateway: Gateway) -> None:
    opened = gateway.create_checkout(request("refunds"))
    with pytest.raises(ProviderRefused):
        gateway.refund(opened.reference, Money(1), "early")
    twin.control(f"sessions/{opened.reference}/pay", {})
    first = gateway.refund(opened.reference, Money(800), "refund-1")
    assert (first.status, first.amount_fen, first.ours) == (RefundStatus.succeeded, 800, True)
    assert gateway.refund(opened.reference, Money(800), "refund-1") == first
    twin.control("refund", {"of": opened.reference, "amount": 2_000})
    now = gateway.read(opened.reference)
    assert (now.captured_fen, now.refunded_fen) == (12_800, 2_800)
    assert [(each.amount_fen, each.ours) for each in now.refunds] == [(800, True), (2_000, False)]
    with pytest.raises(ProviderRefused):
        gateway.refund(opened.reference, Money(10_001), "refund-2")
    gateway.refund(opened.reference, Money(10_000), "refund-3")
    with pytest.raises(ProviderRefused) as refused:
        gateway.refund(opened.reference, Money(1), "refund-4")
    assert refused.value.code == "charge_already_refunded"


def test_more_than_ten_refunds_are_all_seen(twin: TwinProcess, gateway: Gateway) -> None:
    opened = gateway.create_checkout(request("many"))
    twin.control(f"sessions/{opened.reference}/pay", {})
    for n in range(1, 13):
        twin.control("refund", {"of": opened.reference, "amount": n})
    assert [each.amount_fen for each in gateway.read(opened.reference).refunds] == list(range(1, 13))


def test_wallet_refund_pending_then_failed(twin: TwinProcess, gateway: Gateway) -> None:
    twin.control("settings", {"hold_refunds": True})
    opened = gateway.create_checkout(request("pending"))
    twin.control(f"sessions/{opened.reference}/pay", {"method": "wechat_pay"})
    made = gateway.refund(opened.reference, Money(800), "pending-1")
    assert made.status is RefundStatus.pending
    assert gateway.read(opened.reference).refunded_fen == 800
    twin.control(f"refunds/{made.reference}/settle", {"succeeded": False})
    now = gateway.read(opened.reference)
    assert (now.refunded_fen, now.refunds[0].status) == (0, RefundStatus.failed)


def test_disputes(twin: TwinProcess, gateway: Gateway) -> None:
    opened = gateway.create_checkout(request("dispute"))
    twin.control(f"sessions/{opened.reference}/pay", {})
    dispute = twin.control("dispute", {"of": opened.reference, "amount": 5_000})
    assert gateway.read(opened.reference).disputed_fen == 5_000
    twin.control(f"disputes/{dispute['id']}/decide", {"status": "won"})
    assert gateway.read(opened.reference).disputed_fen == 0


def test_webhooks_are_hints_that_lead_back_to_the_payment(twin: TwinProcess, gateway: Gateway) -> None:
    start = datetime.now(UTC) - timedelta(seconds=1)
    opened = gateway.create_checkout(request("hints"))
    twin.control(f"sessions/{opened.reference}/pay", {})
    twin.control("refund", {"of": opened.reference, "amount": 1})
    intent = twin.inbox.wait("checkout.session.completed", opened.reference)[0].data.object["payment_intent"]
    twin.inbox.wait("refund.created", intent)
    notices = [gateway.parse_webhook(each.body, each.signature) for each in twin.inbox.received]
    ours = {n.kind: n for n in notices if n.reference in (opened.reference, intent)}
    assert set(ours) == {NoticeKind.paid, NoticeKind.refunded}
    for notice in ours.values():
        assert notice.reference
        assert gateway.read(notice.reference).reference == opened.reference
    others = [n for n in notices if n.kind is NoticeKind.other]
    assert others
    assert all(n.reference is None for n in others)
    listed = [n for n in gateway.list_notices(start) if n.reference in (opened.reference, intent)]
    assert [n.kind for n in listed] == [NoticeKind.paid, NoticeKind.refunded, NoticeKind.refunded]
    assert {n.event_id for n in listed} <= {n.event_id for n in notices}


def test_forged_late_and_broken_webhooks(twin: TwinProcess, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    body = (
        '{"id": "evt_1", "object": "event", "type": "checkout.session.completed", "created": 1, "data": {"object": {"id": "cs_1"}}}'
    )
    sign = stripe.WebhookSignature.generate_signature_header
    assert gateway.parse_webhook(body.encode(), sign(body, SECRET)).reference == "cs_1"
    late = sign(body, SECRET, timestamp=int(time.time()) - 301)
    for payload, signature in (
        (body, None),
        (body, "nonsense"),
        (body, sign(body, "whsec_rotated_away")),
        (body, late),
        (body + " ", sign(body, SECRET)),
        ("[]", sign("[]", SECRET)),
        ("{}", sign("{}", SECRET)),
        ("no json", sign("no json", SECRET)),
    ):
        with pytest.raises(BadSignature):
            gateway.parse_webhook(payload.encode(), signature)
    with pytest.raises(BadSignature):
        gateway.parse_webhook(b"\xff\xfe", sign("x", SECRET))
    # The guards off: then a forged one and a late one pass.
    monkeypatch.setattr(stripe_gateway, "TOLERANCE", 0)
    assert gateway.parse_webhook(body.encode(), late)
    monkeypatch.setattr(stripe.WebhookSignature, "verify_header", lambda *_: True)
    assert gateway.parse_webhook(body.encode(), "forged")


@pytest.mark.parametrize("mode", ["down", "error", "garbage", "lost"])
def test_a_failing_provider_is_unavailable_and_the_same_key_finishes_once(twin: TwinProcess, gateway: Gateway, mode: str) -> None:
    asked = request(f"fail-{mode}", order_code=f"ORD-{mode}")
    twin.control("fault", {"mode": mode})
    with pytest.raises(ProviderUnavailable):
        gateway.create_checkout(asked)
    twin.control("fault", {"mode": None})
    opened = gateway.create_checkout(asked)
    assert sessions_of(twin, f"ORD-{mode}") == [opened.reference]


def test_one_failure_is_retried_by_the_sdk_without_a_second_effect(twin: TwinProcess, gateway: Gateway) -> None:
    opened = gateway.create_checkout(request("retry"))
    twin.control(f"sessions/{opened.reference}/pay", {})
    twin.control("fault", {"mode": "lost", "times": 1, "path": "/v1/refunds"})
    gateway.refund(opened.reference, Money(500), "retry-1")
    assert [each.amount_fen for each in gateway.read(opened.reference).refunds] == [500]


def test_a_slow_provider_is_given_up_in_ten_seconds(twin: TwinProcess, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    connect, read = stripe_gateway.TIMEOUT
    assert (stripe_gateway.RETRIES + 1) * read + 0.5 <= 10
    assert connect <= read
    monkeypatch.setattr(stripe_gateway, "TIMEOUT", (0.3, 0.3))
    impatient = StripeGateway(KEY, SECRET, twin.url)
    twin.control("fault", {"mode": "slow", "seconds": 2, "times": 2})
    with pytest.raises(ProviderUnavailable):
        impatient.create_checkout(request("slow"))


def test_nobody_listens(twin: TwinProcess) -> None:
    with pytest.raises(ProviderUnavailable):
        StripeGateway(KEY, SECRET, "http://127.0.0.1:9").read("cs_test_x")


def test_loopback_ignores_a_proxy(twin: TwinProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert StripeGateway(KEY, SECRET, twin.url).create_checkout(request("proxy"))


@pytest.mark.parametrize("answer", ["[]", '"text"', "{}", '{"id": 1}', "null", '{"error": "x"}'])
def test_json_of_another_shape_is_unavailable(gateway: Gateway, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(stripe.RequestsClient, "request", lambda *_: (answer.encode(), 200, {}))
    for act in (lambda: gateway.create_checkout(request("shape")), lambda: gateway.read("cs_x"), lambda: gateway.read("pi_x")):
        with pytest.raises(ProviderUnavailable):
            act()


def test_a_decline_is_the_buyers_affair(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"error": {"type": "card_error", "code": "card_declined", "message": "no"}}'
    monkeypatch.setattr(stripe.RequestsClient, "request", lambda *_: (body, 402, {}))
    with pytest.raises(PaymentDeclined):
        gateway.create_checkout(request("declined"))


def test_keys_are_never_logged(twin: TwinProcess, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = StripeGateway("sk_test_other_key", SECRET, twin.url)
    with pytest.raises(ProviderUnavailable) as refused:
        wrong.create_checkout(request("log"))
    right = StripeGateway(KEY, SECRET, twin.url)
    right.create_checkout(request("log"))
    told = caplog.text + str(refused.value) + repr(wrong) + repr(right)
    assert "AuthenticationError" in told
    for secret in ("sk_test_other_key", KEY, SECRET):
        assert secret not in told


def test_an_installation_opens_its_own_gateway(config: Config, twin: TwinProcess) -> None:
    assert pay_origins(config) == [twin.url]
    assert pay_origins(config, f"{twin.url}/pay/cs_1") == [twin.url]
    with pytest.raises(ProviderRefused):
        open_gateway(config).read("cs_unknown")


def test_without_a_local_server_it_is_stripe(config: Config) -> None:
    served = replace(config, stripe_api_base="")
    assert pay_origins(served) == ["https://checkout.stripe.com"]
    assert pay_origins(served, "https://pay.shop.example/c/1") == ["https://checkout.stripe.com", "https://pay.shop.example"]
