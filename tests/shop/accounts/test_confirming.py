"""A code lives for ten minutes, once, and only until the next one; it stands in no table; the message carries it."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from kernel import clock, mail, outbox
from kernel.db import Base
from shop import wiring
from shop.accounts import confirming
from shop.accounts.confirming import LASTS, MOST_A_DAY, MOST_AN_HOUR, PAUSE, TooManyCodes, ask_code, forget_codes, use_code
from shop.accounts.models import SignInCode
from shop.accounts.one_time_code import derive
from shop.notices import notifying, tasks
from shop.notices.models import Notice, NoticeState

SECRET, CONTACT = "a secret of these tests", "a@example.cn"


def digits(code: SignInCode) -> str:
    return derive(SECRET, code.id, code.contact)


def test_a_code_is_used_once(session: Session, at: datetime) -> None:
    code = ask_code(session, CONTACT, at=at)
    assert not use_code(session, SECRET, "b@example.cn", digits(code), at=at), "it is this contact's"
    assert use_code(session, SECRET, CONTACT, digits(code), at=at)
    assert not use_code(session, SECRET, CONTACT, digits(code), at=at)


def test_a_code_runs_out(session: Session, at: datetime) -> None:
    code = ask_code(session, CONTACT, at=at)
    assert not use_code(session, SECRET, CONTACT, digits(code), at=at + LASTS)


def test_a_new_code_voids_the_one_before(session: Session, at: datetime) -> None:
    old = ask_code(session, CONTACT, at=at)
    new = ask_code(session, CONTACT, at=at + PAUSE)
    assert not use_code(session, SECRET, CONTACT, digits(old), at=at + PAUSE)
    assert use_code(session, SECRET, CONTACT, digits(new), at=at + PAUSE)


def test_so_many_an_hour_and_so_many_a_day(session: Session, at: datetime) -> None:
    for number in range(MOST_AN_HOUR):
        ask_code(session, CONTACT, at=at + number * PAUSE)
    with pytest.raises(TooManyCodes, match="太多"):
        ask_code(session, CONTACT, at=at + MOST_AN_HOUR * PAUSE)
    for number in range(MOST_A_DAY - MOST_AN_HOUR):
        ask_code(session, CONTACT, at=at + timedelta(hours=2) + number * PAUSE)
    with pytest.raises(TooManyCodes, match="太多"):
        ask_code(session, CONTACT, at=at + timedelta(hours=8))
    assert ask_code(session, CONTACT, at=at + timedelta(days=2))


def deliver(session: Session, tmp_path: Path, *, before_sending: str = "") -> tuple[Notice, list[dict[str, str]]]:
    """A code is asked for and its message sent; returns the message and what the sink holds."""
    wiring.register()
    code = ask_code(session, CONTACT, at=clock.now())
    session.flush()
    outbox.deliver_all()
    if before_sending:
        session.execute(text(before_sending))
    tasks.use_secret_key(SECRET)
    sink = mail.FolderMailer(tmp_path)
    tasks.use_mailer(sink)
    tasks.send_due()
    session.expire_all()
    assert session.get(SignInCode, code.id) is not None
    return session.scalars(select(Notice)).one(), sink.list_letters()


def test_the_message_carries_the_code_and_no_table_does(session: Session, tmp_path: Path) -> None:
    notice, letters = deliver(session, tmp_path)
    code = digits(session.scalars(select(SignInCode)).one())
    assert notice.state is NoticeState.SENT
    assert [(letter["to"], code in letter["text"]) for letter in letters] == [(CONTACT, True)]
    for table in Base.metadata.tables:
        rows = session.scalars(text(f"SELECT t::text FROM {table} t")).all()
        assert not [row for row in rows if f'"{code}"' in row or f",{code}," in row], table


def test_a_code_that_ran_out_is_not_sent_late(session: Session, tmp_path: Path) -> None:
    notice, letters = deliver(session, tmp_path, before_sending="UPDATE accounts_code SET expires_at = now() - interval '1 second'")
    assert (notice.state, letters) == (NoticeState.FAILED, [])


def test_codes_and_their_messages_are_forgotten(session: Session, tmp_path: Path) -> None:
    deliver(session, tmp_path)
    later = clock.now() + timedelta(days=1, seconds=1)
    forget_codes(session, at=later)
    notifying.forget_unknown(session, before=later)
    assert session.scalar(select(func.count()).select_from(SignInCode)) == 0
    assert session.scalar(select(func.count()).select_from(Notice)) == 0


def test_every_sign_in_is_an_agreement_and_a_name_shows_little(session: Session, at: datetime) -> None:
    person = confirming.enter_account(session, CONTACT, at=at)
    assert person == confirming.enter_account(session, CONTACT, at=at + PAUSE)
    assert (person.name, person.email, person.phone) == ("***@example.cn", CONTACT, None)
