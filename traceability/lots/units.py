"""The one unit a lot is counted in: kilograms for mass, litres for volume, and each counted thing as itself. Pure.

People type 斤 or 公斤; a balance in two units would hide a missing kilogram.
"""

from __future__ import annotations

from kernel.quantity import Dimension, Quantity, Unit

_STANDARD = {Dimension.MASS: Unit.KG, Dimension.VOLUME: Unit.L}


def in_standard_unit(quantity: Quantity) -> Quantity:
    """The same amount in the unit lots are counted in, to six decimals."""
    unit = _STANDARD.get(quantity.dimension, quantity.unit)
    return quantity.to(unit, places=6)
