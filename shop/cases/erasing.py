"""What an erased person said in their cases goes; that there was a case, about which codes, and what staff answered stays."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from kernel.db import may_erase
from shop.cases.models import Case, CaseMessage, Side

GONE = "—"


def forget_words(session: Session, event: SubjectErased) -> None:
    """The reaction: contact, words and photos of the reporter."""
    if event.kind is not SubjectKind.PERSON:
        return
    own = select(Case.id).where(Case.opened_by == event.subject_id)
    session.execute(update(Case).where(Case.opened_by == event.subject_id).values(contact=""))
    said = update(CaseMessage).where(CaseMessage.case_id.in_(own), CaseMessage.side == Side.REPORTER)
    with may_erase(session):
        session.execute(said.values(author=f"person:{event.subject_id}", text=GONE, photo_digest=None, photo_type=None))
