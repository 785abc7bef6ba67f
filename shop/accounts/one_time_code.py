"""The six digits of a one-time code, worked out from a secret and never kept. Pure.

A code is a keyed hash (HMAC-SHA-256, RFC 2104) of its row, cut to six digits as RFC 4226 section 5.3 cuts one. Nothing is stored that
a thief of the table could try a million codes against: without the key the row says nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from uuid import UUID

DIGITS = 6


def derive(secret_key: str, code_id: UUID, contact: str) -> str:
    """The digits of the code of this row, for this contact."""
    digest = hmac.digest(secret_key.encode(), b"one-time code\0" + code_id.bytes + contact.encode(), hashlib.sha256)
    place = digest[-1] & 0x0F
    number = int.from_bytes(digest[place : place + 4], "big") & 0x7FFF_FFFF
    return f"{number % 10**DIGITS:0{DIGITS}d}"


def is_right(expected: str, typed: str) -> bool:
    """Whether somebody typed the code; blanks and full-width digits are forgiven. Takes the same time whatever was typed."""
    plain = "".join(unicodedata.normalize("NFKC", typed).split())
    return hmac.compare_digest(expected.encode(), plain.encode("utf-8", "replace"))


def blur(secret_key: str, text: str) -> str:
    """A mark to tell one text from another, which without the key says nothing of it."""
    return hmac.digest(secret_key.encode(), b"asker\0" + text.encode(), hashlib.sha256).hex()
