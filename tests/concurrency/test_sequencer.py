"""The sequencer under fire, with real processes and a real database: no index lost, doubled or reused, whoever dies when.

Sampled here (a few writers, a few dozen kills); whole under ``./shanhai test --faults``: 16 writers of 1,000 events, 200 kills.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import Queue
from multiprocessing.synchronize import Event
from uuid import UUID, uuid4

import psycopg
import pytest
from sqlalchemy import func, select

from kernel import db
from kernel.db import work
from tests.conftest import DATA_KEY, ROOT
from traceability.ledger import sealing
from traceability.ledger.appending import Private, append_entry
from traceability.ledger.merkle import root_of
from traceability.ledger.models import Intake, Leaf, LogEntry, LogState
from traceability.ledger.queries import find_progress
from traceability.ledger.sequencer import ensure_log

ORIGIN = "shop.example/log"
AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEQUENCER = """
import sys
from threading import Event
from kernel import db
from traceability.ledger.sequencer import run_sequencer
db.connect(sys.argv[1], pool_size=2)
run_sequencer(Event(), "shop.example/log", batch=37, interval=0.01)
"""


class ChangedMind(Exception):
    pass


def write(url: str, number: int, events: int, stop: Event, done: Queue[list[UUID]]) -> None:
    """One writer process: commits entries until it has `events` or is told to stop, with rollbacks and naps before the commit."""
    engine = db.connect(url, pool_size=1)
    sealing.use_data_key(DATA_KEY)
    rng, committed = random.Random(number), list[UUID]()
    while len(committed) < events and not stop.is_set():
        event_id = uuid4()
        try:
            with work() as session:
                private = {"household": Private(UUID(int=rng.randrange(5)), "甲")}
                append_entry(session, event_id=event_id, kind="lots.harvested", at=AT, public={"n": number}, private=private)
                session.flush()
                if rng.random() < 0.2:
                    time.sleep(rng.random() * 0.02)
                if rng.random() < 0.2:
                    raise ChangedMind
        except ChangedMind:
            continue
        committed.append(event_id)
    engine.dispose()
    done.put(committed)


@contextmanager
def writers(url: str, count: int, events: int | None) -> Iterator[list[UUID]]:
    """Writer processes, of so many events each, or until the block ends; then the list holds every event that was committed."""
    context = multiprocessing.get_context("spawn")
    done: Queue[list[UUID]] = context.Queue()
    stop = context.Event()
    limit = sys.maxsize if events is None else events
    processes = [context.Process(target=write, args=(url, number, limit, stop, done)) for number in range(count)]
    committed: list[UUID] = []
    for process in processes:
        process.start()
    yield committed
    if events is None:
        stop.set()
    for _ in processes:
        committed += done.get(timeout=170)
    for process in processes:
        process.join(30)
    done.close()
    done.join_thread()


def start_sequencer(url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SEQUENCER, url], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_until_drained(seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with work() as session:
            progress = find_progress(session)
            if progress is not None and progress.waiting == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the intake was not drained in time")


def size_now() -> int:
    with work() as session:
        return session.scalar(select(LogState.size)) or 0


def check(committed: list[UUID]) -> None:
    """Indexes 0 … n-1, each committed event once and no other, and the root is the one of a tree built from nothing."""
    with work() as session:
        rows = session.execute(select(Leaf.idx, Leaf.event_id, Leaf.leaf_hash).order_by(Leaf.idx)).all()
        state = session.scalars(select(LogState)).one()
        assert [row.idx for row in rows] == list(range(len(committed)))
        assert sorted(row.event_id for row in rows) == sorted(committed)
        assert (state.size, state.root) == (len(rows), root_of([row.leaf_hash for row in rows]))
        assert session.scalar(select(func.count()).select_from(Intake)) == 0
        assert session.scalar(select(func.count()).select_from(LogEntry)) == len(rows)


@pytest.fixture
def scale(request: pytest.FixtureRequest) -> tuple[int, int, int]:
    """Writers, events of each, kills."""
    return (16, 1000, 200) if request.config.option.faults else (4, 60, 6)


@pytest.mark.timeout(1800)
def test_many_writers_and_two_sequencers_lose_and_double_nothing(database: str, scale: tuple[int, int, int]) -> None:
    sequencers = [start_sequencer(database) for _ in range(2)]
    try:
        with writers(database, *scale[:2]) as committed:
            pass
        wait_until_drained()
        check(committed)
    finally:
        for sequencer in sequencers:
            sequencer.kill()
            sequencer.wait()


@pytest.mark.timeout(1800)
def test_a_sequencer_killed_at_any_moment_leaves_a_log_that_goes_on(database: str, scale: tuple[int, int, int]) -> None:
    rng = random.Random(11)
    with work() as session:
        ensure_log(session, ORIGIN)
    with writers(database, 2, None) as committed:
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
        check(committed)
    finally:
        last.kill()
        last.wait()


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
        sequencer.kill()
        sequencer.wait()
        blocker.rollback()
    with work() as session:
        session.execute(select(LogState).with_for_update())  # the dead one's lock is gone
        assert session.scalar(select(func.count()).select_from(Leaf)) == 0
        events = list(session.scalars(select(Intake.event_id)))
    again = start_sequencer(database)
    try:
        wait_until_drained()
        check(events)
    finally:
        again.kill()
        again.wait()
