"""Confirming a phone number or an e-mail address by a one-time code, which is also how people sign in.

Nothing here depends on whether the contact has an account: a code is sent to whoever asks, and the account is found or made only once the
code was right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, func, select
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
MOST_AN_HOUR, MOST_A_DAY = 10, 20  # for one contact; five tries each: 100 guesses a day at a million
MOST_AN_HOUR_HERE, MOST_A_DAY_HERE = 4, 6  # of them asked for from one place
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)


class TooManyCodes(Problem):
    """This contact was sent a code a moment ago, or many today."""

    status = 429
    title = "请慢一点"


@dataclass(frozen=True)
class CodeAsked(Event):
    """A code is to be sent; its digits are worked out when the message is."""

    code_id: UUID
    at: datetime


@dataclass(frozen=True)
class Asker:
    """Who asks for a code or types one in, by what a stranger does not share: the browser, and where it asks from. Both blurred."""

    browser: str
    network: str


def ask_code(session: Session, contact: str, asker: Asker, *, at: datetime) -> SignInCode:
    """Have a new code sent; the one before it of the same browser is void, another's stays good. Raises TooManyCodes with the wait.

    Few are sent for asking from one place, so that a stranger who asks all day leaves enough for the owner of the contact.
    """
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"code {contact}", 0))))
    asked = select(SignInCode.asked_at, SignInCode.asked_from, SignInCode.used_at).where(
        SignInCode.contact == contact, SignInCode.asked_at > at - DAY
    )
    rows = session.execute(asked.order_by(SignInCode.asked_at.desc())).all()
    unused = [row for row in rows if row.used_at is None]  # who used one is who reads the messages
    pause = _wait([row.asked_at for row in rows], 1, PAUSE, at)
    here = [row.asked_at for row in unused if is_from(row.asked_from, asker)]
    everywhere = [row.asked_at for row in unused]
    limits = (
        (here, MOST_AN_HOUR_HERE, HOUR),
        (here, MOST_A_DAY_HERE, DAY),
        (everywhere, MOST_AN_HOUR, HOUR),
        (everywhere, MOST_A_DAY, DAY),
    )
    wait = max(_wait(moments, most, within, at) for moments, most, within in limits)
    if wait > timedelta():
        raise _too_many(max(wait, pause))
    if pause > timedelta():
        raise TooManyCodes("验证码刚刚发过，请等 %(seconds)s 秒再要。", params={"seconds": -(-pause // SECOND)}, field="contact")
    code = SignInCode(contact=contact, browser=asker.browser, asked_from=asker.network, asked_at=at, expires_at=at + LASTS)
    session.add(code)
    session.flush()
    publish(session, CodeAsked(code.id, at), at=at)
    return code


def is_from(asked_from: str, asker: Asker) -> bool:
    """Whether a code was asked for from the same place."""
    return asked_from == asker.network


def _wait(moments: Sequence[datetime], most: int, within: timedelta, at: datetime) -> timedelta:
    """How long until fewer than ``most`` of the moments (newest first) lie ``within`` the time before; none or less: not at all."""
    return moments[most - 1] + within - at if len(moments) >= most else timedelta()


def _too_many(wait: timedelta) -> TooManyCodes:
    if wait > 2 * HOUR:
        sentence, params = "这个号码或邮箱要的验证码太多了，请过 %(hours)s 小时再试。", {"hours": -(-wait // HOUR)}
    else:
        sentence, params = (
            "这个号码或邮箱要的验证码太多了，请过 %(minutes)s 分钟再试。",
            {"minutes": -(-wait // timedelta(minutes=1))},
        )
    return TooManyCodes(sentence, params=params, field="contact")


def use_code(session: Session, secret_key: str, contact: str, browser: str, typed: str, *, at: datetime) -> bool:
    """Whether ``typed`` is the live code this browser had sent to ``contact``; a right one is used up.

    Nobody else can use up its tries. Answers instead of raising, since a wrong try has to be counted: the door commits first and
    complains afterwards.
    """
    newest = select(SignInCode).where(SignInCode.contact == contact, SignInCode.browser == browser)
    newest = newest.order_by(SignInCode.id.desc()).limit(1)
    code = session.scalar(locked(newest).execution_options(populate_existing=True))
    if code is None or code.used_at is not None or code.expires_at <= at or code.tries >= MOST_TRIES:
        return False
    code.tries += 1
    if not is_right(derive(secret_key, code.id, contact), typed):
        return False
    code.used_at = at
    return True


def locked(query: Select[SignInCode]) -> Select[SignInCode]:
    """Let tries of one code pass one after the other, so that each is counted and a right one opens once."""
    return query.with_for_update()


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
