"""Who holds a session token, how a person is reached, and their addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.areas.models import Area
from catalog.areas.queries import list_children
from catalog.parties.models import Actor, Membership, Organization, OrganizationKind, Person, Role, has_place_in
from kernel.errors import NotFound
from shop.accounts.addressing import owns
from shop.accounts.gazetteer import Gazetteer
from shop.accounts.models import Address, Guest, Passkey, SignInSession
from shop.accounts.signing import hash_token


def find_actor(session: Session, token: str, *, at: datetime) -> Actor | None:
    """The signed-in person behind ``token`` with all roles, in one query; None when it expired or never was."""
    rows = session.execute(
        select(
            Person.id, Person.name, Membership.organization_id, Membership.role, Organization.kind, Guest.person_id.label("guest")
        )
        .join(SignInSession, SignInSession.person_id == Person.id)
        .outerjoin(Guest, Guest.person_id == Person.id)
        .outerjoin(Membership, Membership.person_id == Person.id)
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .where(SignInSession.token_hash == hash_token(token), SignInSession.expires_at > at)
    ).all()
    if not rows:
        return None
    places = [(row.organization_id, row.role, row.kind) for row in rows]
    return _actor(rows[0].id, rows[0].name, places, guest=rows[0].guest is not None)


Place = tuple[UUID | None, Role | None, OrganizationKind | None]


def _actor(person_id: UUID, name: str, rows: Sequence[Place], *, guest: bool) -> Actor:
    roles: dict[UUID, set[Role]] = defaultdict(set)
    for organization_id, role, kind in rows:
        if organization_id is not None and role is not None and kind is not None and has_place_in(role, kind):
            roles[organization_id].add(role)
    return Actor(
        person_id=person_id,
        name=name,
        roles={organization_id: frozenset(held) for organization_id, held in roles.items()},
        operator=any(Role.operator in held for held in roles.values()),
        label=f"person:{person_id}",
        guest=guest,
    )


def list_addresses(session: Session, person_id: UUID) -> Sequence[Address]:
    """A person's addresses: the usual one, then the newest first."""
    own = select(Address).where(Address.person_id == person_id, Address.removed_at.is_(None))
    return session.scalars(own.order_by(Address.is_default.desc(), Address.id.desc()).limit(50)).all()


def get_address(session: Session, person_id: UUID, address_id: UUID) -> Address:
    """One of a person's addresses. Raises NotFound."""
    address = session.get(Address, address_id)
    if address is None or address.removed_at is not None or not owns(address, person_id):
        raise NotFound("没有这个地址。")
    return address


@dataclass(frozen=True)
class Choices:
    """What the pickers offer: all provinces, and what lies below the one picked and the city picked."""

    provinces: Sequence[Area]
    cities: Sequence[Area]
    districts: Sequence[Area]


def list_choices(session: Session, typed: Mapping[str, str], on: date) -> Choices:
    """The areas to pick from, for what is picked so far (``province_code``, ``city_code``)."""
    provinces = list_children(session, None, on)
    province = typed.get("province_code", "")
    cities = list_children(session, province, on) if any(area.code == province for area in provinces) else []
    city = typed.get("city_code", "")
    return Choices(provinces, cities, list_children(session, city, on) if any(area.code == city for area in cities) else [])


def codes_above(session: Session, area_code: str) -> dict[str, str]:
    """The pickers' fields for an area: itself and what it lies in."""
    path: list[str] = []
    code: str | None = area_code
    while code is not None and (area := session.get(Area, code)) is not None:
        path.insert(0, area.code)
        code = area.parent_code
    return dict(zip(("province_code", "city_code", "district_code"), path, strict=False))


_gazetteers: dict[date, Gazetteer] = {}


def load_gazetteer(session: Session, on: date) -> Gazetteer:
    """All areas in force on that day; a process reads them once a day."""
    found = _gazetteers.get(on)
    if found is None:
        found = _read_gazetteer(session, on)
        if found.spots:  # before the areas are loaded there is nothing to keep
            _gazetteers.clear()
            _gazetteers[on] = found
    return found


def _read_gazetteer(session: Session, on: date) -> Gazetteer:
    begun, not_ended = (Area.valid_from.is_(None)) | (Area.valid_from <= on), (Area.valid_to.is_(None)) | (Area.valid_to >= on)
    rows = session.execute(select(Area.code, Area.name, Area.parent_code).where(begun, not_ended))
    return Gazetteer((code, name, parent) for code, name, parent in rows)


def find_reach(session: Session, person_id: UUID) -> str:
    """Where messages to a person go: the e-mail address, else the phone number; "" when there is neither."""
    row = session.execute(
        select(Person.email, Person.phone, Guest.phone.label("guest"))
        .outerjoin(Guest, Guest.person_id == Person.id)
        .where(Person.id == person_id)
    ).one_or_none()
    return "" if row is None else row.email or row.phone or row.guest or ""


def has_guests(session: Session, phone: str) -> bool:
    """Whether something was bought under this phone without an account."""
    return session.scalar(select(Guest.person_id).where(Guest.phone == phone).limit(1)) is not None


def list_passkeys(session: Session, person_id: UUID) -> Sequence[Passkey]:
    """A person's passkeys, oldest first."""
    return session.scalars(select(Passkey).where(Passkey.person_id == person_id).order_by(Passkey.id)).all()
