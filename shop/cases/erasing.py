"""What an erased person said in their cases goes; that there was a case, about which codes, and what staff answered stays."""

from __future__ import annotations

from sqlalchemy import delete, exists, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from kernel.db import may_erase
from shop.cases.models import Case, CaseMessage, ErasedPhoto, Return, Side

GONE = "—"


def forget_words(session: Session, event: SubjectErased) -> None:
    """The reaction: contact, words and photos of the reporter; their files go with the next sweep (``tasks.delete_photos``)."""
    if event.kind is not SubjectKind.PERSON:
        return
    own = select(Case.id).where(Case.opened_by == event.subject_id)
    session.execute(update(Case).where(Case.opened_by == event.subject_id).values(contact=""))
    session.execute(update(Return).where(Return.case_id.in_(own)).values(carrier="", waybill=""))
    photos = select(CaseMessage.photo_digest).where(
        CaseMessage.case_id.in_(own), CaseMessage.side == Side.REPORTER, CaseMessage.photo_digest.is_not(None)
    )
    for digest in session.scalars(photos.distinct()).all():
        session.execute(insert(ErasedPhoto).values(digest=digest, asked_at=event.at).on_conflict_do_nothing())
    said = update(CaseMessage).where(CaseMessage.case_id.in_(own), CaseMessage.side == Side.REPORTER)
    with may_erase(session):
        session.execute(said.values(author=f"person:{event.subject_id}", text=GONE, photo_digest=None, photo_type=None))


def is_sent_by_others(session: Session, digest: str) -> bool:
    """Whether the very same file stands in somebody else's case: equal files are one file."""
    return bool(session.scalar(select(exists().where(CaseMessage.photo_digest == digest))))


def forget_file(session: Session, digest: str) -> None:
    """Note that the file of an erased photo is gone, or somebody else's too."""
    session.execute(delete(ErasedPhoto).where(ErasedPhoto.digest == digest))
