"""A photograph of an act: its SHA-256 is committed to in the act's event, the file kept beside it until somebody asks that it goes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from traceability.lots.models import ActPhoto, LotShare, StepRequest


@dataclass(frozen=True)
class Photo:
    """A photograph that is in the file store already; ``faces_agreed``: people can be recognised in it and agreed."""

    digest: str
    faces_agreed: bool


def let_wait(request: StepRequest, photo: Photo | None) -> None:
    """Keep a photograph beside a step that waits for its signature."""
    if photo is not None:
        request.photo_digest, request.faces_agreed = photo.digest, photo.faces_agreed


def take_waiting(request: StepRequest) -> Photo | None:
    """The photograph that waited with a step, for the act it becomes; a file that no act claims now is cleared away."""
    waited = Photo(request.photo_digest, bool(request.faces_agreed)) if request.photo_digest else None
    request.photo_digest = request.faces_agreed = None
    return waited


def find_owner(session: Session, lot_ids: Collection[UUID]) -> UUID | None:
    """The household a photograph of these lots is about: the only one behind them, else none."""
    households = select(LotShare.household_id).where(LotShare.lot_id.in_(lot_ids)).distinct().limit(2)
    found = session.scalars(households).all()
    return found[0] if len(found) == 1 else None


def commit_to(photo: Photo | None, household_id: UUID | None) -> dict[str, tuple[UUID | None, str]]:
    """The private field of the event's entry in the log."""
    return {"photo_sha256": (household_id, photo.digest)} if photo is not None else {}


def keep_photo(
    session: Session,
    actor: Actor,
    photo: Photo | None,
    *,
    event_id: UUID,
    household_id: UUID | None,
    at: datetime,
    delivery_id: UUID | None = None,
) -> None:
    """Note whose it is and of which act; nothing without a photograph."""
    if photo is not None:
        session.add(
            ActPhoto(
                event_id=event_id,
                delivery_id=delivery_id,
                household_id=household_id,
                digest=photo.digest,
                faces_agreed=photo.faces_agreed,
                added_by=actor.label,
                added_at=at,
            )
        )
