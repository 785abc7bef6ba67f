"""What exactly is approved: the canonical content of a request and its hash (RFC 8785, SHA-256). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import rfc8785


@dataclass(frozen=True)
class ContentLine:
    """Boxes of one product at a price from a seller."""

    sku: str
    boxes: int
    unit_price_fen: int
    seller: str


@dataclass(frozen=True)
class ContentDelivery:
    """One address with its lines and freight."""

    address: Mapping[str, str]
    lines: Sequence[ContentLine]
    freight_fen: int
    total_fen: int


def hash_content(
    *, organization: str, purpose: str, title: str, note: str, year: int, total_fen: int, deliveries: Sequence[ContentDelivery]
) -> str:
    """Hex digest over everything an approver agrees to: any change of price, quantity, address, supplier or reason changes it."""
    content: dict[str, Any] = {
        "organization": organization,
        "purpose": purpose,
        "title": title,
        "note": note,
        "year": year,
        "total_fen": total_fen,
        "deliveries": [
            {
                "address": dict(delivery.address),
                "freight_fen": delivery.freight_fen,
                "total_fen": delivery.total_fen,
                "lines": sorted([line.sku, line.boxes, line.unit_price_fen, line.seller] for line in delivery.lines),
            }
            for delivery in deliveries
        ],
    }
    return sha256(rfc8785.dumps(content)).hexdigest()
