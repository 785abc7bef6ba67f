"""Whose harvest is in a lot: parts that add up to exactly 1 through every split and merge. Pure, in exact fractions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

PLACES = 12
_SCALE = 10**PLACES


def mix(parts: Iterable[tuple[Decimal, Mapping[UUID, Decimal]]]) -> dict[UUID, Decimal]:
    """Shares of a lot made of ``(quantity, shares of that lot)``: each household's part weighs as much as the quantity it came with.

    Rounded to ``PLACES`` decimals by largest remainder, so that they still add up to exactly 1; of equal remainders the smaller
    household id comes first, so the result never depends on the order of the parts. A household whose part is below half a unit of
    the last place keeps one unit: nobody's harvest vanishes from the record. Raises ValueError without any quantity.
    """
    weights: dict[UUID, Fraction] = {}
    for quantity, shares in parts:
        for household, share in shares.items():
            weights[household] = weights.get(household, Fraction(0)) + Fraction(quantity) * Fraction(share)
    total = sum(weights.values())
    if not total:
        raise ValueError("nothing to share")
    return _rounded({household: weight / total for household, weight in weights.items() if weight})


def _rounded(exact: Mapping[UUID, Fraction]) -> dict[UUID, Decimal]:
    floors = {household: max(int(part * _SCALE), 1) for household, part in exact.items()}
    missing = _SCALE - sum(floors.values())
    if missing < 0:  # the units given to tiny parts are too many: the largest part, which has the most, gives them all back
        largest = min(exact, key=lambda household: (-floors[household], household))
        floors[largest] += missing
    by_remainder = sorted(exact, key=lambda household: (-(exact[household] * _SCALE - floors[household]), household))
    for household in by_remainder[: max(missing, 0)]:
        floors[household] += 1
    return {household: Decimal(units).scaleb(-PLACES) for household, units in floors.items()}
