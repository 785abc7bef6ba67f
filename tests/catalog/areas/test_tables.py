from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from catalog.areas import tables
from catalog.areas.tables import AreaRow, parse_areas

DATA = Path(tables.__file__).parent / "data"


def read(name: str) -> str:
    return (DATA / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def areas() -> dict[str, AreaRow]:
    return {row.code: row for row in parse_areas(read("areas.csv"))}


def test_the_codes_in_force_on_the_day_of_the_source(areas: dict[str, AreaRow]) -> None:
    in_force = Counter(row.level for row in areas.values() if row.valid_to is None)
    assert in_force == {"province": 34, "prefecture": 333, "county": 2846}


def test_parents_come_first_and_one_level_up(areas: dict[str, AreaRow]) -> None:
    order = list(areas)
    for row in areas.values():
        if row.level == "province":
            assert row.parent_code is None
        else:
            assert row.parent_code is not None
            assert order.index(row.parent_code) < order.index(row.code)
            assert areas[row.parent_code].level in tables.LEVELS[: tables.LEVELS.index(row.level)]


def test_a_code_given_up_leads_to_the_code_in_force(areas: dict[str, AreaRow]) -> None:
    cuona = areas["540530"]  # 错那县, since 2023 错那市
    assert (cuona.valid_to, cuona.successors) == (date(2022, 12, 31), ("540581",))
    assert (areas["540581"].name, areas["540581"].valid_from, areas["540581"].valid_to) == ("错那市", date(2023, 1, 1), None)
    assert areas["542100"].successors == ("540300",)  # 昌都地区 became 昌都市; the source leaves it open
    for row in areas.values():
        assert bool(row.successors) == (row.valid_to is not None), row


def test_all_34_provinces_are_drawn_each_on_its_tile(areas: dict[str, AreaRow]) -> None:
    provinces = tables.parse_provinces(read("provinces.csv"))
    assert {row.code: row.name for row in provinces} == {r.code: r.name for r in areas.values() if r.level == "province"}
    tiles = {row.short_name: (row.tile_x, row.tile_y) for row in provinces}
    assert max(x for x, _ in tiles.values()) == max(y for _, y in tiles.values()) == 7
    assert tiles["黑"][1] == 0
    assert tiles["新"][0] == 0
    for west, east in ("新沪", "青鲁", "藏苏", "滇浙", "桂闽"):
        assert tiles[west][0] < tiles[east][0]
    english = {row.code: row.label_en for row in provinces}
    assert (english["710000"], english["810000"], english["820000"]) == ("Taiwan, China", "Hong Kong SAR", "Macao SAR")
    assert english["610000"] != english["140000"]


def test_the_supported_lists_and_their_counties(areas: dict[str, AreaRow]) -> None:
    counties = tables.parse_supported_counties(read("supported_counties.csv"))
    lists = {row.list_name: row for row in tables.parse_supported_lists(read("supported_lists.csv"))}
    assert len(counties) == 833
    assert len(tables.counties_on(lists["832"], counties)) == 832
    assert len(tables.counties_on(lists["160"], counties)) == 160
    assert [row.name for row in counties if "is_832" not in row.flags] == ["红寺堡区"]
    for row in counties:
        if row.code is None:
            assert row.position is None, "a unit without a code has no polygon to take a centroid from"
        else:
            assert areas[row.code].name == row.name
            assert areas[row.code].valid_to is None
            assert row.code[:2] == row.province_code[:2]
            assert row.position is not None
            assert 73 < row.position[0] < 135
            assert 18 < row.position[1] < 54


def test_gansu_is_shared_by_two_partners() -> None:
    counties = tables.parse_supported_counties(read("supported_counties.csv"))
    assert Counter(row.partner_code for row in counties if row.province_code == "620000") == {"120000": 34, "370000": 24}


def test_pairings_name_areas_as_the_code_list_does(areas: dict[str, AreaRow]) -> None:
    pairings = tables.parse_pairings(read("pairings.csv"))
    assert len(pairings) == 65
    for row in pairings:
        assert (areas[row.east_code].name, areas[row.west_code].name) == (row.east, row.west)
    day = date(2026, 11, 22)
    partners = {
        row.east
        for row in pairings
        if row.west_code == "640000" and row.valid_from <= day and (row.valid_to is None or row.valid_to >= day)
    }
    assert partners == {"福建省"}
    assert {row.valid_to for row in pairings if row.relation == "东西部扶贫协作"} == {date(2020, 12, 31)}


def test_reserve_shares() -> None:
    shares = tables.parse_reserve_shares(read("reserve_shares.csv"))
    assert {row.area_code: row.percent for row in shares} == {None: 10, "630000": 15}


AREAS = "code,name,level,parent_code,valid_from,valid_to,successors\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("64000,宁夏,province,,1981-01-01,,", "no code"),
        ("940000,宁夏,province,,1981-01-01,,", "no code"),
        ("640000,,province,,1981-01-01,,", "empty cell"),
        ("640000,宁夏,state,,1981-01-01,,", "no level"),
        ("640000,宁夏,province,,1981,,", "line 2"),
        ("640000,宁夏,province,,1981-01-01,1980-12-31,", "before it begins"),
        ("640100,银川市,prefecture,640000,1981-01-01,,", "640000 is not in the table"),
        ("640000,宁夏,province,,1981-01-01,1999-12-31,650000", "650000 is not in the table"),
        ("640000,宁夏", "line 2"),
        ("640000,宁夏,province,,1981-01-01,,\n640000,宁夏,province,,1981-01-01,,", "twice"),
    ],
)
def test_a_bad_row_is_refused_with_its_place(line: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        parse_areas(AREAS + line)


def test_two_provinces_on_one_tile_are_refused() -> None:
    text = read("provinces.csv").replace("municipality,5,2", "municipality,6,2")
    with pytest.raises(ValueError, match="tile 6,2 stands there twice"):
        tables.parse_provinces(text)


@pytest.mark.parametrize("percent", ["101", "-1", "x"])
def test_a_share_is_a_percentage(percent: str) -> None:
    with pytest.raises(ValueError, match="line 2"):
        tables.parse_reserve_shares(f"area_code,percent,valid_from,valid_to,source,basis\n,{percent},2022-01-01,,s,b\n")
