"""Doors of the warehouse: the shelf, and cases and pallets; made for a phone."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from kernel.errors import Invalid


def organizations_of(actor: Actor) -> list[UUID] | None:
    """Whose shelves the actor may see; None means all."""
    if actor.has(Role.operator):
        return None
    return sorted({*actor.organizations_with(Role.packer), *actor.organizations_with(Role.clerk)})


def parse_id(text: str | None, field: str) -> UUID | None:
    """A key from a form or query; None when empty. Raises Invalid."""
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError as error:
        raise Invalid("这个选项已经失效，请刷新页面后重新选择。", field=field) from error


def list_places_of(session: Session, organization_ids: Sequence[UUID] | None) -> Sequence[Place]:
    """The places of these organisations (None: of all), by name."""
    query = select(Place).order_by(Place.name, Place.id).limit(200)
    if organization_ids is not None:
        query = query.where(Place.organization_id.in_(organization_ids))
    return session.scalars(query).all()
