"""What is personal about an erased household goes: what was said to its slips, and the photographs of what it brought.

The answers to a dispute go too, which may name it; that there was a dispute, about what, stays.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from traceability.lots.models import ActPhoto, CapacityRequest, HouseholdDelivery, LotShare, SlipWord, StepRequest
from traceability.lots.queries import is_photo_of
from traceability.lots.states import Verdict


def forget_slip_words(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.HOUSEHOLD:
        own = select(HouseholdDelivery.id).where(HouseholdDelivery.household_id == event.subject_id)
        session.execute(update(SlipWord).where(SlipWord.delivery_id.in_(own)).values(words=None))


def forget_requests(session: Session, event: SubjectErased) -> None:
    """The reaction: figures and verdicts of what the county was asked stay, words go; what is still open is asked no more."""
    if event.kind is SubjectKind.HOUSEHOLD:
        asked = CapacityRequest.household_id == event.subject_id
        session.execute(delete(CapacityRequest).where(asked, CapacityRequest.verdict == Verdict.OPEN))
        session.execute(update(CapacityRequest).where(asked).values(reason="", decision=""))


def forget_photos(session: Session, event: SubjectErased) -> None:
    """The reaction; the files go with the next sweep (``tasks.delete_photos``)."""
    if event.kind is SubjectKind.HOUSEHOLD:
        erase_photos(session, event.subject_id, event.at)


def erase_photos(session: Session, household_id: UUID, at: datetime) -> None:
    """Hide every photograph of the household from now on and have their files deleted. Twice changes nothing."""
    session.execute(update(ActPhoto).where(is_photo_of(household_id), ActPhoto.erased_at.is_(None)).values(erased_at=at))
    shared = select(LotShare.lot_id).where(LotShare.household_id == household_id)
    alone = shared.where(LotShare.share == 1)
    about = or_(StepRequest.lot_id.in_(alone), and_(StepRequest.faces_agreed.is_(True), StepRequest.lot_id.in_(shared)))
    forgotten = update(StepRequest).where(about, StepRequest.photo_digest.is_not(None))
    session.execute(forgotten.values(photo_digest=None, faces_agreed=None))


def erase_photo(session: Session, photo: ActPhoto, at: datetime) -> None:
    """Hide one photograph and have its file deleted. The door has checked who may."""
    session.execute(update(ActPhoto).where(ActPhoto.id == photo.id, ActPhoto.erased_at.is_(None)).values(erased_at=at))


def erase_waiting_photo(request: StepRequest) -> None:
    """Forget the photograph of a step that waits for its signature; the file is cleared away. The door has checked who may."""
    request.photo_digest = request.faces_agreed = None


def forget_file(session: Session, digest: str) -> None:
    """Note that the file of an erased photograph is gone."""
    session.execute(update(ActPhoto).where(ActPhoto.digest == digest, ActPhoto.erased_at.is_not(None)).values(digest=None))
