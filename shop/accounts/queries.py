"""Who holds a session token, how a person is reached, and their addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Membership, Organization, OrganizationKind, Person, Role, has_place_in
from shop.accounts.models import Address, Guest, SignInSession
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
    """A person's addresses, newest first."""
    return session.scalars(
        select(Address).where(Address.person_id == person_id, Address.removed_at.is_(None)).order_by(Address.id.desc()).limit(50)
    ).all()


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
