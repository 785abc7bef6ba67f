"""Addresses of a person. Orders keep their own copy, so a change here changes no order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from catalog.areas.models import Area, Level
from catalog.areas.queries import find_area, list_children
from kernel.clock import today_shanghai
from kernel.errors import FieldError, Invalid, NotFound
from shop.accounts.gazetteer import MUNICIPALITIES
from shop.accounts.models import Address

_PHONE = re.compile(r"^(1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8})$")


def add_address(session: Session, person_id: UUID, typed: Mapping[str, str], *, at: datetime) -> Address:
    """Store an address. Raises Invalid with every wrong field."""
    values = check_address(session, typed, on=today_shanghai(at))
    address = Address(person_id=person_id, created_at=at, area_code=_lowest(typed, values), **values)
    session.add(address)
    session.flush()
    return address


def change_address(session: Session, person_id: UUID, address_id: UUID, typed: Mapping[str, str], *, at: datetime) -> Address:
    """Write another address in its place. Raises NotFound for somebody else's, Invalid with every wrong field."""
    address = _get_own(session, person_id, address_id)
    values = check_address(session, typed, on=today_shanghai(at))
    for name, value in values.items():
        setattr(address, name, value)
    address.area_code = _lowest(typed, values)
    session.flush()
    return address


FIELDS = ("recipient", "phone", "province_code", "city", "district", "street")
PICKED = ("city_code", "district_code")
"""What the pickers send in place of the names ``city`` and ``district``: codes of areas below the province."""


def check_address(session: Session, typed: Mapping[str, str], *, on: date | None = None) -> dict[str, str]:
    """The cleaned ``FIELDS`` of an address. Raises Invalid naming every field that needs mending.

    City and district are names, or codes in ``PICKED`` that become names here (then ``on`` is the day whose areas count).
    """
    values = {name: typed.get(name, "").strip() for name in FIELDS}
    errors = []
    if not 1 <= len(values["recipient"]) <= 40:
        errors.append(FieldError("recipient", "请填写收货人姓名。"))
    if not _PHONE.match(values["phone"]):
        errors.append(FieldError("phone", "请填写 11 位手机号，或带区号的座机。"))
    area = find_area(session, values["province_code"])
    if area is None or area.level is not Level.PROVINCE:
        errors.append(FieldError("province_code", "请选择省份。"))
    elif PICKED[0] in typed:
        assert on is not None, "codes are those of a day"
        errors += _name_picked(session, area, typed, values, on)
    elif not 1 <= len(values["city"]) <= 40:
        errors.append(FieldError("city", "请填写城市。"))
    if len(values["district"]) > 40:
        errors.append(FieldError("district", "区县名称太长了。"))
    if not 4 <= len(values["street"]) <= 120:
        errors.append(FieldError("street", "请填写街道、门牌等详细地址。"))
    if errors:
        raise Invalid("地址有几处需要改一下。", errors=errors)
    return values


def _name_picked(session: Session, province: Area, typed: Mapping[str, str], values: dict[str, str], on: date) -> list[FieldError]:
    """Fill in ``city`` and ``district`` from the codes picked; returns what is still to be picked.

    Districts of a municipality lie right below it, counties that a province runs itself (省直辖) too; 东莞 and its like have none.
    """
    values["city"] = values["district"] = ""
    cities = {area.code: area for area in list_children(session, province.code, on)}
    if not cities:  # 香港, 澳门, 台湾
        values["city"] = province.name
        return []
    city = cities.get(typed.get(PICKED[0], ""))
    if city is None:
        return [FieldError(PICKED[0], "请选择城市。")]
    if province.code in MUNICIPALITIES:
        values["city"], values["district"] = province.name, city.name
        return []
    values["city"] = city.name
    districts = {area.code: area for area in list_children(session, city.code, on)}
    district = districts.get(typed.get(PICKED[1], ""))
    if district is None:
        return [FieldError(PICKED[1], "请选择区县。")] if districts else []
    values["district"] = district.name
    return []


def _lowest(typed: Mapping[str, str], values: Mapping[str, str]) -> str | None:
    """The code of the lowest area picked; None where names were typed."""
    if PICKED[0] not in typed:
        return None
    district = typed.get(PICKED[1], "") if values["district"] and values["province_code"] not in MUNICIPALITIES else ""
    return district or typed[PICKED[0]] or values["province_code"]


def remove_address(session: Session, person_id: UUID, address_id: UUID, *, at: datetime) -> None:
    """Take an address off the list. Raises NotFound for somebody else's."""
    _get_own(session, person_id, address_id).removed_at = at


def make_default(session: Session, person_id: UUID, address_id: UUID) -> None:
    """Have it come first from now on. Raises NotFound for somebody else's or one that was removed."""
    address = _get_own(session, person_id, address_id)
    if address.removed_at is not None:
        raise NotFound("没有这个地址。")
    session.execute(update(Address).where(Address.person_id == person_id, Address.is_default).values(is_default=False))
    address.is_default = True
    session.flush()


def _get_own(session: Session, person_id: UUID, address_id: UUID) -> Address:
    address = session.get(Address, address_id, with_for_update=True)
    if address is None or not owns(address, person_id):
        raise NotFound("没有这个地址。")
    return address


def owns(address: Address, person_id: UUID) -> bool:
    """Whether the address is this person's."""
    return address.person_id == person_id
