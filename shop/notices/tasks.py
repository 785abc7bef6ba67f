"""Sends queued messages: claim in one transaction, send outside any, record in another."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel import clock, mail
from kernel.db import reading, work
from kernel.errors import Problem
from kernel.tasks import celery
from shop.notices import notifying
from shop.notices.models import Notice
from shop.notices.wording import words_of

_mailer: list[mail.Mailer] = []


def use_mailer(mailer: mail.Mailer) -> None:
    """Set where letters go; called once per process."""
    _mailer[:] = [mailer]


@celery.task(name="notices.send_due")
def send_due() -> None:
    """Send everything that waits."""
    with reading() as session:
        due = notifying.list_due(session, at=clock.now())
    for notice_id in due:
        send_one(notice_id)


def send_one(notice_id: UUID) -> bool:
    """Send one message; False when it could not be sent or somebody else has it."""
    with work() as session:
        notice = notifying.claim_notice(session, notice_id, at=clock.now())
        letter = _letter(session, notice) if notice is not None else None
    if letter is None:
        return False
    try:
        _mailer[0].send(letter, at=clock.now())
    except Exception as error:  # whatever it is, it is this letter's trouble and not the next one's
        text = str(error) if isinstance(error, Problem) else type(error).__name__
        with work() as session:
            notifying.note_failed(session, notice_id, text, at=clock.now(), final=isinstance(error, mail.NoAddress))
        return False
    with work() as session:
        notifying.note_sent(session, notice_id, at=clock.now())
    return True


def _letter(session: Session, notice: Notice) -> mail.Letter:
    person = session.get(Person, notice.person_id)
    assert person is not None
    subject, text = words_of(notice.kind, notice.params, lambda sentence: sentence)
    return mail.Letter(key=f"notice-{notice.id}", to=person.email or person.phone or "", subject=f"【山海集】{subject}", text=text)
