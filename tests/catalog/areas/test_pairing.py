"""Pairings and lists change by opening and ending periods; the database refuses two at once."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.areas import pairing
from catalog.areas.models import Pairing
from catalog.areas.queries import find_eastern_partners, find_supported
from kernel.errors import Conflict, Invalid, NotFound

TODAY = date(2026, 11, 22)


def opened(session: Session, **over: object) -> Pairing:
    values: dict[str, object] = {
        "relation": "东西部协作",
        "east_code": "110000",
        "west_code": "640323",
        "valid_from": date(2026, 1, 1),
        "valid_to": None,
        "source": "示例文件 2026-01",
    }
    return pairing.open_pairing(session, **(values | over))  # type: ignore[arg-type]


def test_a_new_pairing_of_the_county_speaks_before_that_of_the_province(session: Session) -> None:
    assert opened(session).level == "county"
    assert find_eastern_partners(session, "640323", TODAY) == ["110000"]
    assert find_eastern_partners(session, "640323", date(2025, 12, 31)) == ["350000"]


def test_an_ended_pairing_keeps_its_past(session: Session) -> None:
    row = opened(session)
    pairing.end_pairing(session, row.id, date(2026, 6, 30))
    assert find_eastern_partners(session, "640323", date(2026, 6, 30)) == ["110000"]
    assert find_eastern_partners(session, "640323", date(2026, 7, 1)) == ["350000"]
    with pytest.raises(Conflict):
        pairing.end_pairing(session, row.id, date(2026, 12, 31))
    with pytest.raises(Invalid):
        pairing.end_pairing(session, row.id, date(2025, 12, 31))


@pytest.mark.parametrize(
    ("over", "problem"),
    [
        ({"west_code": "000001"}, NotFound),
        ({"west_code": "110000"}, Invalid),
        ({"source": " "}, Invalid),
        ({"relation": ""}, Invalid),
        ({"valid_to": date(2025, 1, 1)}, Invalid),
    ],
)
def test_what_makes_no_sense_is_refused(session: Session, over: dict[str, object], problem: type[Exception]) -> None:
    with pytest.raises(problem):
        opened(session, **over)


def raw_twin(session: Session) -> None:
    session.execute(
        text(
            "INSERT INTO areas_pairing (id, relation, level, east_code, west_code, basis, source, valid_from, valid_to) VALUES "
            "(gen_random_uuid(), '东西部协作', 'county', '110000', '640323', '', 'x', '2026-06-01', NULL)"
        )
    )


def test_two_pairings_at_once_are_refused_by_act_and_by_the_database(session: Session) -> None:
    opened(session)
    with pytest.raises(Conflict):
        opened(session, valid_from=date(2026, 6, 1))
    with pytest.raises(IntegrityError, match="ex_areas_pairing_period"), session.begin_nested():
        raw_twin(session)


def test_without_the_constraint_two_pairings_would_stand(session: Session) -> None:
    """The guard switched off: the row that the constraint refuses goes in."""
    opened(session)
    session.execute(text("ALTER TABLE areas_pairing DROP CONSTRAINT ex_areas_pairing_period"))
    raw_twin(session)


def test_a_county_joins_and_leaves_a_list(session: Session) -> None:
    assert find_supported(session, "640121", TODAY) == []
    pairing.enlist_county(session, list_name="832", county_code="640121", valid_from=date(2026, 3, 1), basis="示例文件")
    assert [row.county_name for row in find_supported(session, "640121", TODAY)] == ["永宁县"]
    with pytest.raises(Conflict):
        pairing.enlist_county(session, list_name="832", county_code="640121", valid_from=TODAY, basis="示例文件")
    pairing.delist_county(session, list_name="832", county_code="640121", from_day=date(2026, 11, 1))
    assert find_supported(session, "640121", TODAY) == []
    assert find_supported(session, "640121", date(2026, 10, 31)) != []
    with pytest.raises(NotFound):
        pairing.delist_county(session, list_name="832", county_code="640121", from_day=TODAY)
    with pytest.raises(Invalid):
        pairing.enlist_county(session, list_name="none", county_code="640121", valid_from=TODAY, basis="示例文件")
