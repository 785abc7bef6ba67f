"""The JSON shapes of what the API returns, with the fields an integration reads (API of the pinned SDK).

Names that start with `_` are the twin's own notes on an object; `public` leaves them out.
"""

import secrets
import string
from typing import Any

from shop.payments.twin.store import Obj

CURRENCY = "cny"
METHODS = ("card", "alipay", "wechat_pay")
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """An unguessable id such as `pi_…`."""
    return prefix + "_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def public(value: Any) -> Any:
    """The object as the outside sees it."""
    if isinstance(value, dict):
        return {name: public(item) for name, item in value.items() if not name.startswith("_")}
    if isinstance(value, list):
        return [public(item) for item in value]
    return value


def intent(at: int, amount: int, methods: list[str], **more: Any) -> Obj:
    """A PaymentIntent that waits for a payment method."""
    identifier = new_id("pi")
    return {
        "id": identifier,
        "object": "payment_intent",
        "allowed_payment_method_types": methods,
        "amount": amount,
        "amount_capturable": 0,
        "amount_received": 0,
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{identifier}_secret_{new_id('k')[2:]}",
        "confirmation_method": "automatic",
        "created": at,
        "currency": CURRENCY,
        "customer": None,
        "description": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "payment_method": None,
        "payment_method_types": methods,
        "status": "requires_payment_method",
        **more,
    }


def charge(at: int, intent: Obj, method: Obj) -> Obj:
    """A successful charge of the whole intent; `method` is its `payment_method_details`."""
    return {
        "id": new_id("ch"),
        "object": "charge",
        "amount": intent["amount"],
        "amount_captured": intent["amount"],
        "amount_refunded": 0,
        "balance_transaction": None,
        "billing_details": {"address": None, "email": None, "name": None, "phone": None},
        "captured": True,
        "created": at,
        "currency": intent["currency"],
        "customer": None,
        "description": intent["description"],
        "disputed": False,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": dict(intent["metadata"]),
        "outcome": {"network_status": "approved_by_network", "type": "authorized", "reason": None},
        "paid": True,
        "payment_intent": intent["id"],
        "payment_method": intent["payment_method"],
        "payment_method_details": method,
        "receipt_url": None,
        "refunded": False,
        "status": "succeeded",
    }


def session(at: int, amount: int, methods: list[str], **more: Any) -> Obj:
    """An open Checkout Session in mode `payment`, on a hosted page."""
    return {
        "id": new_id("cs_test", 58),
        "object": "checkout.session",
        "allowed_payment_method_types": methods,
        "amount_subtotal": amount,
        "amount_total": amount,
        "cancel_url": None,
        "client_reference_id": None,
        "client_secret": None,
        "created": at,
        "currency": CURRENCY,
        "custom_fields": [],
        "customer": None,
        "customer_details": None,
        "customer_email": None,
        "expires_at": at + 24 * 3600,
        "livemode": False,
        "locale": None,
        "metadata": {},
        "mode": "payment",
        "payment_intent": None,
        "payment_method_types": methods,
        "payment_status": "unpaid",
        "shipping_options": [],
        "status": "open",
        "success_url": None,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page",
        "url": None,
        **more,
    }


def refund(at: int, charge: Obj, amount: int, **more: Any) -> Obj:
    """A refund of part or all of a charge."""
    return {
        "id": new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": None,
        "receipt_number": None,
        "status": "succeeded",
        **more,
    }


def dispute(at: int, charge: Obj, amount: int, reason: str) -> Obj:
    """A dispute (拒付) that waits for an answer."""
    return {
        "id": new_id("dp"),
        "object": "dispute",
        "amount": amount,
        "balance_transactions": [],
        "charge": charge["id"],
        "created": at,
        "currency": charge["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {},
        "evidence_details": {
            "due_by": at + 7 * 24 * 3600,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": charge["payment_intent"],
        "reason": reason,
        "status": "needs_response",
    }


def event(at: int, kind: str, subject: Obj, request: Obj | None, version: str) -> Obj:
    """An event with a snapshot of the object it is about."""
    return {
        "id": new_id("evt"),
        "object": "event",
        "account": None,
        "api_version": version,
        "created": at,
        "data": {"object": public(subject)},
        "livemode": False,
        "pending_webhooks": 0,
        "request": request or {"id": None, "idempotency_key": None},
        "type": kind,
    }
