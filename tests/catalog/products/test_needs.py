"""Whose papers a product needs."""

from __future__ import annotations

from catalog.documents.models import DocumentKind, SubjectKind
from catalog.products.needs import LOT_KINDS, MAKER_KINDS, PRODUCT_KINDS, SELLER_KINDS, Holders, shelf_needs

HOLDERS = Holders("SKU-1", "PTY-SELLER", "PTY-MAKER")


def test_every_kind_has_exactly_one_holder() -> None:
    groups = [SELLER_KINDS, MAKER_KINDS, PRODUCT_KINDS, LOT_KINDS]
    assert sorted(kind for group in groups for kind in group) == sorted(DocumentKind)


def test_the_seller_is_licensed_the_maker_permitted_the_product_certified() -> None:
    kinds = [DocumentKind.BUSINESS_LICENCE, DocumentKind.FOOD_PRODUCTION_LICENCE, DocumentKind.ORGANIC]
    assert shelf_needs(kinds, HOLDERS) == [
        (DocumentKind.BUSINESS_LICENCE, SubjectKind.ORGANIZATION, "PTY-SELLER"),
        (DocumentKind.FOOD_PRODUCTION_LICENCE, SubjectKind.ORGANIZATION, "PTY-MAKER"),
        (DocumentKind.ORGANIC, SubjectKind.PRODUCT, "SKU-1"),
    ]


def test_papers_of_a_lot_are_not_asked_of_the_shelf() -> None:
    kinds = [DocumentKind.ORGANIC, DocumentKind.ANIMAL_QUARANTINE]
    assert shelf_needs(kinds, HOLDERS) == [(DocumentKind.ORGANIC, SubjectKind.PRODUCT, "SKU-1")]
