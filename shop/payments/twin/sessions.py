"""Checkout Sessions: a payment on a hosted page, open until paid or expired.

Source: Stripe API reference, "Checkout Sessions": expires between 30 minutes and 24 hours after it
was made; its PaymentIntent appears with the first attempt to pay.
"""

from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListParams,
    SessionRetrieveParams,
)

from shop.payments.twin import intents, objects
from shop.payments.twin.cards import Instrument
from shop.payments.twin.contract import LISTED, Act, Operation, takes
from shop.payments.twin.events import announce
from shop.payments.twin.listing import listed
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Obj

SHORTEST = 30 * 60
LONGEST = 24 * 3600


def get_session(act: Act, identifier: str) -> Obj:
    """The session as it is now (expired if its time is over), or 404."""
    session = act.tx.find("checkout.session", identifier)
    if session is None:
        raise missing("checkout.session", identifier, "session")
    if session["status"] == "open" and act.at >= session["expires_at"]:
        return expire(act, session)
    return session


def pay(act: Act, session: Obj, instrument: Instrument) -> Obj:
    """The buyer tries to pay an open session; returns its PaymentIntent."""
    if session["status"] != "open":
        raise Refusal(f"This Checkout Session is {session['status']}, it cannot be paid.")
    intent = _own_intent(act, session)
    if intent["status"] == "requires_action":  # went back from the wallet and chose again
        intent |= {"status": "requires_payment_method", "next_action": None}
    intent = intents.attempt(act, intent, instrument, session["success_url"])
    return conclude(act, intent)


def answer_action(act: Act, intent: Obj, agreed: bool) -> Obj:
    """The buyer agreed or refused on the wallet's page; a paid session is complete."""
    return conclude(act, intents.answer_action(act, intent, agreed))


def conclude(act: Act, intent: Obj) -> Obj:
    """Complete the session an intent belongs to, once the intent succeeded."""
    if intent.get("_session") and intent["status"] == "succeeded":
        session = get_session(act, intent["_session"])
        session |= {"status": "complete", "payment_status": "paid", "url": None}
        act.tx.save(session)
        announce(act, "checkout.session.completed", session)
    return intent


def expire(act: Act, session: Obj) -> Obj:
    """Close an open session unpaid, and the attempt that hangs on it."""
    if session["status"] != "open":
        raise Refusal(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session'
            f" has a status of `{session['status']}`."
        )
    session |= {"status": "expired", "url": None}
    act.tx.save(session)
    if session["payment_intent"]:
        intents.cancel(act, intents.get_intent(act, session["payment_intent"]), "automatic")
    announce(act, "checkout.session.expired", session)
    return session


def _own_intent(act: Act, session: Obj) -> Obj:
    if session["payment_intent"]:
        return intents.get_intent(act, session["payment_intent"])
    methods = session["payment_method_types"]
    more = {**session["_intent_data"], "_session": session["id"]}
    intent = intents.open_intent(act, session["amount_total"], methods, **more)
    session["payment_intent"] = intent["id"]
    act.tx.save(session)
    return intent


def _create(act: Act) -> Obj:
    params = act.params
    if params.get("mode") != "payment":
        raise Refusal("The local server implements mode=payment only.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise Refusal("The local server implements ui_mode=hosted_page only.", param="ui_mode")
    if "success_url" not in params:
        raise Refusal("Missing required param: success_url.", code="parameter_missing", param="success_url")
    methods = intents.check_methods(params.get("allowed_payment_method_types"))
    _check_wechat(params, methods)
    items = _line_items(act)
    names = ("success_url", "cancel_url", "client_reference_id", "locale", "metadata")
    more = {name: params[name] for name in names if name in params}
    session = objects.session(act.at, sum(item["amount_total"] for item in items), methods, **more)
    intents.check_amount(session["amount_total"], objects.CURRENCY, "line_items")
    session["expires_at"] = _end(act)
    session["url"] = f"{act.base}/pay/{session['id']}"
    session |= {"_line_items": items, "_intent_data": params.get("payment_intent_data", {})}
    return act.tx.add(session)


def _check_wechat(params: Obj, methods: list[str]) -> None:
    client = params.get("payment_method_options", {}).get("wechat_pay", {}).get("client")
    if "allowed_payment_method_types" in params and "wechat_pay" in methods and client != "web":
        param = "payment_method_options[wechat_pay][client]"
        raise Refusal(f"{param} must be `web` on a hosted page.", param=param)


def _end(act: Act) -> int:
    end: int = act.params.get("expires_at", act.at + LONGEST)
    if not act.at + SHORTEST <= end <= act.at + LONGEST:
        raise Refusal(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )
    return end


def _line_items(act: Act) -> list[Obj]:
    given = act.params.get("line_items") or []
    if not 1 <= len(given) <= 100:
        raise Refusal("line_items must have 1 to 100 entries.", param="line_items")
    items = []
    for index, line in enumerate(given):
        price, quantity = line.get("price_data", {}), line.get("quantity", 1)
        where = f"line_items[{index}]"
        if "unit_amount" not in price or "product_data" not in price or quantity < 1:
            raise Refusal(f"{where} needs price_data and a quantity of 1 or more.", param=where)
        intents.check_amount(price["unit_amount"], price["currency"], f"{where}[price_data]")
        items.append(
            {
                "id": objects.new_id("li"),
                "object": "item",
                "amount_subtotal": price["unit_amount"] * quantity,
                "amount_total": price["unit_amount"] * quantity,
                "currency": objects.CURRENCY,
                "description": price["product_data"]["name"],
                "quantity": quantity,
            }
        )
    return items


_CREATING = takes(
    "allowed_payment_method_types.*",
    "cancel_url",
    "client_reference_id",
    "expires_at",
    "line_items.*.price_data.currency",
    "line_items.*.price_data.product_data.name",
    "line_items.*.price_data.unit_amount",
    "line_items.*.quantity",
    "locale",
    "metadata.*",
    "mode",
    "payment_intent_data.description",
    "payment_intent_data.metadata.*",
    "payment_method_options.wechat_pay.client",
    "success_url",
    "ui_mode",
)
_ALL = "/v1/checkout/sessions"
OPERATIONS = (
    Operation("POST", _ALL, SessionCreateParams, _CREATING, _create),
    Operation("GET", f"{_ALL}/<id>", SessionRetrieveParams, takes(), get_session),
    Operation(
        "GET",
        _ALL,
        SessionListParams,
        takes(*LISTED, "payment_intent", "status"),
        lambda act: listed(act, "checkout.session", ("payment_intent", "status")),
    ),
    Operation(
        "POST",
        f"{_ALL}/<id>/expire",
        SessionExpireParams,
        takes(),
        lambda act, id: expire(act, get_session(act, id)),
    ),
)
