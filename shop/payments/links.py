"""Signed pay links: whoever has the link may see and pay that one payment, so it can be copied into another browser.

The token is HMAC-SHA-256 (RFC 2104) over the payment's code, cut to 128 bits, with a key derived for this use alone.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from kernel.errors import NotFound

_USE = b"pay link"


def sign(secret_key: str, payment_code: str) -> str:
    """The token of a payment's link."""
    key = hmac.digest(secret_key.encode(), _USE, hashlib.sha256)
    made = hmac.digest(key, payment_code.encode(), hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def check(secret_key: str, payment_code: str, token: str) -> None:
    """Raises NotFound for a token that is not this payment's: a stranger learns nothing, not even that the payment exists."""
    if not hmac.compare_digest(sign(secret_key, payment_code).encode(), token.encode()):
        raise NotFound("付款链接不完整或已失效，请从订单页重新进入。")


def pay_path(secret_key: str, payment_code: str) -> str:
    """Where to send a buyer: the payment's own page on this site."""
    return f"/pay/{payment_code}?t={sign(secret_key, payment_code)}"


def return_path(secret_key: str, payment_code: str) -> str:
    """Where the provider sends the buyer back to."""
    return f"/pay/{payment_code}/return?t={sign(secret_key, payment_code)}"
