"""The sequencer under fire, with real processes and a real database: no index lost, doubled or reused, whoever dies when.

Sampled: 3 writers of 40 events, a transaction held open for 0.5 s, 3 kills; whole under ``./shanhai test --faults``: 16 writers of 1,000
events, a transaction held open for 10 s, 200 kills. Deaths of the publisher and of PostgreSQL itself: test_kills.py.
"""

from __future__ import annotations

import os
import random
import signal
import time
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import func, select

from kernel import db
from kernel.db import work
from tests.faults.programs import (
    AT,
    ORIGIN,
    Written,
    check,
    kill,
    size_now,
    start_sequencer,
    wait_until_drained,
    writers,
)
from traceability.ledger.appending import append_entry
from traceability.ledger.models import Intake, Leaf, LogState
from traceability.ledger.sequencer import ensure_log


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    """Writers, events of each, kills."""
    return (16, 1000, 200) if request.config.option.faults else (3, 40, 3)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("sequencers", [1, 2])
def test_many_writers_lose_and_double_nothing(database: str, scale: tuple[int, int, int], sequencers: int) -> None:
    """With one sequencer and with two at once: the same."""
    running = [start_sequencer(database) for _ in range(sequencers)]
    try:
        with writers(database, *scale[:2]) as written:
            pass
        wait_until_drained()
        assert len(written.committed) == scale[0] * scale[1]
        check(written)
    finally:
        kill(*running)


@pytest.mark.timeout(1800)
def test_an_entry_that_commits_late_is_not_passed_over(database: str, request: pytest.FixtureRequest) -> None:
    """Its intake id is the lowest of all, and the others have long been sequenced when it commits."""
    late, hold = uuid4(), 10.0 if request.config.option.faults else 0.5
    sequencer = start_sequencer(database)
    try:
        with db._sessions() as held:  # beside the one transaction work() allows
            append_entry(held, event_id=late, kind="lots.harvested", at=AT, public={})
            held.flush()
            with writers(database, 2, 20) as written:
                pass
            end = time.monotonic() + hold
            while time.monotonic() < end or size_now() < len(written.committed):
                time.sleep(0.05)
            held.commit()
        wait_until_drained()
        written.committed.append(late)
        check(written)
        with work() as session:
            assert session.scalar(select(Leaf.idx).where(Leaf.event_id == late)) == len(written.committed) - 1
    finally:
        kill(sequencer)


@pytest.mark.timeout(1800)
def test_a_sequencer_killed_at_any_moment_leaves_a_log_that_goes_on(database: str, scale: tuple[int, int, int]) -> None:
    rng = random.Random(11)
    with work() as session:
        ensure_log(session, ORIGIN)
    with writers(database, 2, None) as written:
        for _ in range(scale[2]):
            size = size_now()
            sequencer = start_sequencer(database)
            end = time.monotonic() + 30
            while size_now() == size and time.monotonic() < end:
                time.sleep(0.005)
            time.sleep(rng.random() * 0.1)  # it is at work now
            os.kill(sequencer.pid, signal.SIGKILL)
            sequencer.wait()
    assert size_now() > scale[2]
    last = start_sequencer(database)
    try:
        wait_until_drained()
        check(written)
    finally:
        kill(last)


def test_a_sequencer_killed_inside_its_batch_has_done_nothing(database: str) -> None:
    """The moment is forced: the batch stands between COPY and COMMIT because another holds what it needs next."""
    with work() as session:
        ensure_log(session, ORIGIN)
        for _ in range(10):
            append_entry(session, event_id=uuid4(), kind="lots.harvested", at=AT, public={})
    plain = database.replace("+psycopg", "")
    with psycopg.connect(plain) as blocker:
        blocker.execute("SELECT * FROM ledger_intake ORDER BY id DESC LIMIT 1 FOR UPDATE")  # its DELETE must wait for this
        sequencer = start_sequencer(database)
        with psycopg.connect(plain, autocommit=True) as watcher:
            end = time.monotonic() + 30
            waiting = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'DELETE FROM ledger_intake%'"
            )
            while time.monotonic() < end and watcher.execute(waiting).fetchone() == (0,):
                time.sleep(0.02)
            assert watcher.execute(waiting).fetchone() == (1,)
        kill(sequencer)
        blocker.rollback()
    with work() as session:
        session.execute(select(LogState).with_for_update())  # the dead one's lock is gone
        assert session.scalar(select(func.count()).select_from(Leaf)) == 0
        events = list(session.scalars(select(Intake.event_id)))
    again = start_sequencer(database)
    try:
        wait_until_drained()
        check(Written(events))
    finally:
        kill(again)
