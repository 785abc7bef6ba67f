"""The life of a case, and that only its two sides take part in it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import ANONYMOUS, Actor, Role
from kernel import outbox
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shop import wiring
from shop.backoffice.models import AuditEntry
from shop.cases import handling
from shop.cases.models import Case, CaseMessage, Side
from shop.cases.queries import count_due, list_cases_about, list_messages, list_subjects
from shop.cases.states import CaseKind, CaseState
from shop.notices.models import Notice
from tests.factories.catalog import AT, make_actor


def open_case(session: Session, actor: Actor, **over: object) -> Case:
    values = {"subjects": ["SERIAL1"], "text": "包装破了。"} | over
    return handling.open_case(session, actor, CaseKind.SCAN_REPORT, at=AT, **values)  # type: ignore[arg-type]


def test_question_answer_question_end(session: Session) -> None:
    buyer, operator = make_actor(session), make_actor(session, Role.operator)
    case = open_case(session, buyer)
    assert (case.state, case.due_at) == (CaseState.OPEN, AT + timedelta(hours=48))
    assert count_due(session, AT + timedelta(hours=49)) == (1, 1)
    handling.reply(session, operator, case.code, "已联系快递。", at=AT)
    assert (case.state, case.due_at, case.owner_id) == (CaseState.WAITING, None, operator.person_id)
    handling.reply(session, buyer, case.code, "还没到。", at=AT)
    assert (case.state, case.due_at) == (CaseState.OPEN, AT + timedelta(hours=24))
    handling.close_case(session, operator, case.code, "已补发。", at=AT)
    session.flush()
    assert (case.state, case.closed_at) == (CaseState.CLOSED, AT)
    with pytest.raises(Conflict):
        handling.close_case(session, operator, case.code, "再结一次", at=AT)
    handling.reply(session, buyer, case.code, "又坏了。", at=AT)
    assert (case.state, case.closed_at) == (CaseState.OPEN, None)
    sides = [message.side for message in list_messages(session, case.id)]
    assert sides == [Side.REPORTER, Side.STAFF, Side.REPORTER, Side.STAFF, Side.REPORTER]


def test_strangers_take_no_part(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    case = open_case(session, make_actor(session))
    for stranger in (make_actor(session), ANONYMOUS):
        with pytest.raises(NotFound):
            handling.reply(session, stranger, case.code, "让我看看", at=AT)
    with pytest.raises(Forbidden):
        handling.take_case(session, make_actor(session), case.code, at=AT)
    monkeypatch.setattr(handling, "side_of", lambda *_: Side.REPORTER)
    handling.reply(session, make_actor(session), case.code, "进来了", at=AT)


def test_a_case_without_account_belongs_to_nobody_but_staff(session: Session) -> None:
    case = open_case(session, ANONYMOUS, contact=" 139 0000 0000 ")
    assert (case.opened_by, case.contact) == (None, "139 0000 0000")
    with pytest.raises(NotFound):
        handling.reply(session, ANONYMOUS, case.code, "我的", at=AT)
    handling.take_case(session, make_actor(session, Role.operator), case.code, at=AT)


@pytest.mark.parametrize("text", ["", "   ", "长" * 1001])
def test_words_have_bounds(session: Session, text: str) -> None:
    with pytest.raises(Invalid):
        open_case(session, make_actor(session), text=text)


def test_codes_are_found_and_bounded(session: Session) -> None:
    case = open_case(session, make_actor(session), subjects=["A", "A", " ", *(f"S{n}" for n in range(50))])
    assert len(list_subjects(session, case.id)) == handling.MOST_SUBJECTS
    assert list(list_cases_about(session, ["A"])) == [case]


def test_what_was_said_stays_said(session: Session) -> None:
    case = open_case(session, make_actor(session))
    rewrite = update(CaseMessage).where(CaseMessage.case_id == case.id).values(text="改写")
    with pytest.raises(IntegrityError, match="append-only"), session.begin_nested():
        session.execute(rewrite)
    session.connection().exec_driver_sql("ALTER TABLE cases_message DISABLE TRIGGER cases_message_append_only")
    session.execute(rewrite)


def test_what_staff_do_is_told_to_the_record_and_the_answer_to_the_reporter(session: Session) -> None:
    wiring.register()
    buyer, operator = make_actor(session), make_actor(session, Role.operator)
    case = open_case(session, buyer)
    handling.take_case(session, operator, case.code, at=AT)
    handling.take_case(session, operator, case.code, at=AT)
    handling.reply(session, operator, case.code, "已联系快递。", at=AT)
    handling.reply(session, buyer, case.code, "谢谢。", at=AT)
    handling.close_case(session, operator, case.code, "已补发。", at=AT)
    session.flush()
    outbox.deliver_all()
    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert sorted((row.what, row.before["state"], row.after["state"]) for row in rows) == [
        ("case.answered", "open", "waiting"), ("case.closed", "open", "closed"), ("case.taken", "open", "open"),
    ]  # fmt: skip
    assert {row.person_id for row in rows} == {operator.person_id}
    told = session.scalars(select(Notice).where(Notice.kind == "case_answered")).all()
    assert [(notice.person_id, notice.params["case"]) for notice in told] == [(buyer.person_id, case.code)] * 2
