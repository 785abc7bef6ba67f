"""One transaction a door: commit, rollback, read-only, no nesting, append-only tables."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InternalError
from sqlalchemy.orm import Session

from catalog.parties.models import Organization
from kernel.db import APPEND_ONLY_FUNCTION, after_commit, reading, work
from kernel.ids import uuid7
from kernel.rows import fetch
from tests.factories.catalog import make_organization


def count(session: Session) -> int:
    return session.scalar(text("SELECT count(*) FROM notes")) or 0


@pytest.fixture(autouse=True)
def notes(session: Session) -> None:
    session.execute(text("CREATE TEMPORARY TABLE notes (body text)"))


def test_work_commits_on_success() -> None:
    with work() as session:
        session.execute(text("INSERT INTO notes VALUES ('a')"))
    with reading() as session:
        assert count(session) == 1


def test_work_rolls_back_on_any_error() -> None:
    with pytest.raises(ZeroDivisionError), work() as session:
        session.execute(text("INSERT INTO notes VALUES ('a')"))
        1 / 0  # noqa: B018
    with reading() as session:
        assert count(session) == 0


def test_work_inside_work_raises() -> None:
    with work(), pytest.raises(RuntimeError, match="inside"), work():
        pass


def test_reading_refuses_to_write() -> None:
    with pytest.raises((InternalError, DBAPIError), match="read-only"), reading() as session:
        session.execute(text("CREATE TABLE written (body text)"))


def test_after_commit_runs_only_after_a_commit() -> None:
    seen: list[str] = []
    with work() as session:
        after_commit(session, lambda: seen.append("kept"))
        assert seen == []
    with pytest.raises(ZeroDivisionError), work() as session:
        after_commit(session, lambda: seen.append("lost"))
        1 / 0  # noqa: B018
    assert seen == ["kept"]


def append_only(session: Session) -> None:
    session.execute(text(APPEND_ONLY_FUNCTION))
    session.execute(text("CREATE TRIGGER keep BEFORE UPDATE OR DELETE ON notes FOR EACH ROW EXECUTE FUNCTION refuse_change()"))
    session.execute(text("INSERT INTO notes VALUES ('a')"))


@pytest.mark.parametrize("statement", ["UPDATE notes SET body = 'b'", "DELETE FROM notes"])
def test_append_only_tables_refuse_changes(session: Session, statement: str) -> None:
    append_only(session)
    with pytest.raises(DBAPIError, match="append-only"):
        session.execute(text(statement))


def test_without_the_trigger_the_change_goes_through(session: Session) -> None:
    append_only(session)
    session.execute(text("ALTER TABLE notes DISABLE TRIGGER keep"))
    session.execute(text("UPDATE notes SET body = 'b'"))
    assert session.scalar(text("SELECT body FROM notes")) == "b"


def test_what_a_transaction_knows_is_not_asked_for_again(session: Session, count_queries: Any) -> None:
    first, second = make_organization(session), make_organization(session)
    session.flush()
    with count_queries() as statements:
        assert fetch(session, Organization, [first.id, second.id, first.id]) == {first.id: first, second.id: second}
    assert not statements
    one, two = first.id, second.id
    session.expire(first)
    session.expunge(second)
    with count_queries() as statements:
        found = fetch(session, Organization, [one, two, uuid7()])
    assert len(statements) == 1
    assert found[one] is first
    assert found[two].code == second.code
