"""The scrubber runs once for each erasure, waits for whoever still sees the rows, and says what its role was not allowed to do.

That the bytes are gone is looked at in tests/faults/test_erasure.py, in a dump and a copy of the data folder.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from uuid import UUID

import psycopg
import pytest
import structlog
from sqlalchemy import select, text
from sqlalchemy.engine import make_url
from structlog.typing import EventDict

from kernel import db
from kernel.db import work
from tests.traceability.ledger.test_appending import HOUSEHOLD, append
from traceability.ledger import scrubber
from traceability.ledger.appending import Private
from traceability.ledger.erasing import erase_subject
from traceability.ledger.models import Scrub
from traceability.ledger.scrubber import scrub
from traceability.ledger.tasks import scrub as scrub_task


@pytest.fixture
def told() -> Iterator[list[EventDict]]:
    """What is logged."""
    with structlog.testing.capture_logs() as lines:
        yield lines


@pytest.fixture
def erased(durable: str, at: datetime) -> str:
    """A database in which a person was erased."""
    with work() as session:
        append(session, at, household=Private(HOUSEHOLD, "甲"))
        append(session, at, household=Private(UUID(int=8), "乙"))
    with work() as session:
        erase_subject(session, HOUSEHOLD, at)
    return durable


def rows() -> list[Scrub]:
    with work() as session:
        return list(session.scalars(select(Scrub)))


def test_it_runs_once_for_an_erasure(erased: str, told: list[EventDict], at: datetime) -> None:
    assert scrub(lambda: at)
    [row] = rows()
    assert (row.done_at, row.left) == (at, None)
    assert not scrub(lambda: at)
    assert [line["event"] for line in told] == ["scrubber.done"]


def test_the_clock_runs_it(erased: str) -> None:
    scrub_task()
    assert rows()[0].done_at is not None


def test_two_at_once_do_it_once(erased: str, told: list[EventDict]) -> None:
    threads = [threading.Thread(target=scrub) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert [line["erasures"] for line in told if line["event"] == "scrubber.done"] == [1]


def test_one_that_died_before_it_could_say_so_is_followed_by_another(erased: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def die() -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(scrubber, "work", die)
        with pytest.raises(SystemExit):
            scrub()
    assert rows()[0].done_at is None
    assert scrub()


def test_whoever_still_sees_the_rows_is_waited_for(durable: str, told: list[EventDict], at: datetime) -> None:
    """A snapshot older than the erasing, such as a dump under way, keeps the deleted rows in the file."""
    with work() as session:
        append(session, at, household=Private(HOUSEHOLD, "甲"))
    with psycopg.connect(durable.replace("+psycopg", "")) as reader:
        reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        reader.execute("SELECT count(*) FROM ledger_leaf")
        with work() as session:
            erase_subject(session, HOUSEHOLD, at)
        assert not scrub()
    assert told[-1]["event"] == "scrubber.waits"
    assert "still sees 1 deleted rows" in told[-1]["reason"]
    assert rows()[0].done_at is None
    assert scrub()


def test_a_locked_table_is_not_waited_for_long(erased: str, told: list[EventDict]) -> None:
    with psycopg.connect(erased.replace("+psycopg", "")) as act:
        act.execute("SELECT count(*) FROM ledger_disclosure")
        assert not scrub()
    assert "lock" in told[-1]["reason"]
    assert scrub()


@contextmanager
def acting_as(durable: str, name: str, *grants: str) -> Iterator[None]:
    """This process connects as a role of that name, which may do just that, as with a DATABASE_URL of one's own."""
    plain = durable.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
        for grant in grants:
            admin.execute(grant)
        url = make_url(durable).set(username=name, password="secret")
        engine = db.connect(url.render_as_string(hide_password=False), pool_size=2)
        try:
            yield
        finally:
            engine.dispose()
            admin.execute(f"DROP OWNED BY {name} CASCADE")
            admin.execute(f"DROP ROLE {name}")


def test_what_the_role_may_not_do_is_said_and_fails_nothing(erased: str, told: list[EventDict]) -> None:
    tables = ("ledger_scrub", "ledger_disclosure", "ledger_subject_key")
    with acting_as(erased, "plain", *(f"ALTER TABLE {table} OWNER TO plain" for table in tables)):
        assert scrub()
        [row] = rows()
        assert row.left == "switch the write-ahead log, make a checkpoint"
        assert told[-1]["left"] == ["switch the write-ahead log", "make a checkpoint"]


def test_a_role_that_does_not_own_the_tables_never_calls_it_done(erased: str, told: list[EventDict]) -> None:
    with acting_as(erased, "guest", "GRANT SELECT, UPDATE ON ledger_scrub TO guest"):
        assert not scrub()
        assert told[-1]["reason"] == "this database role may not rewrite the table"


def test_the_planner_keeps_no_samples_of_sealed_values(erased: str) -> None:
    with work() as session:
        session.execute(text("ANALYZE ledger_disclosure"))
        session.execute(text("ANALYZE ledger_subject_key"))
        sampled = (
            "SELECT count(*) FROM pg_stats WHERE tablename IN ('ledger_disclosure', 'ledger_subject_key') AND attname = 'sealed'"
        )
        assert session.scalar(text(sampled)) == 0
        session.execute(text("ALTER TABLE ledger_disclosure ALTER COLUMN sealed SET STATISTICS -1"))
        session.execute(text("ANALYZE ledger_disclosure"))
        assert session.scalar(text(sampled)) == 1  # what the setting prevents
