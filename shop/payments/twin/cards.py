"""Test cards, wallets and payment-method tokens, and how each behaves.

Source: Stripe documentation, "Test card numbers" and "Decline codes". Pure tables.
"""

from dataclasses import dataclass
from typing import Literal

from shop.payments.twin.objects import METHODS
from shop.payments.twin.store import Obj

Outcome = Literal["succeed", "decline", "challenge"]


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a buyer pays with. `challenge` means the buyer must first act on another page.

    After that page `declines` tells whether the bank still says no.
    """

    type: str
    outcome: Outcome = "succeed"
    last4: str = ""
    brand: str = ""
    code: str = "card_declined"
    decline_code: str | None = None
    declines: bool = False
    disputed: bool = False

    def details(self) -> Obj:
        """As `payment_method_details` of a charge."""
        inner: Obj = {}
        if self.type == "card":
            three = "authenticated" if self.outcome == "challenge" else None
            inner = {"brand": self.brand, "last4": self.last4, "country": "CN", "network": self.brand}
            inner |= {"exp_month": 12, "exp_year": 2030, "funding": "debit"}
            inner["three_d_secure"] = {"result": three} if three else None
        return {"type": self.type, self.type: inner}


def _card(last4: str, brand: str = "visa", **more: str | bool) -> Instrument:
    return Instrument("card", last4=last4, brand=brand, **more)  # type: ignore[arg-type]


def _declined(last4: str, decline_code: str, code: str = "card_declined") -> Instrument:
    return _card(last4, outcome="decline", code=code, decline_code=decline_code)


NUMBERS: dict[str, Instrument] = {
    "4242424242424242": _card("4242"),
    "5555555555554444": _card("4444", "mastercard"),
    "6200000000000005": _card("0005", "unionpay"),
    "4000000000000002": _declined("0002", "generic_decline"),
    "4000000000009995": _declined("9995", "insufficient_funds"),
    "4000000000009987": _declined("9987", "lost_card"),
    "4000000000000069": _declined("0069", "expired_card", "expired_card"),
    "4000000000000119": _declined("0119", "processing_error", "processing_error"),
    "4000002500003155": _card("3155", outcome="challenge"),
    "4000002760003184": _card("3184", outcome="challenge"),
    "4000008400001629": _card("1629", outcome="challenge", declines=True),
    "4000000000000259": _card("0259", disputed=True),
}
TOKENS: dict[str, Instrument] = {
    "pm_card_visa": NUMBERS["4242424242424242"],
    "pm_card_mastercard": NUMBERS["5555555555554444"],
    "pm_card_unionpay": NUMBERS["6200000000000005"],
    "pm_card_chargeDeclined": NUMBERS["4000000000000002"],
    "pm_card_visa_chargeDeclined": NUMBERS["4000000000000002"],
    "pm_card_chargeDeclinedInsufficientFunds": NUMBERS["4000000000009995"],
    "pm_card_visa_chargeDeclinedInsufficientFunds": NUMBERS["4000000000009995"],
    "pm_card_authenticationRequired": NUMBERS["4000002760003184"],
    "pm_card_threeDSecure2Required": NUMBERS["4000002500003155"],
    "pm_card_createDispute": NUMBERS["4000000000000259"],
}
WALLETS: dict[str, Instrument] = {name: Instrument(name, outcome="challenge") for name in METHODS if name != "card"}
MESSAGES = {
    "card_declined": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "processing_error": "An error occurred while processing your card. Try again in a little bit.",
    "payment_intent_authentication_failure": (
        "We are unable to authenticate your payment method. Please choose a different payment method and try again."
    ),
    "payment_method_provider_decline": "The payment was declined by the payment method's provider.",
}


def by_number(number: str) -> Instrument | None:
    """The test card of that number (spaces ignored), or None: real cards are never read."""
    return NUMBERS.get("".join(number.split()))
