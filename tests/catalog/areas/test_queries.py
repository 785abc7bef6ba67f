"""Partners and lists on a day, on the real reference tables."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from catalog.areas import queries
from catalog.areas.models import Pairing, SupportedCounty
from kernel.errors import NotFound

TODAY = date(2026, 11, 22)
TIANJIN, SHANDONG, FUJIAN, JIANGSU, GUANGDONG, SHANGHAI = "120000", "370000", "350000", "320000", "440000", "310000"


@pytest.mark.parametrize(
    ("county", "on", "partners"),
    [
        ("640323", TODAY, [FUJIAN]),  # 盐池: its province has one partner
        ("620826", TODAY, [TIANJIN]),  # 静宁: its own row (武清区) speaks before its province's two
        ("621022", TODAY, [TIANJIN]),  # 环县: only the province is paired, with two; the list assigns 天津
        ("621226", TODAY, [SHANDONG]),  # 礼县: its prefecture 陇南 is paired with 山东
        ("610727", TODAY, [JIANGSU]),  # 略阳: a pairing inside 陕西 is no east-west pairing
        ("621102", date(2018, 6, 1), [FUJIAN]),  # 安定区: 福州-定西 until 2020
        ("530602", date(2018, 6, 1), [GUANGDONG]),  # 昭阳区: 中山 and 东莞, one province
        ("530602", TODAY, [SHANGHAI]),
        ("130625", TODAY, []),  # 徐水区: nobody any more
        ("640323", date(2015, 1, 1), []),
    ],
)
def test_partners_of_a_county_on_a_day(session: Session, county: str, on: date, partners: list[str]) -> None:
    assert queries.find_eastern_partners(session, county, on) == partners


def test_thirty_four_counties_of_gansu_belong_to_tianjin(session: Session) -> None:
    gansu = [row.county_code for row in queries.list_supported(session, TODAY, province_code="620000", list_name="832")]
    assert len(gansu) == 58
    partners = [queries.find_eastern_partners(session, code, TODAY) for code in gansu if code]
    assert partners.count([TIANJIN]) == 34
    assert partners.count([SHANDONG]) == 24


def test_without_the_assignment_both_partners_of_the_province_stand(session: Session) -> None:
    session.execute(update(SupportedCounty).where(SupportedCounty.county_code == "621022").values(partner_code=None))
    assert queries.find_eastern_partners(session, "621022", TODAY) == [TIANJIN, SHANDONG]


def test_a_pairing_counts_to_its_last_day(session: Session) -> None:
    session.execute(delete(Pairing).where(Pairing.west_code == "640000"))
    session.add(
        Pairing(
            relation="东西部协作",
            level="province",
            east_code=FUJIAN,
            west_code="640000",
            valid_from=date(2021, 1, 1),
            valid_to=date(2025, 12, 31),
            source="test",
        )
    )
    session.flush()
    assert queries.is_paired(session, "640323", "350100", date(2025, 12, 31))
    assert not queries.is_paired(session, "640323", "350100", date(2026, 1, 1))


def test_paired_asks_for_the_province_of_the_eastern_area(session: Session) -> None:
    assert queries.is_paired(session, "620826", "120114", TODAY)
    assert queries.is_paired(session, "620826", "120101", TODAY)
    assert not queries.is_paired(session, "620826", "110101", TODAY)


def test_an_old_code_and_its_successor_are_one_county(session: Session) -> None:
    assert queries.resolve_area(session, "540530").code == "540581"
    old, new = (queries.find_supported(session, code, TODAY) for code in ("540530", "540581"))
    assert old == new != []
    assert queries.find_eastern_partners(session, "540530", TODAY) == queries.find_eastern_partners(session, "540581", TODAY)


def test_the_lists_hold_on_their_days_only(session: Session) -> None:
    assert len(queries.list_supported(session, TODAY, list_name="832")) == 832
    assert len(queries.list_supported(session, TODAY, list_name="160")) == 160
    assert queries.list_supported(session, date(2019, 12, 31)) == []
    assert [row.list_name for row in queries.find_supported(session, "640303", TODAY)] == ["160"]


def test_a_name_path_leads_from_the_province_down(session: Session) -> None:
    assert queries.name_path(session, "640323") == ["宁夏回族自治区", "吴忠市", "盐池县"]
    assert queries.name_path(session, "640000") == ["宁夏回族自治区"]
    assert queries.name_path(session, "999999") == []


def test_reserve_share_of_the_nearest_area(session: Session) -> None:
    share = queries.find_reserve_share(session, "630105", TODAY)
    assert share is not None
    assert share.percent == 15
    nation = queries.find_reserve_share(session, "350100", TODAY)
    assert nation is not None
    assert nation.percent == 10
    assert queries.find_reserve_share(session, "350100", date(2010, 1, 1)) is None


def test_an_unknown_code_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound):
        queries.get_area(session, "000000")


def test_all_thirty_four_provinces_have_their_tile(session: Session) -> None:
    rows = queries.list_provinces(session)
    assert len(rows) == 34
    assert len({(province.tile_x, province.tile_y) for _, province in rows}) == 34


def test_children_are_those_in_force(session: Session) -> None:
    codes = [area.code for area in queries.list_children(session, "540500", TODAY)]
    assert "540581" in codes
    assert "540530" not in codes
    assert len(queries.list_children(session, None, TODAY)) == 34
