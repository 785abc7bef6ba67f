"""The same scenarios against the local payment server and, with a test key at hand, against Stripe itself.

They hold the local server to Stripe's behaviour: `STRIPE_LIVE_TEST_KEY=sk_test_… pytest -m live` (an account
that takes CNY, Alipay and WeChat Pay).
"""

from __future__ import annotations

import os
import time
import uuid
from typing import Any

import pytest
import stripe

from tests.factories.twin import TwinProcess


@pytest.fixture(params=["twin", pytest.param("live", marks=pytest.mark.live)])
def client(request: pytest.FixtureRequest) -> stripe.StripeClient:
    if request.param == "twin":
        twin: TwinProcess = request.getfixturevalue("twin")
        return twin.client
    key = os.environ.get("STRIPE_LIVE_TEST_KEY", "")
    if not key.startswith("sk_test_"):
        pytest.skip("STRIPE_LIVE_TEST_KEY is not set")
    return stripe.StripeClient(key)


def pay(client: stripe.StripeClient, token: str = "pm_card_visa") -> stripe.PaymentIntent:
    return client.v1.payment_intents.create(
        {
            "amount": 12_800,
            "currency": "cny",
            "allowed_payment_method_types": ["card"],
            "confirm": True,
            "payment_method": token,
            "metadata": {"order_code": "ORD-TEST"},
            "expand": ["latest_charge.refunds"],
        }
    )


def test_card_then_partial_refund_then_too_much(client: stripe.StripeClient) -> None:
    made = pay(client)
    assert (made.status, made.amount_received) == ("succeeded", 12_800)
    assert isinstance(made.latest_charge, stripe.Charge)
    assert (made.latest_charge.amount_captured, made.latest_charge.metadata["order_code"]) == (12_800, "ORD-TEST")
    refund = client.v1.refunds.create(
        {"payment_intent": made.id, "amount": 2_800, "reason": "requested_by_customer", "metadata": {"case": "1"}}
    )
    assert (refund.amount, refund.currency, refund.reason) == (2_800, "cny", "requested_by_customer")
    assert refund.status in ("succeeded", "pending")
    with pytest.raises(stripe.InvalidRequestError) as over:
        client.v1.refunds.create({"payment_intent": made.id, "amount": 10_001})
    assert over.value.param == "amount"
    client.v1.refunds.create({"payment_intent": made.id})
    with pytest.raises(stripe.InvalidRequestError) as again:
        client.v1.refunds.create({"payment_intent": made.id})
    assert again.value.code == "charge_already_refunded"


def test_decline(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as declined:
        pay(client, "pm_card_chargeDeclined")
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert declined.value.error
    assert declined.value.error.decline_code == "generic_decline"
    assert declined.value.error.payment_intent
    assert declined.value.error.payment_intent.status == "requires_payment_method"


def test_alipay_asks_to_go_elsewhere(client: stripe.StripeClient) -> None:
    made = client.v1.payment_intents.create(
        {
            "amount": 12_800,
            "currency": "cny",
            "allowed_payment_method_types": ["alipay"],
            "confirm": True,
            "payment_method_data": {"type": "alipay"},
            "return_url": "https://example.com/back",
        }
    )
    assert made.status == "requires_action"
    assert made.next_action
    assert made.next_action.type == "alipay_handle_redirect"
    assert client.v1.payment_intents.cancel(made.id).status == "canceled"


def test_idempotency(client: stripe.StripeClient) -> None:
    params: Any = {"amount": 500, "currency": "cny", "allowed_payment_method_types": ["card"]}
    options: Any = {"idempotency_key": str(uuid.uuid4())}
    first = client.v1.payment_intents.create(params, options)
    assert client.v1.payment_intents.create(params, options).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({**params, "amount": 501}, options)


def test_checkout_opens_and_expires(client: stripe.StripeClient) -> None:
    session = client.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "client_reference_id": "ORD-TEST",
            "allowed_payment_method_types": ["card", "alipay", "wechat_pay"],
            "payment_method_options": {"wechat_pay": {"client": "web"}},
            "line_items": [
                {"quantity": 2, "price_data": {"currency": "cny", "unit_amount": 6_400, "product_data": {"name": "ORD-TEST"}}}
            ],
            "success_url": "https://example.com/done?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://example.com/basket",
            "expires_at": int(time.time()) + 3600,
            "locale": "zh",
        }
    )
    assert (session.status, session.payment_status, session.amount_total, session.currency) == ("open", "unpaid", 12_800, "cny")
    assert session.url
    assert session.id.startswith("cs_test_")
    assert client.v1.checkout.sessions.expire(session.id).status == "expired"
    assert client.v1.checkout.sessions.retrieve(session.id).url is None
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.expire(session.id)


def test_unknown_parameters_and_objects(client: stripe.StripeClient) -> None:
    unknown: Any = {"amount": 500, "currency": "cny", "colour": "red"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.payment_intents.create(unknown)
    assert (refused.value.code, refused.value.param) == ("parameter_unknown", "colour")
    with pytest.raises(stripe.InvalidRequestError) as none:
        client.v1.refunds.retrieve("re_none")
    assert (none.value.http_status, none.value.code) == (404, "resource_missing")
