"""The price of a comparable amount (元/500克), pure: so that a 1 kg box and a 2.5 kg box can be compared."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from kernel.money import Money
from kernel.quantity import Unit

_GRAMS = {Unit.KG: 1000, Unit.G: 1, Unit.JIN: 500}
_MILLILITRES = {Unit.L: 1000, Unit.ML: 1}
PER_LABELS = ("500克", "500毫升")
WEIGHT_LABEL, VOLUME_LABEL = PER_LABELS


def price_per_500(price: Money, amount: Decimal, unit: Unit) -> tuple[Money, str] | None:
    """(price, "500克" or "500毫升") of a pack of ``amount``, rounded half up to the fen; None for goods sold by the piece."""
    for sizes, label in ((_GRAMS, WEIGHT_LABEL), (_MILLILITRES, VOLUME_LABEL)):
        if unit in sizes:
            return price.times(Fraction(500) / (Fraction(amount) * sizes[unit])), label
    return None
