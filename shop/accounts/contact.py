"""How somebody is reached: a mainland mobile number or an e-mail address, as typed and as kept. Pure."""

from __future__ import annotations

import re
import unicodedata

_PHONE = re.compile(r"1[3-9][0-9]{9}")
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\.]+(\.[^@\s<>,;:\"()\[\]\\.]+)+")
LONGEST = 120


def parse_contact(text: str) -> str | None:
    """The number or address as it is kept (11 digits; casefolded), or None when it is neither. Takes blanks, dashes, +86, full-width."""
    plain = unicodedata.normalize("NFKC", text).strip().casefold()
    if "@" in plain:
        return plain if len(plain) <= LONGEST and _EMAIL.fullmatch(plain) and plain.isprintable() else None
    digits = re.sub(r"[\s\-()]", "", plain)
    digits = re.sub(r"^(\+|00)?86(?=1[3-9][0-9]{9}$)", "", digits)
    return digits if _PHONE.fullmatch(digits) else None


def is_phone(contact: str) -> bool:
    """Whether it is reached by text message."""
    return "@" not in contact


def mask_contact(contact: str) -> str:
    """What may stand on a page: 138****8000, li***@example.cn."""
    if is_phone(contact):
        return f"{contact[:3]}****{contact[-4:]}"
    name, _, host = contact.partition("@")
    return f"{name[: min(2, len(name) - 1)]}***@{host}"
