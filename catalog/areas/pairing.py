"""Acts on what policy says of areas: open and end pairings, put a county on a list and take it off.

Nothing is deleted: a pairing that ends keeps its period, so last year's report still adds up.
"""

from __future__ import annotations

from datetime import date, timedelta
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.codes import province_of
from catalog.areas.models import Area, Level, Pairing, SupportedCounty, SupportedList
from catalog.areas.queries import get_area
from kernel.errors import Conflict, Invalid, NotFound
from kernel.periods import valid_on

LEVELS = {Level.PROVINCE: 0, Level.PREFECTURE: 1, Level.COUNTY: 2}


def open_pairing(
    session: Session, *, relation: str, east_code: str, west_code: str, valid_from: date, valid_to: date | None, source: str
) -> Pairing:
    """Pair two areas from a day on; the level is that of the western area.

    Raises NotFound (unknown code), Invalid (empty relation or source, period that ends before it begins), Conflict (already paired).
    """
    east, west = get_area(session, east_code), get_area(session, west_code)
    _check(relation, "relation")
    _check(source, "source")
    _check_period(valid_from, valid_to)
    if east.code == west.code:
        raise Invalid("结对双方不能是同一个地区。", field="west_code")
    clash = select(Pairing.id).where(
        Pairing.relation == relation,
        Pairing.east_code == east_code,
        Pairing.west_code == west_code,
        (Pairing.valid_to.is_(None)) | (Pairing.valid_to >= valid_from),
        Pairing.valid_from <= (valid_to or date.max),
    )
    if session.scalar(clash.limit(1)) is not None:
        raise Conflict("这两个地区在这段时间里已有结对记录，请先结束原来的记录。")
    pairing = Pairing(
        relation=relation.strip(),
        level=west.level,
        east_code=east_code,
        west_code=west_code,
        valid_from=valid_from,
        valid_to=valid_to,
        basis="operator",
        source=source.strip(),
    )
    session.add(pairing)
    session.flush()
    return pairing


def end_pairing(session: Session, pairing_id: UUID, last_day: date) -> Pairing:
    """Let a pairing end with ``last_day``. Raises NotFound, Invalid (before its first day), Conflict (ended already)."""
    pairing = session.get(Pairing, pairing_id, with_for_update=True)
    if pairing is None:
        raise NotFound("没有这条结对记录。")
    if last_day < pairing.valid_from:
        raise Invalid("结束日期不能早于开始日期。", field="last_day")
    if pairing.valid_to is not None and pairing.valid_to < last_day:
        raise Conflict("这条结对记录已经结束，不能延长；请新建一条记录。")
    pairing.valid_to = last_day
    session.flush()
    return pairing


def enlist_county(
    session: Session,
    *,
    list_name: str,
    county_code: str,
    valid_from: date,
    valid_to: date | None = None,
    key_county: bool = False,
    basis: str,
) -> SupportedCounty:
    """Put a county on a dated list. Raises NotFound, Invalid, Conflict (on the list already on that day)."""
    area: Area = get_area(session, county_code)
    if session.get(SupportedList, list_name) is None:
        raise Invalid("没有这份名单。", field="list_name")
    _check(basis, "basis")
    _check_period(valid_from, valid_to)
    there = select(SupportedCounty.id).where(
        SupportedCounty.list_name == list_name, SupportedCounty.county_code == county_code, valid_on(SupportedCounty, valid_from)
    )
    if session.scalar(there) is not None:
        raise Conflict("这个县在这一天已在名单上。")
    row = SupportedCounty(
        list_name=list_name,
        county_name=area.name,
        county_code=county_code,
        province_code=province_of(county_code),
        key_county=key_county,
        valid_from=valid_from,
        valid_to=valid_to,
        basis=basis,
    )
    session.add(row)
    session.flush()
    return row


def delist_county(session: Session, *, list_name: str, county_code: str, from_day: date) -> None:
    """Take a county off a list from ``from_day`` on. Raises NotFound when it is not on the list on that day."""
    row = session.scalar(
        select(SupportedCounty)
        .where(
            SupportedCounty.list_name == list_name,
            SupportedCounty.county_code == county_code,
            valid_on(SupportedCounty, from_day),
        )
        .with_for_update()
    )
    if row is None:
        raise NotFound("这个县在这一天不在名单上。")
    if row.valid_from >= from_day:
        raise Invalid("移出日期要晚于列入日期。", field="from_day")
    row.valid_to = from_day - timedelta(days=1)
    session.flush()


def _check(text: str, field: str) -> None:
    if not text.strip():
        raise Invalid("这一项必须填写。", field=field)


def _check_period(valid_from: date, valid_to: date | None) -> None:
    if valid_to is not None and valid_to < valid_from:
        raise Invalid("结束日期不能早于开始日期。", field="valid_to")
