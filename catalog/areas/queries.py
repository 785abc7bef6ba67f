"""Looking up areas, supported lists, pairings and reserve shares on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.codes import prefecture_of, province_of
from catalog.areas.models import Area, Level, Pairing, Province, ReserveShare, SupportedCounty, SupportedList
from kernel.errors import NotFound
from kernel.periods import valid_on
from kernel.rows import fetch

__all__ = [
    "find_area",
    "find_eastern_partners",
    "find_reserve_share",
    "find_supported",
    "get_area",
    "is_paired",
    "list_areas",
    "list_children",
    "list_pairings",
    "list_provinces",
    "list_supported",
    "list_supported_lists",
    "name_path",
    "prefecture_of",
    "province_of",
    "resolve_area",
]


def find_area(session: Session, code: str) -> Area | None:
    """The area with this code, in force or not, or None."""
    return session.get(Area, code)


def get_area(session: Session, code: str) -> Area:
    """The area with this code. Raises NotFound."""
    area = find_area(session, code)
    if area is None:
        raise NotFound("没有代码为“%(code)s”的行政区划，请核对六位代码。", params={"code": code[:12]})
    return area


def resolve_area(session: Session, code: str) -> Area:
    """The area in force that carries on this code (follows successors: 错那 540530 → 540581). Raises NotFound."""
    area = get_area(session, code)
    seen = {area.code}
    while area.successor_code is not None and area.successor_code not in seen:
        area = get_area(session, area.successor_code)
        seen.add(area.code)
    return area


def list_areas(session: Session, codes: Sequence[str]) -> dict[str, Area]:
    """The areas with these codes, by code; unknown codes are left out."""
    return fetch(session, Area, codes)


def list_children(session: Session, parent_code: str | None, on: date) -> Sequence[Area]:
    """Areas in force on that day right below ``parent_code`` (provinces when None), by code."""
    query = select(Area).where(
        (Area.valid_from.is_(None)) | (Area.valid_from <= on), (Area.valid_to.is_(None)) | (Area.valid_to >= on)
    )
    below = Area.level == Level.PROVINCE if parent_code is None else Area.parent_code == parent_code
    return session.scalars(query.where(below).order_by(Area.code)).all()


def name_path(session: Session, code: str, *, english: bool = False) -> list[str]:
    """Names from the province down to the area, e.g. [宁夏回族自治区, 吴忠市, 盐池县]; empty for an unknown code."""
    codes = dict.fromkeys((province_of(code), prefecture_of(code), code))
    found = list_areas(session, list(codes))
    path = [(found[c].name_en if english else "") or found[c].name for c in codes if c in found]
    return path if code in found else []


def list_provinces(session: Session) -> Sequence[tuple[Area, Province]]:
    """All 34 province-level units with their place on the schematic grid, by code."""
    rows = session.execute(select(Area, Province).join(Province, Province.code == Area.code).order_by(Area.code))
    return [(area, province) for area, province in rows]


def list_supported_lists(session: Session) -> Sequence[SupportedList]:
    """The dated lists we know, the newest first."""
    return session.scalars(select(SupportedList).order_by(SupportedList.valid_from.desc(), SupportedList.name)).all()


def list_supported(
    session: Session, on: date, *, province_code: str | None = None, list_name: str | None = None
) -> Sequence[SupportedCounty]:
    """Counties on the supported lists that are valid on that day, by province and code."""
    query = select(SupportedCounty).where(valid_on(SupportedCounty, on))
    if province_code is not None:
        query = query.where(SupportedCounty.province_code == province_code)
    if list_name is not None:
        query = query.where(SupportedCounty.list_name == list_name)
    return session.scalars(
        query.order_by(SupportedCounty.province_code, SupportedCounty.county_code, SupportedCounty.county_name)
    ).all()


def find_supported(session: Session, county_code: str, on: date) -> Sequence[SupportedCounty]:
    """The list rows that name this county (by its old code or its new one) on that day; empty when it is on no list."""
    area = find_area(session, county_code)
    codes = {county_code} if area is None else {county_code, resolve_area(session, county_code).code}
    return session.scalars(
        select(SupportedCounty)
        .where(SupportedCounty.county_code.in_(codes), valid_on(SupportedCounty, on))
        .order_by(SupportedCounty.list_name)
    ).all()


def list_pairings(session: Session, on: date, *, west_codes: Sequence[str] | None = None) -> Sequence[Pairing]:
    """Pairings valid on that day, those of ``west_codes`` or all."""
    query = select(Pairing).where(valid_on(Pairing, on))
    if west_codes is not None:
        query = query.where(Pairing.west_code.in_(set(west_codes)))
    return session.scalars(query.order_by(Pairing.west_code, Pairing.east_code, Pairing.relation)).all()


def find_eastern_partners(session: Session, county_code: str, on: date) -> list[str]:
    """Codes of the eastern provinces paired with this county on that day.

    The most particular level speaks: a pairing of the county before one of its prefecture before one of its province. Where only the
    province is paired, and with several, the supported list says which of them was assigned the county (甘肃: 陇南, 定西, 临夏 with
    山东, the rest with 天津). Pairings inside one province are no east–west pairing.
    """
    area = find_area(session, county_code)
    code = county_code if area is None else resolve_area(session, county_code).code
    by_level = {code: 0, county_code: 0, prefecture_of(code): 1, province_of(code): 2}
    across = [
        row
        for row in list_pairings(session, on, west_codes=list(by_level))
        if province_of(row.east_code) != province_of(row.west_code)
    ]
    if not across:
        return []
    nearest = min(by_level[row.west_code] for row in across)
    partners = {province_of(row.east_code) for row in across if by_level[row.west_code] == nearest}
    if len(partners) > 1:
        assigned = {row.partner_code for row in find_supported(session, code, on)} & partners
        partners = {code for code in assigned if code} or partners
    return sorted(partners)


def is_paired(session: Session, county_code: str, east_code: str, on: date) -> bool:
    """Whether the province of ``east_code`` is an eastern partner of the county on that day."""
    return province_of(east_code) in find_eastern_partners(session, county_code, on)


def find_reserve_share(session: Session, area_code: str, on: date) -> ReserveShare | None:
    """The reserve share (预留份额) that holds for an area on that day: its own, its prefecture's, its province's, the nation's."""
    wanted: list[str | None] = list(dict.fromkeys((area_code, prefecture_of(area_code), province_of(area_code))))
    rows = session.scalars(select(ReserveShare).where(valid_on(ReserveShare, on))).all()
    for code in [*wanted, None]:
        for row in rows:
            if row.area_code == code:
                return row
    return None
