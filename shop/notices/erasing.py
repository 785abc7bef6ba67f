"""Messages to an erased person are deleted, unsent ones too: there is nobody to send them to."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from shop.notices.models import Notice


def forget_notices(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.PERSON:
        session.execute(delete(Notice).where(Notice.person_id == event.subject_id))
