"""The last day of sale by length of shelf life."""

from __future__ import annotations

from datetime import date

import pytest

from logistics.stock.freshness import days_left_promised, sell_until


@pytest.mark.parametrize(
    ("shelf_life", "days"),
    [(730, 45), (365, 45), (364, 20), (180, 20), (179, 15), (90, 15), (89, 10), (30, 10), (29, 2), (10, 2), (9, 1), (1, 1)],
)
def test_days_left_promised(shelf_life: int, days: int) -> None:
    assert days_left_promised(shelf_life) == days


def test_the_journey_counts_too() -> None:
    assert sell_until(date(2026, 12, 31), 9) == date(2026, 12, 27)


def test_what_never_expires_is_always_sold() -> None:
    assert sell_until(None, 365) is None
