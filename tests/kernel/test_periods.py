"""Validity periods."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select
from sqlalchemy.exc import DataError
from sqlalchemy.orm import Session

from catalog.areas.models import ReserveShare
from kernel.periods import valid_on


@pytest.mark.parametrize(
    ("day", "valid"),
    [(date(2025, 12, 31), False), (date(2026, 1, 1), True), (date(2026, 12, 31), True), (date(2027, 1, 1), False)],
)
def test_python_and_sql_agree_on_a_day(session: Session, day: date, valid: bool) -> None:
    row = ReserveShare(area_code="640000", percent=12, source="x", valid_from=date(2026, 1, 1), valid_to=date(2026, 12, 31))
    session.add(row)
    session.flush()
    assert row.covers(day) is valid
    found = session.scalar(select(ReserveShare.id).where(ReserveShare.id == row.id, valid_on(ReserveShare, day)))
    assert (found is not None) is valid


def test_without_a_last_day_it_goes_on(session: Session) -> None:
    row = ReserveShare(area_code="640000", percent=12, source="x", valid_from=date(2026, 1, 1), valid_to=None)
    assert row.covers(date(2999, 1, 1))


def test_a_period_does_not_end_before_it_begins(session: Session) -> None:
    session.add(ReserveShare(area_code="640000", percent=12, source="x", valid_from=date(2026, 1, 2), valid_to=date(2026, 1, 1)))
    with pytest.raises(DataError), session.begin_nested():
        session.flush()
