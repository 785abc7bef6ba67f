"""Refunds: never more than was captured, all refunds of a charge together.

Source: Stripe documentation, "Refund and cancel payments": a card refund succeeds at once; a wallet
refund (alipay, wechat_pay) is `pending` first and announced again when it succeeds or fails.
"""

from stripe.params import RefundCreateParams, RefundListParams, RefundRetrieveParams

from shop.payments.twin import objects
from shop.payments.twin.contract import LISTED, Act, Operation, takes
from shop.payments.twin.disputes import is_held
from shop.payments.twin.events import announce
from shop.payments.twin.intents import get_charge, get_intent
from shop.payments.twin.listing import listed
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Obj

REASONS = ("duplicate", "fraudulent", "requested_by_customer")


def refuse_over_cap(charge: Obj, amount: int) -> None:
    """The guard: an amount above what is left of the charge is refused."""
    left = charge["amount_captured"] - charge["amount_refunded"]
    if left == 0:
        raise Refusal(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    if amount > left:
        raise Refusal(
            f"Refund amount ({amount}) is greater than unrefunded amount on charge ({left})",
            param="amount",
        )


def give_back(act: Act, charge: Obj, amount: int | None, **more: object) -> Obj:
    """Refund `amount` fen (all that is left when None) of a charge."""
    if charge["status"] != "succeeded":
        raise Refusal(f"Charge {charge['id']} was not paid: there is nothing to refund.")
    if is_held(act, charge):
        raise Refusal(f"Charge {charge['id']} has been charged back.", code="charge_disputed")
    amount = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    refuse_over_cap(charge, amount)
    if amount < 1:
        raise Refusal("Invalid positive integer", param="amount")
    at_once = charge["payment_method_details"]["type"] == "card"
    more["status"] = "succeeded" if at_once else "pending"
    refund = act.tx.add(objects.refund(act.at, charge, amount, **more))
    _count(act, charge, amount)
    announce(act, "refund.created", refund)
    announce(act, "charge.refunded", charge)
    return refund


def settle(act: Act, refund: Obj, succeeded: bool) -> Obj:
    """A pending refund succeeds, or fails and its money is back with the seller."""
    if refund["status"] != "pending":
        raise Refusal(f"This refund is {refund['status']}, not pending.")
    refund["status"] = "succeeded" if succeeded else "failed"
    if not succeeded:
        refund["failure_reason"] = "declined"
        _count(act, get_charge(act, refund["charge"]), -refund["amount"])
    act.tx.save(refund)
    announce(act, "refund.updated" if succeeded else "refund.failed", refund)
    return refund


def _count(act: Act, charge: Obj, amount: int) -> None:
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] == charge["amount_captured"]
    act.tx.save(charge)


def get_refund(act: Act, id: str) -> Obj:
    """The refund, or 404."""
    refund = act.tx.find("refund", id)
    if refund is None:
        raise missing("refund", id)
    return refund


def _create(act: Act) -> Obj:
    params = act.params
    if ("charge" in params) == ("payment_intent" in params):
        raise Refusal("One of charge or payment_intent must be provided.", code="parameter_missing")
    if params.get("reason", REASONS[0]) not in REASONS:
        raise Refusal(f"Invalid reason: must be one of {', '.join(REASONS)}", param="reason")
    more = {name: params[name] for name in ("reason", "metadata") if name in params}
    if "charge" in params:
        return give_back(act, get_charge(act, params["charge"]), params.get("amount"), **more)
    intent = get_intent(act, params["payment_intent"])
    if intent["status"] != "succeeded":
        raise Refusal(f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.")
    return give_back(act, get_charge(act, intent["latest_charge"]), params.get("amount"), **more)


_CREATING = takes("amount", "charge", "payment_intent", "reason", "metadata.*")
OPERATIONS = (
    Operation("POST", "/v1/refunds", RefundCreateParams, _CREATING, _create),
    Operation("GET", "/v1/refunds/<id>", RefundRetrieveParams, takes(), get_refund),
    Operation(
        "GET",
        "/v1/refunds",
        RefundListParams,
        takes(*LISTED, "charge", "payment_intent"),
        lambda act: listed(act, "refund", ("charge", "payment_intent")),
    ),
)
