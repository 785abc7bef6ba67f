"""What staff see of a buyer before they ask for more, pure."""

from __future__ import annotations


def mask_phone(phone: str) -> str:
    """139****0000: enough to recognise, not enough to ring."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 9 else "****"


def mask_name(name: str) -> str:
    """The first character only."""
    return f"{name[:1]}**" if name else ""
