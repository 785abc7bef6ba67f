"""A code lives for ten minutes, once, in one browser, and only until the next one; it stands in no table; the message carries it."""

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
from shop.accounts.confirming import (
    LASTS,
    MOST_A_DAY,
    MOST_A_DAY_HERE,
    MOST_AN_HOUR,
    MOST_AN_HOUR_HERE,
    MOST_TRIES,
    PAUSE,
    Asker,
    TooManyCodes,
    ask_code,
    forget_codes,
    use_code,
)
from shop.accounts.models import SignInCode
from shop.accounts.one_time_code import derive
from shop.notices import notifying, tasks
from shop.notices.models import Notice, NoticeState

SECRET, CONTACT = "a secret of these tests", "a@example.cn"


def digits(code: SignInCode) -> str:
    return derive(SECRET, code.id, code.contact)


ME, STRANGER = Asker("my browser", "here"), Asker("another browser", "elsewhere")


def use(session: Session, code: SignInCode, at: datetime, *, contact: str = CONTACT, asker: Asker = ME) -> bool:
    return use_code(session, SECRET, contact, asker.browser, digits(code), at=at)


def test_a_code_is_used_once(session: Session, at: datetime) -> None:
    code = ask_code(session, CONTACT, ME, at=at)
    assert not use(session, code, at, contact="b@example.cn"), "it is this contact's"
    assert not use(session, code, at, asker=STRANGER), "and this browser's"
    assert use(session, code, at)
    assert not use(session, code, at)


def test_a_code_runs_out(session: Session, at: datetime) -> None:
    code = ask_code(session, CONTACT, ME, at=at)
    assert not use(session, code, at + LASTS)


def test_a_new_code_voids_the_one_before(session: Session, at: datetime) -> None:
    old = ask_code(session, CONTACT, ME, at=at)
    new = ask_code(session, CONTACT, ME, at=at + PAUSE)
    assert not use(session, old, at + PAUSE)
    assert use(session, new, at + PAUSE)


def test_a_strangers_code_and_guesses_do_not_void_the_owners(session: Session, at: datetime) -> None:
    own = ask_code(session, CONTACT, ME, at=at)
    ask_code(session, CONTACT, STRANGER, at=at + PAUSE)
    for _ in range(MOST_TRIES):
        assert not use_code(session, SECRET, CONTACT, STRANGER.browser, "no code", at=at + PAUSE)
    assert use(session, own, at + PAUSE)


def ask_all_day(session: Session, asker: Asker, at: datetime) -> int:
    """Ask every minute of five hours; returns how many were sent."""
    sent = 0
    for minute in range(300):
        try:
            ask_code(session, CONTACT, asker, at=at + minute * PAUSE)
        except TooManyCodes:
            continue
        sent += 1
    return sent


def test_a_stranger_who_asks_all_day_leaves_enough_for_the_owner(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask_all_day(session, STRANGER, at) == MOST_A_DAY_HERE
    assert use(session, ask_code(session, CONTACT, ME, at=at + timedelta(hours=5)), at + timedelta(hours=5))
    monkeypatch.setattr(confirming, "is_from", lambda *_: False)
    assert ask_all_day(session, STRANGER, at + timedelta(hours=5)) == MOST_A_DAY - MOST_A_DAY_HERE
    with pytest.raises(TooManyCodes):  # the guard switched off
        ask_code(session, CONTACT, ME, at=at + timedelta(hours=10))


def test_so_many_an_hour_and_so_many_a_day_from_one_place(session: Session, at: datetime) -> None:
    for number in range(MOST_AN_HOUR_HERE):
        ask_code(session, CONTACT, ME, at=at + number * PAUSE)
    with pytest.raises(TooManyCodes, match="太多") as told:
        ask_code(session, CONTACT, ME, at=at + MOST_AN_HOUR_HERE * PAUSE)
    assert told.value.params == {"minutes": 60 - MOST_AN_HOUR_HERE}
    for number in range(MOST_A_DAY_HERE - MOST_AN_HOUR_HERE):
        ask_code(session, CONTACT, ME, at=at + timedelta(hours=2) + number * PAUSE)
    with pytest.raises(TooManyCodes, match="太多") as told:
        ask_code(session, CONTACT, ME, at=at + timedelta(hours=8))
    assert told.value.params == {"hours": 16}
    assert ask_code(session, CONTACT, ME, at=at + timedelta(days=2))


def test_so_many_for_one_contact_wherever_they_are_asked_for(session: Session, at: datetime) -> None:
    for number in range(MOST_AN_HOUR):
        ask_code(session, CONTACT, Asker("", str(number)), at=at + number * PAUSE)
    with pytest.raises(TooManyCodes, match="太多"):
        ask_code(session, CONTACT, ME, at=at + MOST_AN_HOUR * PAUSE)


def test_the_wait_is_the_true_one(session: Session, at: datetime) -> None:
    ask_code(session, CONTACT, ME, at=at)
    with pytest.raises(TooManyCodes) as told:
        ask_code(session, CONTACT, STRANGER, at=at + timedelta(seconds=41.5))
    assert told.value.params == {"seconds": 19}


def test_codes_that_were_used_are_not_counted(session: Session, at: datetime) -> None:
    for number in range(MOST_AN_HOUR_HERE + 1):
        assert use(session, ask_code(session, CONTACT, ME, at=at + number * PAUSE), at + number * PAUSE)


def deliver(session: Session, tmp_path: Path, *, before_sending: str = "") -> tuple[Notice, list[dict[str, str]]]:
    """A code is asked for and its message sent; returns the message and what the sink holds."""
    wiring.register()
    code = ask_code(session, CONTACT, ME, at=clock.now())
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
