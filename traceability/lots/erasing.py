"""What an erased household said to its slips goes, and the answers, which may name it; that there was a dispute, about what, stays."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from traceability.lots.models import HouseholdDelivery, SlipWord


def forget_slip_words(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.HOUSEHOLD:
        own = select(HouseholdDelivery.id).where(HouseholdDelivery.household_id == event.subject_id)
        session.execute(update(SlipWord).where(SlipWord.delivery_id.in_(own)).values(words=None))
