"""Confirming a phone number or an e-mail address by a one-time code, which is also how people sign in.

Nothing here depends on whether the contact has an account: a code is sent to whoever asks, and the account is found or made only once the
code was right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from catalog.parties.queries import find_person
from kernel.errors import Problem
from kernel.outbox import Event, publish
from shop.accounts.claiming import claim_guests
from shop.accounts.contact import is_phone, mask_contact
from shop.accounts.models import Agreement, SignInCode
from shop.accounts.one_time_code import derive, is_right

LASTS = timedelta(minutes=10)
PAUSE = timedelta(seconds=60)
MOST_TRIES = 5
MOST_AN_HOUR, MOST_A_DAY = 5, 10  # five tries each: 50 guesses a day at a million


class TooManyCodes(Problem):
    """This contact was sent a code a moment ago, or many today."""

    status = 429
    title = "请慢一点"


@dataclass(frozen=True)
class CodeAsked(Event):
    """A code is to be sent; its digits are worked out when the message is."""

    code_id: UUID
    at: datetime


def ask_code(session: Session, contact: str, *, at: datetime) -> SignInCode:
    """Have a new code sent; the one before it is void. Raises TooManyCodes."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"code {contact}", 0))))
    asked = session.scalars(
        select(SignInCode.asked_at).where(SignInCode.contact == contact, SignInCode.asked_at > at - timedelta(days=1))
    ).all()
    if asked and max(asked) > at - PAUSE:
        raise TooManyCodes(
            "验证码刚刚发过，请等 %(seconds)s 秒再要。", params={"seconds": int(PAUSE.total_seconds())}, field="contact"
        )
    if len(asked) >= MOST_A_DAY or sum(moment > at - timedelta(hours=1) for moment in asked) >= MOST_AN_HOUR:
        raise TooManyCodes("这个号码或邮箱要的验证码太多了，请过一小时再试。", field="contact")
    code = SignInCode(contact=contact, asked_at=at, expires_at=at + LASTS)
    session.add(code)
    session.flush()
    publish(session, CodeAsked(code.id, at), at=at)
    return code


def use_code(session: Session, secret_key: str, contact: str, typed: str, *, at: datetime) -> bool:
    """Whether ``typed`` is the live code of ``contact``; a right one is used up.

    Answers instead of raising, since a wrong try has to be counted: the door commits first and complains afterwards.
    """
    newest = select(SignInCode).where(SignInCode.contact == contact).order_by(SignInCode.id.desc()).limit(1)
    code = session.scalar(newest.with_for_update().execution_options(populate_existing=True))
    if code is None or code.used_at is not None or code.expires_at <= at or code.tries >= MOST_TRIES:
        return False
    code.tries += 1
    if not is_right(derive(secret_key, code.id, contact), typed):
        return False
    code.used_at = at
    return True


def enter_account(session: Session, contact: str, browser: UUID | None = None, *, at: datetime) -> Person:
    """The person whose confirmed contact this is, made now if there is none; they have agreed to terms and privacy policy at ``at``.

    ``browser``: the guest this browser was until now.
    """
    phone, email = (contact, None) if is_phone(contact) else (None, contact)
    person = find_person(session, phone=phone, email=email)
    if person is None:
        person = Person(name=mask_contact(contact), phone=phone, email=email, is_demo=False, created_at=at)
        session.add(person)
        session.flush()
    agree(session, person.id, at=at)
    if phone is not None:
        claim_guests(session, person.id, phone, browser, at=at)
    return person


def agree(session: Session, person_id: UUID, *, at: datetime) -> None:
    """Record that the person ticked terms and privacy policy."""
    session.add(Agreement(person_id=person_id, agreed_at=at))
    session.flush()


def forget_codes(session: Session, *, at: datetime) -> None:
    """Delete the codes that no limit counts any more."""
    session.execute(delete(SignInCode).where(SignInCode.asked_at <= at - timedelta(days=1)))
