"""When a scheduled subscription is due: the EPCIS 2.0 query schedule (section 8.2.5.3). Pure.

A field is numbers and ranges, ``1,[10-12]``; a moment is due when every field given holds it. A field left out is any, unless a coarser
one is given and nothing finer: ``{"hour": "1", "minute": "5"}`` means every day at 01:05:00, not sixty times in that minute.
Hours are those of China; day 1 of the week is Monday.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kernel.clock import to_shanghai
from kernel.errors import Invalid

RANGES: Mapping[str, tuple[int, int]] = {
    "second": (0, 59),
    "minute": (0, 59),
    "hour": (0, 23),
    "dayOfMonth": (1, 31),
    "month": (1, 12),
    "dayOfWeek": (1, 7),
}
_FINE = ("second", "minute", "hour")
_LONGEST_FIELD = 200  # characters: all sixty seconds, each by itself, are 169
_LONGEST = 8 * 366  # days to look ahead: the longest way between two 29ths of February
_NUMBER = r"[0-9]{1,2}"
_ELEMENT = re.compile(rf"({_NUMBER})|\[({_NUMBER})-({_NUMBER})\]")


class SubscriptionControls(Invalid):
    """A subscription nobody could keep: both or neither of stream and schedule, or a time that never comes."""


@dataclass(frozen=True)
class Schedule:
    """The allowed values of each field, sorted."""

    allowed: Mapping[str, tuple[int, ...]]

    def next_after(self, at: datetime) -> datetime | None:
        """The first due second after ``at``, in UTC; None when none comes."""
        start = to_shanghai(at).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        for _ in range(_LONGEST):
            if self._falls_on(day):
                first = self._first_of_day(start if day.date() == start.date() else day)
                if first is not None:
                    return first.astimezone(UTC)
            day += timedelta(days=1)
        return None

    def _falls_on(self, day: datetime) -> bool:
        parts = {"month": day.month, "dayOfMonth": day.day, "dayOfWeek": day.isoweekday()}
        return all(value in self.allowed[name] for name, value in parts.items())

    def _first_of_day(self, start: datetime) -> datetime | None:
        for hour in self.allowed["hour"]:
            for minute in self.allowed["minute"]:
                if (hour, minute) < (start.hour, start.minute):
                    continue
                for second in self.allowed["second"]:
                    if (found := start.replace(hour=hour, minute=minute, second=second)) >= start:
                        return found
        return None


def read_schedule(fields: object) -> Schedule:
    """The schedule in a subscription. Raises SubscriptionControls naming the field."""
    if not isinstance(fields, dict) or not fields:
        raise SubscriptionControls("schedule 至少要写一项：%(allowed)s。", params={"allowed": "、".join(RANGES)}, field="/schedule")
    for name in fields:
        if name not in RANGES:
            raise SubscriptionControls(
                "schedule 里没有 %(name)s，只有：%(allowed)s。",
                params={"name": str(name)[:40], "allowed": "、".join(RANGES)},
                field="/schedule",
            )
    values = {name: _values(name, fields[name]) for name in fields}
    finest_given = min((list(RANGES).index(name) for name in fields if name != "dayOfWeek"), default=len(_FINE))
    for place, name in enumerate(RANGES):
        low, high = RANGES[name]
        if name not in values:
            values[name] = (low,) if name in _FINE and place < finest_given else tuple(range(low, high + 1))
    found = Schedule(values)
    if found.next_after(datetime(2026, 1, 1, tzinfo=UTC)) is None:
        raise SubscriptionControls("这个时间永远不会到，请核对日期和月份。", field="/schedule")
    return found


def _values(name: str, text: object) -> tuple[int, ...]:
    low, high = RANGES[name]
    found: set[int] = set()
    if isinstance(text, int) and not isinstance(text, bool):
        text = str(text)
    for element in text.split(",") if isinstance(text, str) and len(text) <= _LONGEST_FIELD else [""]:
        match = _ELEMENT.fullmatch(element.strip())
        first, last = (int(match[1] or match[2]), int(match[1] or match[3])) if match else (high + 1, low)
        if not low <= first <= last <= high:
            raise SubscriptionControls(
                "%(field)s 应是 %(low)s 到 %(high)s 的数字，如 1,[3-5]。",
                params={"field": name, "low": low, "high": high},
                field=f"/schedule/{name}",
            )
        found.update(range(first, last + 1))
    return tuple(sorted(found))
