"""The reference tables of this room as plain rows: codes, provinces, supported lists, pairings, reserved shares.

Pure: text of a CSV file in, frozen rows out, everything checked on the way. `data/README.md` names the sources.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, TypeVar

LEVELS: Final = ("province", "prefecture", "county")
_CODE = re.compile(r"[1-8][0-9]{5}")

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class AreaRow:
    """One code of GB/T 2260. `valid_to` is its last day, None while in force; `successors` took its place."""

    code: str
    name: str
    level: str
    parent_code: str | None
    valid_from: date
    valid_to: date | None
    successors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ProvinceRow:
    """One province-level unit. The tile grid counts x from the west and y from the north, both from 0."""

    code: str
    name: str
    short_name: str
    name_en: str
    label_en: str
    kind: str
    tile_x: int
    tile_y: int


@dataclass(frozen=True, slots=True)
class SupportedListRow:
    """A dated list of supported counties; `flag` is the column of the county table that says who is on it."""

    list_name: str
    flag: str
    title: str
    title_en: str
    valid_from: date
    valid_to: date | None
    basis: str


@dataclass(frozen=True, slots=True)
class SupportedCountyRow:
    """One county of the supported lists. `code` is None for the two units that never had one.

    `position` is (longitude, latitude) of the centroid in degrees, for dots and distances only.
    """

    code: str | None
    name: str
    name_on_list: str
    province_code: str
    flags: frozenset[str]
    exit_year: int | None
    key_basis: str
    partner_code: str | None
    position: tuple[Decimal, Decimal] | None
    note: str


@dataclass(frozen=True, slots=True)
class PairingRow:
    """An eastern and a western area paired under one relation for a period."""

    relation: str
    level: str
    east_code: str
    east: str
    west_code: str
    west: str
    valid_from: date
    valid_to: date | None
    basis: str
    source: str


@dataclass(frozen=True, slots=True)
class ReserveShareRow:
    """A reserved share (预留份额) in percent of an area's budget units; `area_code` None means the whole country."""

    area_code: str | None
    percent: int
    valid_from: date
    valid_to: date | None
    source: str
    basis: str


def parse_areas(text: str) -> list[AreaRow]:
    """Rows of areas.csv, parents before children. Raises ValueError for a bad row or an unknown parent or successor."""
    rows = list(_read(text, _area))
    codes = _unique([row.code for row in rows])
    for row in rows:
        for other in (row.parent_code, *row.successors):
            if other is not None and other not in codes:
                raise ValueError(f"area {row.code}: {other} is not in the table")
    return sorted(rows, key=lambda row: (LEVELS.index(row.level), row.code))


def parse_provinces(text: str) -> list[ProvinceRow]:
    """Rows of provinces.csv. Raises ValueError for a bad row, or when two share a code or a tile."""
    rows = list(_read(text, _province))
    _unique([row.code for row in rows])
    _unique([f"tile {row.tile_x},{row.tile_y}" for row in rows])
    return rows


def parse_supported_lists(text: str) -> list[SupportedListRow]:
    """Rows of supported_lists.csv. Raises ValueError for a bad row."""
    return list(_read(text, _supported_list))


def parse_supported_counties(text: str) -> list[SupportedCountyRow]:
    """Rows of supported_counties.csv. Raises ValueError for a bad row, or when two share a code."""
    rows = list(_read(text, _supported_county))
    _unique([row.code for row in rows if row.code is not None])
    return rows


def parse_pairings(text: str) -> list[PairingRow]:
    """Rows of pairings.csv. Raises ValueError for a bad row."""
    return list(_read(text, _pairing))


def parse_reserve_shares(text: str) -> list[ReserveShareRow]:
    """Rows of reserve_shares.csv. Raises ValueError for a bad row."""
    return list(_read(text, _reserve_share))


def counties_on(list_row: SupportedListRow, counties: list[SupportedCountyRow]) -> list[SupportedCountyRow]:
    """The counties that stand on one list."""
    return [county for county in counties if list_row.flag in county.flags]


def _read(text: str, make: Callable[[dict[str, str]], Row]) -> Iterator[Row]:
    reader = csv.DictReader(text.lstrip("\ufeff").splitlines(), strict=True)
    for cells in reader:
        try:
            yield make(cells)
        except (KeyError, ValueError, TypeError, ArithmeticError) as error:
            raise ValueError(f"line {reader.line_num}: {error!r}") from error


def _area(cells: dict[str, str]) -> AreaRow:
    valid_from, valid_to = _period(cells)
    return AreaRow(
        code=_code(cells["code"]),
        name=_text(cells["name"]),
        level=_level(cells["level"]),
        parent_code=_code(cells["parent_code"]) if cells["parent_code"] else None,
        valid_from=valid_from,
        valid_to=valid_to,
        successors=tuple(_code(code) for code in cells["successors"].split(";") if code),
    )


def _province(cells: dict[str, str]) -> ProvinceRow:
    return ProvinceRow(
        code=_code(cells["code"]),
        name=_text(cells["name"]),
        short_name=_text(cells["short_name"]),
        name_en=_text(cells["name_en"]),
        label_en=_text(cells["label_en"]),
        kind=_text(cells["kind"]),
        tile_x=int(cells["tile_x"]),
        tile_y=int(cells["tile_y"]),
    )


def _supported_list(cells: dict[str, str]) -> SupportedListRow:
    valid_from, valid_to = _period(cells)
    texts = (_text(cells[column]) for column in ("list_name", "flag", "title", "title_en"))
    list_name, flag, title, title_en = texts
    return SupportedListRow(list_name, flag, title, title_en, valid_from, valid_to, cells["basis"])


def _supported_county(cells: dict[str, str]) -> SupportedCountyRow:
    flags = {column for column in ("is_832", "key_160") if {"0": False, "1": True}[cells[column]]}
    position = (Decimal(cells["lon"]), Decimal(cells["lat"])) if cells["lon"] else None
    return SupportedCountyRow(
        code=_code(cells["gb2260_code"]) if cells["gb2260_code"] else None,
        name=_text(cells["county"]),
        name_on_list=_text(cells["list_name"]),
        province_code=_code(cells["province_code"]),
        flags=frozenset(flags),
        exit_year=int(cells["exit_year"]) if cells["exit_year"] else None,
        key_basis=cells["key_160_basis"],
        partner_code=_code(cells["partner_code"]) if cells["partner_code"] else None,
        position=position,
        note=cells["note"],
    )


def _pairing(cells: dict[str, str]) -> PairingRow:
    valid_from, valid_to = _period(cells)
    return PairingRow(
        relation=_text(cells["relation"]),
        level=_level(cells["level"]),
        east_code=_code(cells["east_code"]),
        east=_text(cells["east"]),
        west_code=_code(cells["west_code"]),
        west=_text(cells["west"]),
        valid_from=valid_from,
        valid_to=valid_to,
        basis=_text(cells["basis"]),
        source=_text(cells["source"]),
    )


def _reserve_share(cells: dict[str, str]) -> ReserveShareRow:
    valid_from, valid_to = _period(cells)
    percent = int(cells["percent"])
    if not 0 <= percent <= 100:
        raise ValueError(f"{percent} is no percentage")
    area_code = _code(cells["area_code"]) if cells["area_code"] else None
    return ReserveShareRow(area_code, percent, valid_from, valid_to, _text(cells["source"]), cells["basis"])


def _code(text: str) -> str:
    if not _CODE.fullmatch(text):
        raise ValueError(f"{text!r} is no code of GB/T 2260")
    return text


def _text(text: str) -> str:
    if not text.strip():
        raise ValueError("an empty cell where a word must stand")
    return text


def _level(text: str) -> str:
    if text not in LEVELS:
        raise ValueError(f"{text!r} is no level")
    return text


def _period(cells: dict[str, str]) -> tuple[date, date | None]:
    first = date.fromisoformat(cells["valid_from"])
    last = date.fromisoformat(cells["valid_to"]) if cells["valid_to"] else None
    if last is not None and last < first:
        raise ValueError(f"ends on {last}, before it begins on {first}")
    return first, last


def _unique(values: list[str]) -> frozenset[str]:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{value} stands there twice")
        seen.add(value)
    return frozenset(seen)
