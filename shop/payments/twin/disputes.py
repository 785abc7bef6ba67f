"""Disputes (拒付): the bank takes the money back while it asks. Only a test can open or decide one.

Source: Stripe documentation, "How disputes work"; statuses as in the SDK's `Dispute`.
"""

from stripe.params import DisputeCloseParams, DisputeListParams, DisputeRetrieveParams

from shop.payments.twin import objects
from shop.payments.twin.contract import LISTED, Act, Operation, takes
from shop.payments.twin.events import announce
from shop.payments.twin.listing import listed
from shop.payments.twin.refusal import Refusal, missing
from shop.payments.twin.store import Obj


def open_dispute(act: Act, charge: Obj, amount: int, reason: str) -> Obj:
    """A bank disputes `amount` of a paid charge; nothing can be refunded on it meanwhile."""
    if charge["status"] != "succeeded" or charge["disputed"]:
        raise Refusal("Only a paid charge without a dispute can be disputed.", code="charge_disputed")
    if not 1 <= amount <= charge["amount"] - charge["amount_refunded"]:
        raise Refusal("A dispute cannot exceed what is left of the charge.", param="amount")
    charge["disputed"] = True
    act.tx.save(charge)
    dispute = act.tx.add(objects.dispute(act.at, charge, amount, reason))
    announce(act, "charge.dispute.created", dispute)
    announce(act, "charge.dispute.funds_withdrawn", dispute)
    return dispute


def decide(act: Act, dispute: Obj, status: str) -> Obj:
    """End a dispute: `won` brings the money back, `lost` does not."""
    if dispute["status"] in ("won", "lost"):
        raise Refusal(f"This dispute is already {dispute['status']}.")
    dispute["status"] = status
    act.tx.save(dispute)
    announce(act, "charge.dispute.closed", dispute)
    if status == "won":
        announce(act, "charge.dispute.funds_reinstated", dispute)
    return dispute


def is_held(act: Act, charge: Obj) -> bool:
    """Whether an open or lost dispute holds the charge's money."""
    found = act.tx.where("dispute", "charge", charge["id"])
    return any(dispute["status"] != "won" for dispute in found)


def get_dispute(act: Act, id: str) -> Obj:
    """The dispute, or 404."""
    dispute = act.tx.find("dispute", id)
    if dispute is None:
        raise missing("dispute", id)
    return dispute


_ONE = "/v1/disputes/<id>"
OPERATIONS = (
    Operation("GET", _ONE, DisputeRetrieveParams, takes(), get_dispute),
    Operation(
        "GET",
        "/v1/disputes",
        DisputeListParams,
        takes(*LISTED, "charge", "payment_intent"),
        lambda act: listed(act, "dispute", ("charge", "payment_intent")),
    ),
    Operation(
        "POST",
        f"{_ONE}/close",
        DisputeCloseParams,
        takes(),
        lambda act, id: decide(act, get_dispute(act, id), "lost"),
    ),
)
