"""Who holds a session token, and a person's addresses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Membership, Organization, OrganizationKind, Person, Role, has_place_in
from shop.accounts.models import Address, SignInSession
from shop.accounts.signing import hash_token


def find_actor(session: Session, token: str, *, at: datetime) -> Actor | None:
    """The signed-in person behind ``token`` with all roles, in one query; None when it expired or never was."""
    rows = session.execute(
        select(Person.id, Person.name, Membership.organization_id, Membership.role, Organization.kind)
        .join(SignInSession, SignInSession.person_id == Person.id)
        .outerjoin(Membership, Membership.person_id == Person.id)
        .outerjoin(Organization, Organization.id == Membership.organization_id)
        .where(SignInSession.token_hash == hash_token(token), SignInSession.expires_at > at)
    ).all()
    return _actor(rows[0].id, rows[0].name, [(r.organization_id, r.role, r.kind) for r in rows]) if rows else None


def _actor(person_id: UUID, name: str, rows: Sequence[tuple[UUID | None, Role | None, OrganizationKind | None]]) -> Actor:
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
    )


def list_addresses(session: Session, person_id: UUID) -> Sequence[Address]:
    """A person's addresses, newest first."""
    return session.scalars(
        select(Address).where(Address.person_id == person_id, Address.removed_at.is_(None)).order_by(Address.id.desc()).limit(50)
    ).all()
