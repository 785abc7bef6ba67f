"""The programs of the log as real processes, and writers that know which of their entries were acknowledged."""

from __future__ import annotations

import multiprocessing
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing import Queue
from multiprocessing.synchronize import Event
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from kernel import db
from kernel.db import work
from tests.conftest import DATA_KEY, ROOT
from traceability.ledger import sealing
from traceability.ledger.appending import Private, append_entry
from traceability.ledger.merkle import root_of
from traceability.ledger.models import Intake, Leaf, LogEntry, LogState
from traceability.ledger.pinning import VERIFIER_KIND
from traceability.ledger.queries import find_progress

ORIGIN = "shop.example/log"
URL = "https://shop.example/log"
AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
SEQUENCER = """
import sys
from threading import Event
from kernel import db
from traceability.ledger import sequencer
db.connect(sys.argv[1], pool_size=2)
sequencer._PATIENCE = 0.5
sequencer.run_sequencer(Event(), "shop.example/log", batch=37, interval=0.01)
"""
PUBLISHER = """
import sys
from pathlib import Path
from threading import Event
from kernel import db
from traceability.ledger import publisher
db.connect(sys.argv[1], pool_size=4)
publisher._PATIENCE = 0.5
folder = Path(sys.argv[2])
publisher.run_publisher(Event(), folder, key_file=Path(sys.argv[3]), url="https://shop.example/log", interval=0.02)
"""


@dataclass
class Written:
    """Which entries were acknowledged, and of which nobody can say, because the answer to the commit was lost."""

    committed: list[UUID] = field(default_factory=list)
    unsure: list[UUID] = field(default_factory=list)


class ChangedMind(Exception):
    pass


def write(url: str, number: int, events: int, stop: Event, done: Queue[Written]) -> None:
    """One writer process: commits entries until it has `events` or is told to stop, with rollbacks and naps before the commit."""
    engine = db.connect(url, pool_size=1)
    sealing.use_data_key(DATA_KEY)
    rng, written = random.Random(number), Written()
    while len(written.committed) < events and not stop.is_set():
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
        except (SQLAlchemyError, psycopg.Error):
            written.unsure.append(event_id)
            time.sleep(0.05)
            continue
        written.committed.append(event_id)
    engine.dispose()
    done.put(written)


@contextmanager
def writers(url: str, count: int, events: int | None) -> Iterator[Written]:
    """Writer processes, of so many events each, or until the block ends; then the lists hold every entry that was tried for good."""
    context = multiprocessing.get_context("forkserver")  # clean processes, and the modules are imported once for all of them
    context.set_forkserver_preload([__name__])
    done: Queue[Written] = context.Queue()
    stop = context.Event()
    limit = sys.maxsize if events is None else events
    processes = [context.Process(target=write, args=(url, number, limit, stop, done)) for number in range(count)]
    written = Written()
    for process in processes:
        process.start()
    try:
        yield written
    finally:
        if events is None:
            stop.set()
        for _ in processes:
            found = done.get(timeout=900)
            written.committed += found.committed
            written.unsure += found.unsure
        for process in processes:
            process.join(30)
        done.close()
        done.join_thread()


def start_sequencer(url: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """A sequencer with small batches and no pause, so that there is always one to be killed in."""
    return start(SEQUENCER, url, log=log)


def start_publisher(url: str, folder: Path, key: Path, log: Path | None = None) -> subprocess.Popen[bytes]:
    """A publisher that hardly pauses."""
    return start(PUBLISHER, url, str(folder), str(key), log=log)


def start(program: str, *arguments: str, log: Path | None = None) -> subprocess.Popen[bytes]:
    """A program of ours in a process of its own; what it says goes to `log`."""
    command = [sys.executable, "-c", program, *arguments]
    if log is None:
        return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with log.open("ab") as out:
        return subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=out)


def kill(*programs: subprocess.Popen[bytes]) -> None:
    """kill -9, and wait for the end."""
    for program in programs:
        program.kill()
        program.wait()


def wait_until_drained(seconds: float = 120) -> None:
    """Until every entry has its index."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with work() as session:
            progress = find_progress(session)
            if progress is not None and progress.waiting == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the intake was not drained in time")


def size_now() -> int:
    """How many entries have an index."""
    with work() as session:
        return session.scalar(select(LogState.size)) or 0


def check(written: Written) -> None:
    """Indexes 0 … n-1, each acknowledged event once and none that was taken back, and the root is that of a tree built from nothing.

    A publisher logs the hashes of the verifier once, however often it was started.
    """
    with work() as session:
        rows = session.execute(select(Leaf.idx, Leaf.event_id, Leaf.leaf_hash).order_by(Leaf.idx)).all()
        state = session.scalars(select(LogState)).one()
        found = [row.event_id for row in rows]
        assert [row.idx for row in rows] == list(range(len(rows)))
        assert len(set(found)) == len(found)
        assert set(written.committed) - set(found) == set()
        own = session.scalars(select(LogEntry.event_id).where(LogEntry.kind == VERIFIER_KIND)).all()
        assert len(own) <= 1
        assert set(found) - set(own) - set(written.committed) - set(written.unsure) == set()
        assert (state.size, state.root) == (len(rows), root_of([row.leaf_hash for row in rows]))
        assert session.scalar(select(func.count()).select_from(Intake)) == 0
        assert session.scalar(select(func.count()).select_from(LogEntry)) == len(rows)
