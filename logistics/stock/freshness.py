"""Until which day a lot may be sold, so that what arrives is not already close to its end. Pure.

The buyer is promised goods that are not 临近保质期 when they arrive. How many days before the end that begins, by length of shelf life,
follows the scale that Chinese food retail uses for 临近保质期 counters (published by the Beijing industry and commerce administration in
2012: 45, 20, 15, 10, 2 and 1 days).
"""

from __future__ import annotations

from datetime import date, timedelta

TRANSIT_DAYS = 3
_SCALE = ((365, 45), (180, 20), (90, 15), (30, 10), (10, 2), (0, 1))


def days_left_promised(shelf_life_days: int) -> int:
    """Days of shelf life that must remain on delivery."""
    return next(days for at_least, days in _SCALE if shelf_life_days >= at_least)


def sell_until(expires_on: date | None, shelf_life_days: int) -> date | None:
    """The last day of sale for a lot that expires on ``expires_on``; None when it does not expire."""
    if expires_on is None:
        return None
    return expires_on - timedelta(days=days_left_promised(shelf_life_days) + TRANSIT_DAYS)
