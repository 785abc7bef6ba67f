"""When something was done that is entered later: the phone's word, within bounds. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from kernel.errors import Invalid

LATE: Final = timedelta(days=3)  # a phone without a network keeps entries for two days; a third for the way back
CLOCKS_DIFFER: Final = timedelta(minutes=5)


def check_moment(happened: datetime | None, at: datetime, *, since: datetime | None = None) -> datetime:
    """When it was done: not before three days (or ``since``), and not later than now, whatever the phone's clock says. Raises Invalid."""
    if happened is None:
        return at
    if happened > at + CLOCKS_DIFFER:
        raise Invalid("这一笔的时间比现在还晚。请校准手机的时间，再重新记这一笔。", field="happened_at")
    if is_late(happened, at) and happened < (since or at):
        raise Invalid("这一笔的时间在 3 天以前，已过补记的期限，请由县里核定。", field="happened_at")
    return min(happened, at)


def is_late(happened: datetime, at: datetime) -> bool:
    """Whether it is too long ago to be entered without more."""
    return happened < at - LATE
