"""When goods were out of their temperature range for longer than allowed. Pure.

Limits: GB/T 24616-2019 (frozen food at or below -18 °C; chilled food above 0 °C and up to 8 °C). GB 31605-2020 asks for monitoring,
recording and alarm, but leaves open how long a door may stand open; ``ALLOWED`` is our own rule for both classes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from logistics.coldchain.models import ColdClass

ALLOWED = timedelta(minutes=30)


@dataclass(frozen=True)
class Range:
    """Lowest and highest temperature in °C that is still right; no lowest for frozen goods."""

    lowest: Decimal | None
    highest: Decimal

    def holds(self, celsius: Decimal) -> bool:
        """Whether a temperature is within the range."""
        return celsius <= self.highest and (self.lowest is None or celsius > self.lowest)

    def distance(self, celsius: Decimal) -> Decimal:
        """How far a temperature is out of range, in degrees; 0 within it."""
        below = Decimal(0) if self.lowest is None else self.lowest - celsius
        return max(celsius - self.highest, below, Decimal(0))


RANGES = {
    ColdClass.FROZEN: Range(None, Decimal(-18)),
    ColdClass.CHILLED: Range(Decimal(0), Decimal(8)),
}


@dataclass(frozen=True)
class Span:
    """A time out of range: from the first reading outside to the next one inside (or the last one outside, while it lasts)."""

    started_at: datetime
    ended_at: datetime
    worst_celsius: Decimal


def find_spans(readings: Iterable[tuple[datetime, Decimal]], within: Range, allowed: timedelta = ALLOWED) -> list[Span]:
    """Spans longer than ``allowed`` in readings given in order of time."""
    spans: list[Span] = []
    outside: list[tuple[datetime, Decimal]] = []
    for at, celsius in readings:
        if within.holds(celsius):
            _close(spans, outside, at, within, allowed)
            outside = []
        else:
            outside.append((at, celsius))
    if outside:
        _close(spans, outside, outside[-1][0], within, allowed)
    return spans


def _close(
    spans: list[Span], outside: list[tuple[datetime, Decimal]], ended_at: datetime, within: Range, allowed: timedelta
) -> None:
    if outside and ended_at - outside[0][0] > allowed:
        worst = max((celsius for _, celsius in outside), key=within.distance)
        spans.append(Span(outside[0][0], ended_at, worst))
