"""Addresses of a person: add and remove, never edit, since orders keep their own copy."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.areas.models import Level
from catalog.areas.queries import find_area
from kernel.errors import FieldError, Invalid, NotFound
from shop.accounts.models import Address

_PHONE = re.compile(r"^(1[3-9][0-9]{9}|0[0-9]{2,3}-?[0-9]{7,8})$")


def add_address(session: Session, person_id: UUID, typed: Mapping[str, str], *, at: datetime) -> Address:
    """Store an address. Raises Invalid with every wrong field."""
    address = Address(person_id=person_id, created_at=at, **check_address(session, typed))
    session.add(address)
    session.flush()
    return address


FIELDS = ("recipient", "phone", "province_code", "city", "district", "street")


def check_address(session: Session, typed: Mapping[str, str]) -> dict[str, str]:
    """The cleaned ``FIELDS`` of an address. Raises Invalid naming every field that needs mending."""
    values = {name: typed.get(name, "").strip() for name in FIELDS}
    errors = []
    if not 1 <= len(values["recipient"]) <= 40:
        errors.append(FieldError("recipient", "请填写收货人姓名。"))
    if not _PHONE.match(values["phone"]):
        errors.append(FieldError("phone", "请填写 11 位手机号，或带区号的座机。"))
    area = find_area(session, values["province_code"])
    if area is None or area.level is not Level.PROVINCE:
        errors.append(FieldError("province_code", "请选择省份。"))
    if not 1 <= len(values["city"]) <= 40:
        errors.append(FieldError("city", "请填写城市。"))
    if len(values["district"]) > 40:
        errors.append(FieldError("district", "区县名称太长了。"))
    if not 4 <= len(values["street"]) <= 120:
        errors.append(FieldError("street", "请填写街道、门牌等详细地址。"))
    if errors:
        raise Invalid("地址有几处需要改一下。", errors=errors)
    return values


def remove_address(session: Session, person_id: UUID, address_id: UUID, *, at: datetime) -> None:
    """Take an address off the list. Raises NotFound for somebody else's."""
    address = session.get(Address, address_id)
    if address is None or not owns(address, person_id):
        raise NotFound("没有这个地址。")
    address.removed_at = at


def owns(address: Address, person_id: UUID) -> bool:
    """Whether the address is this person's."""
    return address.person_id == person_id
