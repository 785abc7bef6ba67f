"""Spans out of range, from readings alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from logistics.coldchain.excursions import RANGES, find_spans
from logistics.coldchain.models import ColdClass

START = datetime(2026, 11, 22, tzinfo=UTC)


def readings(*rows: tuple[int, str]) -> list[tuple[datetime, Decimal]]:
    return [(START + timedelta(minutes=minute), Decimal(celsius)) for minute, celsius in rows]


@pytest.mark.parametrize(
    ("cold_class", "celsius", "right"),
    [
        (ColdClass.FROZEN, "-18", True),
        (ColdClass.FROZEN, "-17.99", False),
        (ColdClass.FROZEN, "-60", True),
        (ColdClass.CHILLED, "8", True),
        (ColdClass.CHILLED, "8.01", False),
        (ColdClass.CHILLED, "0.01", True),
        (ColdClass.CHILLED, "0", False),
    ],
)
def test_limits_of_the_standard(cold_class: ColdClass, celsius: str, right: bool) -> None:
    assert RANGES[cold_class].holds(Decimal(celsius)) is right


def test_a_short_opening_of_the_door_is_no_excursion() -> None:
    assert find_spans(readings((0, "-20"), (10, "-10"), (30, "-10"), (40, "-20")), RANGES[ColdClass.FROZEN]) == []


def test_longer_than_half_an_hour_is_one_and_lasts_until_the_next_good_reading() -> None:
    (span,) = find_spans(readings((0, "-20"), (10, "-17"), (20, "-5"), (41, "-20")), RANGES[ColdClass.FROZEN])
    assert (span.started_at, span.ended_at, span.worst_celsius) == (
        START + timedelta(minutes=10),
        START + timedelta(minutes=41),
        Decimal(-5),
    )


def test_one_that_still_lasts_ends_at_the_last_reading() -> None:
    (span,) = find_spans(readings((0, "9"), (31, "10")), RANGES[ColdClass.CHILLED])
    assert span.ended_at == START + timedelta(minutes=31)


def test_too_cold_is_out_of_range_for_chilled_goods() -> None:
    (span,) = find_spans(readings((0, "-3"), (60, "5")), RANGES[ColdClass.CHILLED])
    assert span.worst_celsius == Decimal(-3)


def test_two_spans() -> None:
    found = find_spans(readings((0, "9"), (40, "4"), (50, "9"), (90, "4")), RANGES[ColdClass.CHILLED])
    assert len(found) == 2
