"""What an erased household said to its slips goes, and so do the answers, which may name it; that there was a dispute, about what, stays.

So it is with what the county was asked about it: figures and verdicts stay, words go; what is still open is asked no more.
"""

from __future__ import annotations

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from traceability.lots.models import CapacityRequest, HouseholdDelivery, SlipWord
from traceability.lots.states import Verdict


def forget_slip_words(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.HOUSEHOLD:
        own = select(HouseholdDelivery.id).where(HouseholdDelivery.household_id == event.subject_id)
        session.execute(update(SlipWord).where(SlipWord.delivery_id.in_(own)).values(words=None))
        asked = CapacityRequest.household_id == event.subject_id
        session.execute(delete(CapacityRequest).where(asked, CapacityRequest.verdict == Verdict.OPEN))
        session.execute(update(CapacityRequest).where(asked).values(reason="", decision=""))
