"""Sends queued messages: claim in one transaction, send outside any, record in another."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from kernel import clock, mail
from kernel.db import reading, work
from kernel.errors import Problem
from kernel.tasks import celery
from shop.accounts.confirming import LASTS
from shop.accounts.models import SignInCode
from shop.accounts.one_time_code import derive
from shop.accounts.queries import find_reach
from shop.notices import notifying
from shop.notices.models import Notice
from shop.notices.wording import SIGN_IN_CODE, words_of

_mailer: list[mail.Mailer] = []
_secret: list[str] = []
UNKNOWN_KEPT = timedelta(days=1)


def use_mailer(mailer: mail.Mailer) -> None:
    """Set where letters go; called once per process."""
    _mailer[:] = [mailer]


def use_secret_key(secret_key: str) -> None:
    """Set what one-time codes are worked out from; called once per process."""
    _secret[:] = [secret_key]


@celery.task(name="notices.forget")
def forget() -> None:
    """Once a day."""
    with work() as session:
        notifying.forget_unknown(session, before=clock.now() - UNKNOWN_KEPT)


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
        if notice is None:
            return False
        letter = _letter(session, notice)
        if letter is None:
            notifying.note_failed(session, notice_id, "too late", at=clock.now(), final=True)
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


def _letter(session: Session, notice: Notice) -> mail.Letter | None:
    """The message in words; None when there is no use in it any more."""
    params = dict(notice.params)
    if notice.kind == SIGN_IN_CODE:
        code = session.get(SignInCode, UUID(params["code_id"]))
        if code is None or code.used_at is not None or code.expires_at <= clock.now():
            return None
        params |= {"code": derive(_secret[0], code.id, code.contact), "minutes": int(LASTS.total_seconds()) // 60}
    subject, text = words_of(notice.kind, params, lambda sentence: sentence)
    return mail.Letter(key=f"notice-{notice.id}", to=_reach(session, notice), subject=f"【山海集】{subject}", text=text)


def _reach(session: Session, notice: Notice) -> str:
    """Where it goes: an e-mail address or a phone number."""
    return find_reach(session, notice.person_id) if notice.person_id is not None else notice.address or ""
