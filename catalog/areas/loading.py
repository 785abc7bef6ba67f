"""Bring the reference tables of ``data/`` into the database; run again, it adds what is new and changes no period an operator set."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.areas import tables
from catalog.areas.models import Area, Pairing, Province, ReserveShare, SupportedCounty, SupportedList
from catalog.areas.romanisation import romanise
from kernel.db import Base
from kernel.ids import uuid7

log = structlog.get_logger()

TABLES = ("areas", "provinces", "supported_lists", "supported_counties", "pairings", "reserve_shares")


@dataclass(frozen=True)
class Reference:
    """All reference rows, parsed and checked."""

    areas: Sequence[tables.AreaRow]
    provinces: Sequence[tables.ProvinceRow]
    lists: Sequence[tables.SupportedListRow]
    counties: Sequence[tables.SupportedCountyRow]
    pairings: Sequence[tables.PairingRow]
    shares: Sequence[tables.ReserveShareRow]


@functools.cache
def read_reference() -> Reference:
    """The packaged tables. Raises ValueError when a file is damaged."""

    def text(name: str) -> str:
        return (files("catalog.areas") / "data" / name).read_text("utf-8")

    return Reference(
        tables.parse_areas(text("areas.csv")),
        tables.parse_provinces(text("provinces.csv")),
        tables.parse_supported_lists(text("supported_lists.csv")),
        tables.parse_supported_counties(text("supported_counties.csv")),
        tables.parse_pairings(text("pairings.csv")),
        tables.parse_reserve_shares(text("reserve_shares.csv")),
    )


def digest_reference() -> str:
    """Changes with the packaged tables or with how they are read: whoever loaded them may skip doing it again."""
    folder, digest = files("catalog.areas"), hashlib.sha256()
    for name in ("tables.py", "loading.py", *sorted(f"data/{table}.csv" for table in TABLES)):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]


def load_reference(session: Session, at: datetime) -> int:
    """Load what is missing and return how many rows were new. Safe to run at every start, and by several processes at once."""
    reference = read_reference()
    session.execute(select(func.pg_advisory_xact_lock(func.hashtext("areas.load_reference"))))
    added = _load_areas(session, reference)
    lists = [_list(row) for row in reference.lists]
    added += _add(session, SupportedList, lists)
    for row in reference.lists:
        if not session.scalar(select(SupportedCounty.id).where(SupportedCounty.list_name == row.list_name).limit(1)):
            added += _add(session, SupportedCounty, [_county(row, c) for c in tables.counties_on(row, list(reference.counties))])
    for model, values in ((Pairing, _pairings(reference)), (ReserveShare, _shares(reference))):
        if not session.scalar(select(model.id).limit(1)):
            added += _add(session, model, values)
    log.info("reference loaded", added=added, at=at.isoformat())
    return added


def _load_areas(session: Session, reference: Reference) -> int:
    names = {row.code: row.name_en for row in reference.provinces}
    values = [
        {
            "code": row.code,
            "name": row.name,
            "name_en": names.get(row.code) or romanise(row.name),
            "level": row.level,
            "parent_code": row.parent_code,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
        }
        for row in reference.areas
    ]
    added = _add(session, Area, values)
    if added:
        successors = [
            {"code": row.code, "successor_code": row.successors[0]} for row in reference.areas if len(row.successors) == 1
        ]
        session.execute(update(Area), successors)
    added += _add(
        session,
        Province,
        [
            {
                "code": row.code,
                "short_name": row.short_name,
                "label_en": row.label_en,
                "kind": row.kind,
                "tile_x": row.tile_x,
                "tile_y": row.tile_y,
            }
            for row in reference.provinces
        ],
    )
    return added


def _add(session: Session, model: type[Base], values: Sequence[dict[str, Any]]) -> int:
    """Insert those rows that do not clash with one that is there; parents stand before children in ``values``."""
    added = 0
    for start in range(0, len(values), 1000):
        result = session.execute(insert(model).values(list(values[start : start + 1000])).on_conflict_do_nothing().returning(1))
        added += len(result.all())
    return added


def _list(row: tables.SupportedListRow) -> dict[str, Any]:
    return {
        "name": row.list_name,
        "title": row.title,
        "title_en": row.title_en,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "basis": row.basis,
    }


def _county(row: tables.SupportedListRow, county: tables.SupportedCountyRow) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "list_name": row.list_name,
        "county_name": county.name_on_list,
        "county_code": county.code,
        "province_code": county.province_code,
        "partner_code": county.partner_code,
        "key_county": "key_160" in county.flags,
        "exit_year": county.exit_year,
        "valid_from": row.valid_from,
        "valid_to": row.valid_to,
        "basis": county.key_basis if row.flag == "key_160" else "",
    }


def _pairings(reference: Reference) -> list[dict[str, Any]]:
    return [
        {
            "id": uuid7(),
            "relation": row.relation,
            "level": row.level,
            "east_code": row.east_code,
            "west_code": row.west_code,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "basis": row.basis,
            "source": row.source,
        }
        for row in reference.pairings
    ]


def _shares(reference: Reference) -> list[dict[str, Any]]:
    return [
        {
            "id": uuid7(),
            "area_code": row.area_code,
            "percent": row.percent,
            "valid_from": row.valid_from,
            "valid_to": row.valid_to,
            "source": row.source,
        }
        for row in reference.shares
    ]
