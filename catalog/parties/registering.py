"""Enter organisations, people, memberships, households and places."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.areas.queries import get_area
from catalog.parties import surveying
from catalog.parties.initials import initials_of
from catalog.parties.models import (
    Household,
    Membership,
    Organization,
    OrganizationKind,
    Person,
    Place,
    PlaceKind,
    Role,
    has_place_in,
)
from catalog.parties.roles import Actor
from catalog.parties.uscc import parse_uscc
from kernel import gs1
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_code

LONGEST = 120


def register_organization(
    session: Session,
    actor: Actor,
    *,
    kind: OrganizationKind,
    name: str,
    at: datetime,
    code: str | None = None,
    name_en: str = "",
    uscc: str | None = None,
    gln: str | None = None,
    county_code: str | None = None,
    address: str = "",
    contact_phone: str = "",
    licence_note: str = "",
    is_demo: bool = False,
) -> Organization:
    """Enter an organisation; only the operator may.

    Raises Forbidden, Invalid (name, USCC, GLN), NotFound (county), Conflict (same USCC or code already entered).
    """
    actor.must(Role.operator)
    organization = Organization(
        code=code or new_code("PTY"),
        name=_text(name, "name"),
        name_en=name_en.strip()[:LONGEST],
        kind=kind,
        uscc=parse_uscc(uscc, demo=is_demo, field="uscc") if uscc else None,
        gln=gs1.parse_gln(gln, "gln") if gln else None,
        county_code=get_area(session, county_code).code if county_code else None,
        address=address.strip()[:LONGEST],
        contact_phone=contact_phone.strip()[:40],
        licence_note=licence_note.strip()[:LONGEST],
        is_demo=is_demo,
        created_at=at,
    )
    for column, value in ((Organization.uscc, organization.uscc), (Organization.gln, organization.gln)):
        if value is not None and session.scalar(select(Organization.id).where(column == value)) is not None:
            raise Conflict("“%(value)s”已登记在另一个单位名下。", params={"value": value}, field=column.key)
    if session.scalar(select(Organization.id).where(Organization.code == organization.code)) is not None:
        raise Conflict("“%(value)s”已登记在另一个单位名下。", params={"value": organization.code}, field="code")
    session.add(organization)
    session.flush()
    return organization


def register_person(
    session: Session,
    actor: Actor,
    *,
    name: str,
    at: datetime,
    phone: str | None = None,
    email: str | None = None,
    is_demo: bool = False,
) -> Person:
    """Enter a person. Self-registration passes SYSTEM; otherwise the operator.

    Raises Forbidden, Invalid, Conflict when the phone number or the address belongs to somebody else.
    """
    actor.must(Role.operator)
    number = parse_phone(phone) if phone else None
    address = _parse_email(email) if email else None
    for column, value in ((Person.phone, number), (Person.email, address)):
        if value is not None and session.scalar(select(Person.id).where(column == value)) is not None:
            raise Conflict("“%(value)s”已被别的账号使用。", params={"value": value}, field=column.key)
    person = Person(name=_text(name, "name", 40), phone=number, email=address, is_demo=is_demo, created_at=at)
    session.add(person)
    session.flush()
    return person


def add_member(session: Session, actor: Actor, *, person_id: UUID, organization_id: UUID, role: Role, at: datetime) -> Membership:
    """Give a person a role in an organisation; only the operator may. Giving it twice changes nothing.

    Raises Forbidden, NotFound, Invalid when the role has no place there (operator and auditor outside the platform's own organisation).
    """
    actor.must(Role.operator)
    organization = session.get(Organization, organization_id)
    if organization is None or session.get(Person, person_id) is None:
        raise NotFound("没有这个人或这个单位。")
    if not has_place_in(role, organization.kind):
        raise Invalid("这个单位不能设这个角色。", field="role")
    membership = session.get(Membership, (person_id, organization_id, role))
    if membership is None:
        membership = Membership(person_id=person_id, organization_id=organization_id, role=role, since=at)
        session.add(membership)
        session.flush()
    return membership


def remove_member(session: Session, actor: Actor, *, person_id: UUID, organization_id: UUID, role: Role) -> None:
    """Take a role away. Raises Forbidden, NotFound."""
    actor.must(Role.operator)
    membership = session.get(Membership, (person_id, organization_id, role))
    if membership is None:
        raise NotFound("这个人在这个单位没有这个角色。")
    session.delete(membership)
    session.flush()


def register_household(
    session: Session,
    actor: Actor,
    *,
    cooperative_id: UUID,
    head_name: str,
    county_code: str,
    at: datetime,
    town: str = "",
    village: str = "",
    capacity: Mapping[str, str | Decimal | int] | None = None,
    member_no: int | None = None,
    is_demo: bool = False,
) -> Household:
    """Enter a member household; a clerk of the cooperative or the operator may. Without ``member_no`` it gets the next one.

    What a clerk says of its land, herd or hives waits for the county (``surveying``); what the operator enters counts.

    Raises Forbidden, Invalid, NotFound, Conflict (number taken).
    """
    actor.must_any({Role.clerk: cooperative_id, Role.operator: None})
    # Locking the cooperative's row keeps two clerks from giving out one number.
    cooperative = session.get(Organization, cooperative_id, with_for_update=True)
    if cooperative is None or cooperative.kind is not OrganizationKind.COOPERATIVE:
        raise NotFound("没有这个合作社。")
    taken = select(Household.member_no).where(Household.cooperative_id == cooperative_id)
    if member_no is None:
        member_no = (session.scalar(select(func.max(taken.subquery().c.member_no))) or 0) + 1
    elif member_no < 1:
        raise Invalid("社员编号从 1 开始。", field="member_no")
    elif session.scalar(taken.where(Household.member_no == member_no)) is not None:
        raise Conflict("社员编号 %(no)s 已有人用。", params={"no": member_no}, field="member_no")
    name = _text(head_name, "head_name", 40)
    amounts = surveying.parse_capacity(capacity or {})
    household = Household(
        cooperative_id=cooperative_id,
        member_no=member_no,
        head_name=name,
        pinyin_initials=initials_of(name),
        county_code=get_area(session, county_code).code,
        town=town.strip()[:40],
        village=village.strip()[:40],
        capacity={basis: surveying.as_text(amount) for basis, amount in amounts.items()} if actor.operator else {},
        is_demo=is_demo,
        created_at=at,
    )
    session.add(household)
    session.flush()
    if not actor.operator:
        session.add_all(surveying.open_claims(household, amounts, actor.label, at))
        session.flush()
    return household


def register_place(
    session: Session,
    actor: Actor,
    *,
    organization_id: UUID,
    name: str,
    kind: PlaceKind,
    county_code: str,
    name_en: str = "",
    gln: str | None = None,
    area_code: str | None = None,
    is_demo: bool = False,
) -> Place:
    """Enter a place of an organisation; its clerk or the operator may. Raises Forbidden, Invalid, NotFound, Conflict (GLN taken)."""
    actor.must_any({Role.clerk: organization_id, Role.operator: None})
    if session.get(Organization, organization_id) is None:
        raise NotFound("没有这个单位。")
    number = gs1.parse_gln(gln, "gln") if gln else None
    if number is not None and session.scalar(select(Place.id).where(Place.gln == number)) is not None:
        raise Conflict("“%(value)s”已登记在另一个地点名下。", params={"value": number}, field="gln")
    place = Place(
        organization_id=organization_id,
        name=_text(name, "name"),
        name_en=name_en.strip()[:LONGEST],
        kind=kind,
        gln=number,
        county_code=get_area(session, county_code).code,
        area_code=get_area(session, area_code).code if area_code else None,
        is_demo=is_demo,
    )
    session.add(place)
    session.flush()
    return place


def parse_phone(text: str, field: str = "phone") -> str:
    """A mainland mobile number, eleven digits (YD/T 1-series numbering: 1[3-9]), tidied. Raises Invalid."""
    number = re.sub(r"[\s\-]", "", unicodedata.normalize("NFKC", text)).removeprefix("+86")
    if not re.fullmatch(r"1[3-9][0-9]{9}", number):
        raise Invalid("手机号“%(text)s”不对，应为 11 位数字。", params={"text": text[:30]}, field=field)
    return number


def _parse_email(text: str) -> str:
    address = unicodedata.normalize("NFKC", text).strip().lower()
    if len(address) > 254 or not re.fullmatch(r"[^@\s<>\"']+@[^@\s<>\"']+\.[^@\s<>\"'.]+", address):
        raise Invalid("邮箱“%(text)s”不对，请检查后重填。", params={"text": text[:60]}, field="email")
    return address


def _text(text: str, field: str, longest: int = LONGEST) -> str:
    tidy = " ".join(text.split())
    if not tidy:
        raise Invalid("这一项必须填写。", field=field)
    if len(tidy) > longest:
        raise Invalid("内容太长了，最多 %(most)s 个字。", params={"most": longest}, field=field)
    return tidy
