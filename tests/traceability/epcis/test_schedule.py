"""Each kind of schedule names its next moment; impossible ones are refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import format_iso, parse_iso, to_shanghai
from traceability.epcis.schedule import RANGES, SubscriptionControls, read_schedule

AT = parse_iso("2026-11-22T10:30:15+08:00")  # a Sunday


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"hour": "1", "minute": "5"}, "2026-11-23T01:05:00+08:00"),
        ({"hour": "11"}, "2026-11-22T11:00:00+08:00"),
        ({"hour": "10"}, "2026-11-23T10:00:00+08:00"),
        ({"hour": "10", "minute": "30", "second": "16"}, "2026-11-22T10:30:16+08:00"),
        ({"minute": "0,[30-32],45"}, "2026-11-22T10:31:00+08:00"),
        ({"second": "0,30"}, "2026-11-22T10:30:30+08:00"),
        ({"second": 15}, "2026-11-22T10:31:15+08:00"),
        ({"dayOfMonth": "1"}, "2026-12-01T00:00:00+08:00"),
        ({"dayOfMonth": "31", "month": "[1-2]"}, "2027-01-31T00:00:00+08:00"),
        ({"dayOfMonth": "29", "month": "2"}, "2028-02-29T00:00:00+08:00"),
        ({"dayOfWeek": "7"}, "2026-11-29T00:00:00+08:00"),
        ({"dayOfWeek": "1", "hour": "[8-9]"}, "2026-11-23T08:00:00+08:00"),
        ({"dayOfWeek": "7", "hour": "11"}, "2026-11-22T11:00:00+08:00"),
    ],
)
def test_the_next_moment(fields: dict[str, Any], expected: str) -> None:
    found = read_schedule(fields).next_after(AT)
    assert found is not None
    assert format_iso(found) == format_iso(parse_iso(expected))


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({}, "/schedule"),
        (None, "/schedule"),
        ("daily", "/schedule"),
        ({"year": "2026"}, "/schedule"),
        ({"minute": "60"}, "/schedule/minute"),
        ({"minute": "-1"}, "/schedule/minute"),
        ({"hour": ""}, "/schedule/hour"),
        ({"hour": "[5-3]"}, "/schedule/hour"),
        ({"hour": "1;2"}, "/schedule/hour"),
        ({"hour": ",".join(["1"] * 101)}, "/schedule/hour"),
        ({"hour": True}, "/schedule/hour"),
        ({"hour": ["1"]}, "/schedule/hour"),
        ({"dayOfWeek": "0"}, "/schedule/dayOfWeek"),
        ({"dayOfMonth": "30", "month": "2"}, "/schedule"),
    ],
)
def test_what_is_no_schedule(fields: Any, pointer: str) -> None:
    with pytest.raises(SubscriptionControls) as refused:
        read_schedule(fields)
    assert refused.value.field == pointer


@st.composite
def schedules(draw: st.DrawFn) -> dict[str, str]:
    names = draw(st.lists(st.sampled_from([name for name in RANGES if name != "dayOfMonth"]), min_size=1, unique=True))
    return {name: ",".join(str(n) for n in draw(st.sets(st.integers(*RANGES[name]), min_size=1, max_size=4))) for name in names}


@given(schedules(), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)))
def test_the_next_moment_fits_and_lies_ahead(fields: dict[str, str], at: datetime) -> None:
    found = read_schedule(fields).next_after(at)
    assert found is not None
    assert found > at
    local = to_shanghai(found)
    parts = {
        "second": local.second,
        "minute": local.minute,
        "hour": local.hour,
        "month": local.month,
        "dayOfWeek": local.isoweekday(),
    }
    for name, text in fields.items():
        assert str(parts[name]) in text.split(",")
