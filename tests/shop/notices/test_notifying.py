"""A message is told once, claimed by one sender, tried again, and given up visibly."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel import clock, mail
from kernel.errors import Unavailable
from shop.notices import notifying, tasks
from shop.notices.models import Notice, NoticeState
from shop.notices.queries import list_notices_of_order
from shop.notices.wording import KINDS, words_of
from tests.factories.catalog import make_person


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


def tell(session: Session, person: Person, at: datetime, key: str = "paid-1") -> None:
    params = {"order": "ORD-1", "amount": "¥12.50"}
    notifying.send_notice(session, person_id=person.id, kind="order_paid", key=key, params=params, order_code="ORD-1", at=at)
    session.flush()


def only(session: Session) -> Notice:
    session.expire_all()
    return session.scalars(select(Notice)).one()


def test_the_same_key_is_told_once(session: Session, person: Person, at: datetime) -> None:
    tell(session, person, at)
    tell(session, person, at)
    assert session.scalar(select(func.count()).select_from(Notice)) == 1
    assert len(list_notices_of_order(session, "ORD-1")) == 1


def test_only_one_sender_claims_a_message(session: Session, person: Person, at: datetime) -> None:
    tell(session, person, at)
    notice = only(session)
    assert notifying.claim_notice(session, notice.id, at=at) is not None
    assert notifying.claim_notice(session, notice.id, at=at) is None
    late = at + notifying.CLAIM_LASTS
    assert notifying.claim_notice(session, notice.id, at=late) is not None, "a sender that died loses its claim"


def test_a_message_is_sent_once(session: Session, person: Person, at: datetime, tmp_path: Path) -> None:
    tell(session, person, at)
    mailer = mail.FolderMailer(tmp_path)
    tasks.use_mailer(mailer)
    assert tasks.send_one(only(session).id)
    assert not tasks.send_one(only(session).id)
    assert only(session).state is NoticeState.SENT
    assert [letter["text"] for letter in mailer.list_letters()] == ["订单 ORD-1 已付款 ¥12.50。我们会尽快安排发货。"]


def test_a_lost_mail_server_is_tried_again_and_given_up_at_last(session: Session, person: Person, at: datetime) -> None:
    class Lost:
        def send(self, letter: mail.Letter, *, at: datetime) -> None:
            raise Unavailable("没有回应")

    tell(session, person, at)
    tasks.use_mailer(Lost())
    assert not tasks.send_one(only(session).id)
    notice = only(session)
    assert (notice.state, notice.last_error) == (NoticeState.QUEUED, "没有回应")
    assert notice.not_before > clock.now()
    notice.tries = notifying.MAX_TRIES
    notifying.note_failed(session, notice.id, "没有回应", at=at)
    assert notice.state is NoticeState.FAILED
    assert notifying.list_due(session, at=at + timedelta(days=2)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_words(kind: str) -> None:
    params = dict.fromkeys(("order", "amount", "request", "reason", "product", "lot", "code", "minutes", "day", "case"), "x")
    subject, text = words_of(kind, params, str)
    assert subject
    assert "%" not in text


def test_one_reads_ones_own_messages_only(
    client: FlaskClient, session: Session, person: Person, at: datetime, sign_in: Any
) -> None:
    tell(session, person, at)
    assert client.get("/account/messages").status_code == 302, "sign in first"
    stranger = sign_in(client, make_person(session))
    assert "还没有消息" in stranger.get("/account/messages").text
    mine = sign_in(client, person)
    assert "已收到您的付款" in mine.get("/account/messages").text
    assert only(session).read_at is not None


def test_without_the_role_check_anybody_gets_in(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off: the page then runs for nobody and falls over its own assertion."""
    from catalog.parties.models import Actor

    monkeypatch.setattr(Actor, "has", lambda *_: True)
    with pytest.raises(AssertionError):
        client.get("/account/messages")


def test_who_left_no_mail_address_is_written_to_no_server(session: Session, at: datetime) -> None:
    """A phone number is none: the message stays on the person's own page, and nobody tries eight times."""
    tell(session, make_person(session, email=None, phone="13800138000"), at)
    tasks.use_mailer(mail.SmtpMailer("smtp://127.0.0.1:1"))
    assert not tasks.send_one(only(session).id)
    assert (only(session).state, only(session).tries) == (NoticeState.FAILED, 1)


def test_a_letter_that_cannot_be_made_does_not_stop_the_others(session: Session, person: Person, at: datetime) -> None:
    class Fussy:
        sent: list[str] = []

        def send(self, letter: mail.Letter, *, at: datetime) -> None:
            if not self.sent:
                self.sent.append("bad")
                raise ValueError("a header with a line end")
            self.sent.append(letter.to)

    tell(session, person, at)
    tell(session, person, at, key="paid-2")
    tasks.use_mailer(Fussy())
    tasks.send_due()
    session.expire_all()
    assert sorted(session.scalars(select(Notice.state))) == [NoticeState.QUEUED, NoticeState.SENT]
