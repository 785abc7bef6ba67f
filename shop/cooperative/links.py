"""Signed links of slips: whoever has a slip (交货凭证) in hand may read it and speak to it, without an account.

The token is HMAC-SHA-256 (RFC 2104) over the slip's code, cut to 128 bits, with a key derived for this use alone. Nothing is stored, so
a copy of the database opens no slip, and slip codes that a phone was given in advance have their links from the start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from kernel.errors import NotFound

_USE = b"delivery slip"


def sign(secret_key: str, slip_code: str) -> str:
    """The token of a slip's link: 22 characters."""
    key = hmac.digest(secret_key.encode(), _USE, hashlib.sha256)
    made = hmac.digest(key, slip_code.encode(), hashlib.sha256)[:16]
    return base64.urlsafe_b64encode(made).rstrip(b"=").decode()


def check(secret_key: str, slip_code: str, token: str) -> None:
    """Raises NotFound for a token that is not this slip's: a stranger learns nothing, not even that the slip exists."""
    if not hmac.compare_digest(sign(secret_key, slip_code).encode(), token.encode()):
        raise NotFound("凭证链接不完整。请重新扫凭证上的码。")


def slip_path(secret_key: str, slip_code: str) -> str:
    """The page of a slip for the household that holds it."""
    return f"/slips/{slip_code}/{sign(secret_key, slip_code)}"
