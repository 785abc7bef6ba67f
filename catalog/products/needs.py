"""Which paper of whom a product needs, pure: some are the organisation's, some the product's, some each lot's."""

from __future__ import annotations

from dataclasses import dataclass

from catalog.documents.gating import Need
from catalog.documents.models import DocumentKind, SubjectKind

SELLER_KINDS = frozenset({DocumentKind.BUSINESS_LICENCE})
MAKER_KINDS = frozenset({DocumentKind.FOOD_PRODUCTION_LICENCE, DocumentKind.SLAUGHTER_LICENCE})
PRODUCT_KINDS = frozenset(
    {DocumentKind.GREEN_FOOD, DocumentKind.ORGANIC, DocumentKind.GEOGRAPHICAL_INDICATION, DocumentKind.TEST_REPORT}
)
MEAT_KINDS = frozenset({DocumentKind.ANIMAL_QUARANTINE, DocumentKind.MEAT_INSPECTION})
PROMISED_CATEGORIES = frozenset({"水果", "蔬菜", "蛋类"})
"""Classes of 2025 no. 4 that a category names. Fresh mushrooms and farmed fish share one with what needs none: those are ticked."""
LOT_KINDS = frozenset({DocumentKind.ANIMAL_QUARANTINE, DocumentKind.MEAT_INSPECTION, DocumentKind.PROMISE_CERTIFICATE})


@dataclass(frozen=True)
class Holders:
    """The codes under which a product's papers are kept: its own SKU, its seller's, its maker's (加工方)."""

    sku: str
    seller_code: str
    maker_code: str


def shelf_needs(kinds: list[DocumentKind], holders: Holders) -> list[Need]:
    """What must hold before the product is on sale at all; papers of a lot are asked for when a lot exists."""
    found: list[Need] = []
    for kind in kinds:
        if kind in SELLER_KINDS:
            found.append((kind, SubjectKind.ORGANIZATION, holders.seller_code))
        elif kind in MAKER_KINDS:
            found.append((kind, SubjectKind.ORGANIZATION, holders.maker_code))
        elif kind in PRODUCT_KINDS:
            found.append((kind, SubjectKind.PRODUCT, holders.sku))
    return found
