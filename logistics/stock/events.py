"""News from pre-sales: codes and moments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from kernel.outbox import Event


@dataclass(frozen=True)
class PromiseServed(Event):
    """All boxes promised to an order from a coming harvest have come and are allocated to it."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class PromiseBroken(Event):
    """A pre-sale ended without all the boxes that were promised to this order."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class PresaleFailed(Event):
    """A pre-sale ended and so many orders and boxes got nothing of it."""

    presale_code: str
    orders: int
    boxes: int
    reason: str
    at: datetime
