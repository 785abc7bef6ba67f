"""PaymentIntents and their charges: from `requires_payment_method` to `succeeded`, or back.

Source: Stripe documentation, "How PaymentIntents work" (life of a PaymentIntent), "Alipay payments",
"WeChat Pay payments". Capture is automatic; money is captured when the status becomes `succeeded`.
"""

from dataclasses import asdict
from urllib.parse import urlencode

from stripe.params import (
    ChargeListParams,
    ChargeRetrieveParams,
    PaymentIntentCancelParams,
    PaymentIntentConfirmParams,
    PaymentIntentCreateParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
)

from shop.payments.twin import cards, objects
from shop.payments.twin.cards import Instrument
from shop.payments.twin.contract import LISTED, Act, Operation, takes
from shop.payments.twin.disputes import open_dispute
from shop.payments.twin.events import announce
from shop.payments.twin.listing import listed
from shop.payments.twin.objects import METHODS
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Obj

LARGEST = 99_999_999
_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")
_REASONS = ("abandoned", "duplicate", "fraudulent", "requested_by_customer")


def get_intent(act: Act, identifier: str) -> Obj:
    """The intent, or 404."""
    intent = act.tx.find("payment_intent", identifier)
    if intent is None:
        raise missing("payment_intent", identifier, "intent")
    return intent


def get_charge(act: Act, identifier: str) -> Obj:
    """The charge, or 404."""
    charge = act.tx.find("charge", identifier)
    if charge is None:
        raise missing("charge", identifier)
    return charge


def open_intent(act: Act, amount: int, methods: list[str], **more: object) -> Obj:
    """Create an intent and say so."""
    intent = act.tx.add(objects.intent(act.at, amount, methods, **more))
    announce(act, "payment_intent.created", intent)
    return intent


def attempt(act: Act, intent: Obj, instrument: Instrument, return_url: str | None) -> Obj:
    """Try to pay. The intent ends `succeeded`, `requires_action`, or back at the start, declined."""
    if intent["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise _unexpected(intent, "confirm")
    if instrument.type not in intent["payment_method_types"]:
        raise Refusal(
            f"The PaymentMethod type {instrument.type} is not among the allowed types of this"
            f" PaymentIntent ({', '.join(intent['payment_method_types'])}).",
            param="payment_method",
        )
    intent |= {"payment_method": objects.new_id("pm"), "_instrument": asdict(instrument)}
    if instrument.outcome == "decline":
        return _decline(act, intent, instrument, instrument.code)
    if instrument.outcome == "challenge":
        return _ask_to_act(act, intent, instrument, return_url)
    return _succeed(act, intent, instrument)


def answer_action(act: Act, intent: Obj, agreed: bool) -> Obj:
    """The buyer came back from the wallet or the bank's page: agreed, or refused."""
    if intent["status"] != "requires_action":
        raise _unexpected(intent, "act on")
    instrument = Instrument(**intent["_instrument"])
    intent["next_action"] = None
    if not agreed:
        code = "payment_intent_authentication_failure"
        if instrument.type != "card":
            code = "payment_method_provider_decline"
        return _decline(act, intent, instrument, code)
    if instrument.declines:
        return _decline(act, intent, instrument, instrument.code)
    return _succeed(act, intent, instrument)


def cancel(act: Act, intent: Obj, reason: str | None) -> Obj:
    """Close an intent for good; refused once it succeeded."""
    if intent["status"] not in _OPEN:
        raise _unexpected(intent, "cancel")
    intent |= {"status": "canceled", "canceled_at": act.at, "cancellation_reason": reason}
    intent["next_action"] = None
    act.tx.save(intent)
    announce(act, "payment_intent.canceled", intent)
    return intent


def _succeed(act: Act, intent: Obj, instrument: Instrument) -> Obj:
    charge = act.tx.add(objects.charge(act.at, intent, instrument.details()))
    intent |= {"status": "succeeded", "amount_received": intent["amount"]}
    intent |= {"latest_charge": charge["id"], "last_payment_error": None, "next_action": None}
    act.tx.save(intent)
    announce(act, "charge.succeeded", charge)
    announce(act, "payment_intent.succeeded", intent)
    if instrument.disputed:
        open_dispute(act, charge, charge["amount"], "fraudulent")
    return intent


def _decline(act: Act, intent: Obj, instrument: Instrument, code: str) -> Obj:
    charge = objects.charge(act.at, intent, instrument.details())
    message = cards.MESSAGES.get(instrument.decline_code or "", "") or cards.MESSAGES[code]
    charge |= {"status": "failed", "paid": False, "captured": False, "amount_captured": 0}
    charge |= {"failure_code": code, "failure_message": message}
    act.tx.add(charge)
    error = {"code": code, "decline_code": instrument.decline_code, "message": message}
    error |= {"charge": charge["id"], "type": "card_error" if instrument.type == "card" else "invalid_request_error"}
    intent |= {"status": "requires_payment_method", "payment_method": None, "next_action": None}
    intent |= {"last_payment_error": error, "latest_charge": charge["id"]}
    act.tx.save(intent)
    announce(act, "charge.failed", charge)
    announce(act, "payment_intent.payment_failed", intent)
    return intent


def _ask_to_act(act: Act, intent: Obj, instrument: Instrument, return_url: str | None) -> Obj:
    page = f"{act.base}/authorize/{intent['id']}"
    if instrument.type == "wechat_pay":
        show: Obj = {"data": page, "hosted_instructions_url": page}
        show |= {"image_url_svg": f"{page}/qr.svg", "image_url_png": None, "image_data_url": None}
        action = {"type": "wechat_pay_display_qr_code", "wechat_pay_display_qr_code": show}
    else:
        kind = "alipay_handle_redirect" if instrument.type == "alipay" else "redirect_to_url"
        action = {"type": kind, kind: {"url": page, "return_url": return_url}}
        if return_url is None:
            raise Refusal(
                "A return_url must be specified because this payment method redirects.",
                param="return_url",
            )
    intent |= {"status": "requires_action", "next_action": action, "_return_url": return_url}
    act.tx.save(intent)
    announce(act, "payment_intent.requires_action", intent)
    return intent


def return_address(intent: Obj) -> str | None:
    """Where the buyer's browser goes after acting on an intent made without Checkout."""
    url: str | None = intent.get("_return_url")
    if url is None:
        return None
    status = "succeeded" if intent["status"] == "succeeded" else "failed"
    query = urlencode({"payment_intent": intent["id"], "redirect_status": status})
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _unexpected(intent: Obj, verb: str) -> Refusal:
    return Refusal(
        f"You cannot {verb} this PaymentIntent because it has a status of {intent['status']}.",
        code="payment_intent_unexpected_state",
        payment_intent=objects.public(intent),
    )


def check_methods(names: list[str] | None) -> list[str]:
    """The allowed method types; all three when none are named."""
    for name in names or ():
        if name not in METHODS:
            raise Refusal(
                f"The payment method type provided: {name} is invalid or not activated here.",
                param="allowed_payment_method_types",
            )
    return list(dict.fromkeys(names or METHODS))


def check_amount(amount: int, currency: str, param: str = "amount") -> None:
    """Whole fen between 1 and Stripe's eight digits, in CNY."""
    if currency.lower() != objects.CURRENCY:
        raise Refusal(f"Invalid currency: {currency}. This account takes cny.", param="currency")
    if amount < 1:
        raise Refusal("This value must be greater than or equal to 1.", param=param)
    if amount > LARGEST:
        raise Refusal("Amount must be no more than ¥999,999.99", code="amount_too_large", param=param)


def _instrument(params: Obj) -> Instrument | None:
    token = params.get("payment_method")
    if token is not None:
        if token not in cards.TOKENS:
            raise missing("PaymentMethod", token, "payment_method")
        return cards.TOKENS[token]
    kind = params.get("payment_method_data", {}).get("type")
    if kind is None:
        return None
    if kind not in cards.WALLETS:
        raise Refusal(
            f"Invalid payment_method_data[type]: {kind}; cards come as test tokens.",
            param="payment_method_data[type]",
        )
    return cards.WALLETS[kind]


def _confirm(act: Act, intent: Obj) -> Obj:
    if intent.get("_session"):
        raise Refusal("You cannot confirm this PaymentIntent because it was created by Checkout.")
    instrument = _instrument(act.params)
    if instrument is None:
        raise Refusal(
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
            code="payment_intent_unexpected_state",
        )
    client = act.params.get("payment_method_options", {}).get("wechat_pay", {}).get("client")
    if instrument.type == "wechat_pay" and client != "web":
        param = "payment_method_options[wechat_pay][client]"
        raise Refusal(f"Missing required param: {param}.", code="parameter_missing", param=param)
    intent = attempt(act, intent, instrument, act.params.get("return_url"))
    error = intent["last_payment_error"]
    if intent["status"] == "requires_payment_method" and error:
        raise Refusal(
            error["message"],
            status=402,
            kind="card_error",
            code=error["code"],
            keep=True,
            decline_code=error["decline_code"],
            charge=error["charge"],
            payment_intent=objects.public(intent),
        )
    return intent


def _create(act: Act) -> Obj:
    params = act.params
    check_amount(params["amount"], params["currency"])
    methods = check_methods(params.get("allowed_payment_method_types"))
    more = {name: params[name] for name in ("description", "metadata") if name in params}
    intent = open_intent(act, params["amount"], methods, **more)
    return _confirm(act, intent) if params.get("confirm") else intent


def _cancel(act: Act, id: str) -> Obj:
    intent = get_intent(act, id)
    if intent.get("_session"):
        raise Refusal("This PaymentIntent was created by Checkout: expire the session instead.")
    reason = act.params.get("cancellation_reason")
    if reason is not None and reason not in _REASONS:
        raise Refusal(f"Invalid cancellation_reason: {reason}", param="cancellation_reason")
    return cancel(act, intent, reason)


_PAYING = (
    "payment_method",
    "payment_method_data.type",
    "payment_method_options.wechat_pay.client",
    "return_url",
)
_CREATING = (
    *_PAYING,
    "amount",
    "currency",
    "allowed_payment_method_types.*",
    "confirm",
    "description",
    "metadata.*",
    "automatic_payment_methods.enabled",
)
_ONE = "/v1/payment_intents/<id>"
OPERATIONS = (
    Operation("POST", "/v1/payment_intents", PaymentIntentCreateParams, takes(*_CREATING), _create),
    Operation("GET", _ONE, PaymentIntentRetrieveParams, takes(), get_intent),
    Operation("GET", "/v1/payment_intents", PaymentIntentListParams, takes(*LISTED), lambda act: listed(act, "payment_intent")),
    Operation(
        "POST", f"{_ONE}/confirm", PaymentIntentConfirmParams, takes(*_PAYING), lambda act, id: _confirm(act, get_intent(act, id))
    ),
    Operation("POST", f"{_ONE}/cancel", PaymentIntentCancelParams, takes("cancellation_reason"), _cancel),
    Operation("GET", "/v1/charges/<id>", ChargeRetrieveParams, takes(), get_charge),
    Operation(
        "GET",
        "/v1/charges",
        ChargeListParams,
        takes(*LISTED, "payment_intent"),
        lambda act: listed(act, "charge", ("payment_intent",)),
    ),
)
