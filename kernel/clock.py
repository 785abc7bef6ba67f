"""Time: stored and passed as aware UTC, shown and counted in days of China Standard Time.

Only doors, programs and tasks ask `now()`; acts receive `at` so that they can be replayed and tested.
"""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from kernel.errors import Invalid

SHANGHAI = ZoneInfo("Asia/Shanghai")

# RFC 3339 section 5.6, which is also what EPCIS 2.0 asks of eventTime: an offset is not optional.
_RFC_3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?([Zz]|[+-][0-9]{2}:[0-9]{2})")


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return datetime.now(UTC)


def as_utc(at: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for a naive datetime: a bug, not bad input."""
    if at.tzinfo is None:
        raise ValueError("naive datetime: every moment must say its offset")
    return at.astimezone(UTC)


def to_shanghai(at: datetime) -> datetime:
    """The same moment on the clocks of China (UTC+8). Raises ValueError for a naive datetime."""
    return as_utc(at).astimezone(SHANGHAI)


def today_shanghai(at: datetime) -> date:
    """The calendar day in China at that moment: the day by which papers expire and reports cut off."""
    return to_shanghai(at).date()


def day_shanghai(day: date) -> tuple[datetime, datetime]:
    """First moment of that day in China and first moment of the next (half-open), both in UTC."""
    start = datetime.combine(day, time(), SHANGHAI)
    end = datetime.combine(day + timedelta(days=1), time(), SHANGHAI)
    return start.astimezone(UTC), end.astimezone(UTC)


def parse_iso(text: str, field: str | None = None) -> datetime:
    """Read an RFC 3339 date-time with its offset and return it in UTC (to the microsecond).

    Raises Invalid for anything else, a missing offset included.
    """
    try:
        if not _RFC_3339.fullmatch(text):
            raise ValueError(text)
        return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Invalid(
            "时间“%(text)s”不正确，请写成 2026-01-31T08:30:00+08:00 的形式，并带上时区。",
            field=field,
            params={"text": text[:40]},
        ) from None


def format_iso(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. 2026-01-31T00:30:00.000Z. Raises ValueError if naive."""
    return as_utc(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
