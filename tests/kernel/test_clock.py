from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from kernel import clock
from kernel.errors import Invalid


def test_now_is_aware_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_the_day_in_china_begins_at_16_utc() -> None:
    before = datetime(2025, 12, 31, 15, 59, 59, tzinfo=UTC)
    assert clock.today_shanghai(before) == date(2025, 12, 31)
    assert clock.today_shanghai(before + timedelta(seconds=1)) == date(2026, 1, 1)
    assert clock.to_shanghai(before).isoformat() == "2025-12-31T23:59:59+08:00"


def test_a_day_is_half_open_and_24_hours() -> None:
    start, end = clock.day_shanghai(date(2026, 1, 1))
    assert start == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert end - start == timedelta(days=1)
    assert clock.today_shanghai(start) == date(2026, 1, 1)
    assert clock.today_shanghai(end) == date(2026, 1, 2)


@pytest.mark.parametrize("function", [clock.as_utc, clock.to_shanghai, clock.today_shanghai, clock.format_iso])
def test_naive_times_are_refused(function: object) -> None:
    assert callable(function)
    with pytest.raises(ValueError, match="naive"):
        function(datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-31T08:30:00+08:00", datetime(2026, 1, 31, 0, 30, tzinfo=UTC)),
        ("2026-01-31t00:30:00z", datetime(2026, 1, 31, 0, 30, tzinfo=UTC)),
        ("2026-01-31T00:30:00.123456789Z", datetime(2026, 1, 31, 0, 30, 0, 123456, tzinfo=UTC)),
        ("2026-01-30T19:00:00.5-05:30", datetime(2026, 1, 31, 0, 30, 0, 500000, tzinfo=UTC)),
    ],
)
def test_parse_iso(text: str, expected: datetime) -> None:
    assert clock.parse_iso(text) == expected
    assert clock.parse_iso(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "2026-01-31T08:30:00",
        "20260131T083000Z",
        "2026-02-30T08:30:00Z",
        "2026-01-31T24:00:00Z",
        "2026-01-31T08:30:60Z",
        "0001-01-01T00:00:00+14:00",
        "2026-01-31T08:30:00Z\n",
        "٢٠٢٦-01-31T08:30:00Z",
    ],
)
def test_parse_iso_refuses(text: str) -> None:
    with pytest.raises(Invalid) as caught:
        clock.parse_iso(text, field="eventTime")
    assert caught.value.field == "eventTime"


def test_format_and_parse_agree() -> None:
    at = datetime(2026, 1, 31, 8, 30, tzinfo=timezone(timedelta(hours=8)))
    assert clock.format_iso(at) == "2026-01-31T00:30:00.000Z"
    assert clock.parse_iso(clock.format_iso(at)) == at
