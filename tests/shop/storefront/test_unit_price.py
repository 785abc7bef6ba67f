"""元/500克: half up to the fen, and only where there is a weight or a volume."""

from __future__ import annotations

from decimal import Decimal

import pytest

from kernel.money import Money
from kernel.quantity import Unit
from shop.storefront.unit_price import VOLUME_LABEL, WEIGHT_LABEL, price_per_500


@pytest.mark.parametrize(
    ("fen", "amount", "unit", "expected"),
    [
        (14_000, "1", Unit.KG, (7_000, WEIGHT_LABEL)),
        (6_750, "5", Unit.KG, (675, WEIGHT_LABEL)),
        (6_500, "227", Unit.G, (14_317, WEIGHT_LABEL)),
        (10_000, "3", Unit.JIN, (3_333, WEIGHT_LABEL)),
        (12_000, "750", Unit.ML, (8_000, VOLUME_LABEL)),
        (1, "1", Unit.KG, (1, WEIGHT_LABEL)),
    ],
)
def test_price_of_500(fen: int, amount: str, unit: Unit, expected: tuple[int, str]) -> None:
    found = price_per_500(Money(fen), Decimal(amount), unit)
    assert found is not None
    assert (found[0].minor, found[1]) == expected


def test_goods_by_the_piece_have_none() -> None:
    assert price_per_500(Money(100), Decimal(30), Unit.PIECE) is None
