"""What is personal about an erased clerk or household goes: the phone's name, which is often its owner's, what the county was asked about
a household, and tables that may name it.
"""

from __future__ import annotations

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import ERASURE, Household
from shop.cooperative.models import CountyQuestion, DaySheet, Device


def forget_devices(session: Session, event: SubjectErased) -> None:
    """The reaction: a clerk who was erased after leaving is shut out for good. Who ended a phone before stays."""
    if event.kind is SubjectKind.PERSON:
        ended = {"ended_at": func.coalesce(Device.ended_at, event.at), "ended_by": func.coalesce(Device.ended_by, ERASURE)}
        session.execute(update(Device).where(Device.person_id == event.subject_id).values(name="—", **ended))


def forget_questions(session: Session, event: SubjectErased) -> None:
    """The reaction: what is still open is asked no more, of what was answered the words go."""
    if event.kind is SubjectKind.HOUSEHOLD:
        about = CountyQuestion.household_id == event.subject_id
        session.execute(delete(CountyQuestion).where(about, CountyQuestion.answered_at.is_(None)))
        session.execute(update(CountyQuestion).where(about).values(refusal="", question="", answer=""))


def forget_tables(session: Session, event: SubjectErased) -> None:
    """The reaction: tables of its cooperative that nobody has mended yet may name it; their files go with the next sweep.

    Names clerks gave to the files of others go too.
    """
    if event.kind is SubjectKind.HOUSEHOLD:
        cooperative = select(Household.cooperative_id).where(Household.id == event.subject_id).scalar_subquery()
        session.execute(delete(DaySheet).where(DaySheet.organization_id == cooperative, DaySheet.digest.is_not(None)))
        session.execute(update(DaySheet).where(DaySheet.organization_id == cooperative).values(file_name="—"))
