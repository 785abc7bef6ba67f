"""Of somebody who was erased: a clerk's phone is shut out for good and its name, which is often its owner's, goes; what the county was
asked about a household goes.
"""

from __future__ import annotations

from sqlalchemy import delete, func, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import ERASURE
from shop.cooperative.models import CountyQuestion, Device


def forget_devices(session: Session, event: SubjectErased) -> None:
    """The reaction. Who ended a phone before stays."""
    if event.kind is SubjectKind.PERSON:
        ended = {"ended_at": func.coalesce(Device.ended_at, event.at), "ended_by": func.coalesce(Device.ended_by, ERASURE)}
        session.execute(update(Device).where(Device.person_id == event.subject_id).values(name="—", **ended))


def forget_questions(session: Session, event: SubjectErased) -> None:
    """The reaction: what is still open is asked no more, of what was answered the words go."""
    if event.kind is SubjectKind.HOUSEHOLD:
        about = CountyQuestion.household_id == event.subject_id
        session.execute(delete(CountyQuestion).where(about, CountyQuestion.answered_at.is_(None)))
        session.execute(update(CountyQuestion).where(about).values(refusal="", question="", answer=""))
