"""The hash of a request: every change that matters changes it, nothing else does."""

from __future__ import annotations

from typing import Any

import pytest

from shop.procurement.content import ContentDelivery, ContentLine, hash_content

LINE = {"sku": "SKU-1", "boxes": 2, "unit_price_fen": 100, "seller": "S1"}
BASE: dict[str, Any] = {"organization": "O", "purpose": "canteen", "title": "肉", "note": "", "year": 2026, "total_fen": 250}


def make(line: dict[str, Any] | None = None, freight: int = 50, street: str = "路1号", **over: Any) -> str:
    lines = [ContentLine(**(LINE | (line or {}))), ContentLine("SKU-2", 1, 5, "S2")]
    delivery = ContentDelivery({"street": street, "phone": "1"}, lines, freight, 250)
    return hash_content(**(BASE | over), deliveries=[delivery])


def test_the_same_content_has_the_same_hash() -> None:
    assert make() == make()
    assert len(make()) == 64


@pytest.mark.parametrize(
    "changed",
    [
        make({"boxes": 3}),
        make({"unit_price_fen": 99}),
        make({"seller": "S2"}),
        make({"sku": "SKU-3"}),
        make(freight=51),
        make(street="路2号"),
        make(title="菜"),
        make(note="急"),
        make(purpose="union"),
        make(year=2027),
        make(total_fen=251),
        make(organization="P"),
    ],
)
def test_every_change_changes_it(changed: str) -> None:
    assert changed != make()


def test_the_order_of_lines_does_not() -> None:
    lines = [ContentLine(**LINE), ContentLine("SKU-2", 1, 5, "S2")]
    both = [hash_content(**BASE, deliveries=[ContentDelivery({}, order, 0, 250)]) for order in (lines, lines[::-1])]
    assert both[0] == both[1]
