"""Until which day a lot may be sold, so that what arrives is not already close to its end. Pure.

The buyer is promised goods that are not 临近保质期 when they arrive. How many days before the end that begins, by length of shelf life,
follows the scale that Chinese food retail uses for 临近保质期 counters (published by the Beijing industry and commerce administration in
2012: 45, 20, 15, 10, 2 and 1 days). How long the way takes is what the seller says for the buyer's province.
"""

from __future__ import annotations

from datetime import date, timedelta

TRANSIT_DAYS = 3
"""Days on the way where the seller has not said."""
_SCALE = ((365, 45), (180, 20), (90, 15), (30, 10), (10, 2), (0, 1))


def days_left_promised(shelf_life_days: int) -> int:
    """Days of shelf life that must remain on delivery."""
    return next(days for at_least, days in _SCALE if shelf_life_days >= at_least)


def keeps_until(arrives_on: date, shelf_life_days: int) -> date:
    """The earliest day on which boxes may expire that arrive on ``arrives_on`` and are still fresh then."""
    return arrives_on + timedelta(days=days_left_promised(shelf_life_days))


def sell_until(expires_on: date | None, shelf_life_days: int, days: int = TRANSIT_DAYS) -> date | None:
    """The last day of sale for a lot that expires on ``expires_on`` and takes ``days`` to arrive; None when it does not expire."""
    if expires_on is None:
        return None
    return expires_on - timedelta(days=days_left_promised(shelf_life_days) + days)
