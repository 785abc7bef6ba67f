"""Giving out indexes: consecutive, once each, all or nothing; and a log that contradicts itself is not added to."""

import contextlib
import threading
import time
import uuid
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from kernel.db import work
from kernel.installation import last_beat
from tests.traceability.ledger.test_appending import append
from traceability.ledger import sequencer
from traceability.ledger.merkle import EMPTY_ROOT, root_of
from traceability.ledger.models import FullTile, Intake, Leaf, LogEntry, LogState
from traceability.ledger.queries import Stage, find_entry_state, list_entries, node_reader_of
from traceability.ledger.sequencer import LogBroken, ensure_log, run_sequencer, sequence_batch

ORIGIN = "shop.example/log"


@pytest.fixture
def begun(session: Session) -> Session:
    ensure_log(session, ORIGIN)
    return session


def leaves(session: Session) -> list[bytes]:
    return list(session.scalars(select(Leaf.leaf_hash).order_by(Leaf.idx)))


def test_the_origin_is_fixed_at_the_first_start(begun: Session) -> None:
    assert ensure_log(begun, "127.0.0.1:9999/log") == ORIGIN
    state = begun.get_one(LogState, 1)
    assert (state.size, state.root) == (0, EMPTY_ROOT)


def test_entries_get_consecutive_indexes_and_the_root_is_the_naive_one(begun: Session, at: datetime) -> None:
    events = [append(begun, at) for _ in range(600)]
    assert [sequence_batch(begun, 250) for _ in range(4)] == [250, 250, 100, 0]
    begun.expire_all()
    state = begun.get_one(LogState, 1)
    assert [begun.scalar(select(Leaf.idx).where(Leaf.event_id == event)) for event in events] == list(range(600))
    assert state.size == 600
    assert state.root == root_of(leaves(begun))
    assert begun.execute(select(FullTile.level, FullTile.number)).all() == [(0, 0), (0, 1)]
    assert begun.scalars(select(Intake)).all() == []
    assert leaves(begun) == [begun.get_one(LogEntry, event).leaf_hash for event in events]


def test_the_database_s_tiles_prove_any_earlier_size(begun: Session, at: datetime) -> None:
    from traceability.ledger.merkle import build_consistency, build_root, verify_consistency

    for _ in range(520):
        append(begun, at)
    sequence_batch(begun)
    begun.expire_all()
    state, all_leaves = begun.get_one(LogState, 1), leaves(begun)
    read = node_reader_of(begun, state)
    for old in (1, 255, 256, 257, 512, 519, 520):
        assert build_root(old, read) == root_of(all_leaves[:old])
        verify_consistency(old, 520, build_consistency(old, 520, read), root_of(all_leaves[:old]), state.root)


def test_states_and_list_follow(begun: Session, at: datetime) -> None:
    first, second = append(begun, at), append(begun, at)
    sequence_batch(begun)
    assert (find_entry_state(begun, first).stage, find_entry_state(begun, first).index) == (Stage.sequenced, 0)  # type: ignore[union-attr]
    assert [line.event_id for line in list_entries(begun)] == [second, first]
    assert [line.event_id for line in list_entries(begun, before=1)] == [first]


@pytest.mark.parametrize("change", ["root = sha256('x')", "size = size + 1", "edge = edge || sha256('x')"])
def test_a_state_that_contradicts_itself_is_not_added_to(begun: Session, at: datetime, change: str) -> None:
    append(begun, at)
    sequence_batch(begun)
    begun.execute(text(f"UPDATE ledger_log SET {change}"))
    append(begun, at)
    begun.expire_all()
    with pytest.raises(LogBroken):
        sequence_batch(begun)


@pytest.mark.parametrize("table", ["ledger_leaf", "ledger_tile"])
def test_leaves_and_full_tiles_cannot_be_changed_by_accident(begun: Session, at: datetime, table: str) -> None:
    for _ in range(256):
        append(begun, at)
    sequence_batch(begun)
    with pytest.raises(DBAPIError, match="append-only"), begun.begin_nested():
        begun.execute(text(f"DELETE FROM {table}"))


def test_the_program_works_by_itself_and_stops_when_told(database: str, at: datetime) -> None:
    with work() as session:
        for _ in range(35):
            append(session, at)
    stop = threading.Event()
    program = threading.Thread(target=run_sequencer, args=(stop, ORIGIN), kwargs={"batch": 10, "interval": 0.01})
    program.start()
    end, indexes = time.monotonic() + 30, list[int]()
    while len(indexes) < 35 and time.monotonic() < end:
        time.sleep(0.02)
        with work() as session:
            indexes = list(session.scalars(select(Leaf.idx).order_by(Leaf.idx)))
    stop.set()
    program.join(10)
    assert not program.is_alive()
    assert indexes == list(range(35))
    with work() as session:
        assert last_beat(session, "sequencer") is not None


def test_the_program_ends_rather_than_add_to_a_broken_log(database: str, at: datetime) -> None:
    with work() as session:
        ensure_log(session, ORIGIN)
        session.execute(text("UPDATE ledger_log SET root = sha256('x')"))
    with pytest.raises(LogBroken):
        run_sequencer(threading.Event(), ORIGIN)


def test_an_entry_that_commits_late_gets_a_later_index_and_is_not_lost(database: str, at: datetime) -> None:
    with work() as session:
        ensure_log(session, ORIGIN)
    late_id, early_id = uuid.uuid4(), uuid.uuid4()
    with psycopg.connect(database.replace("+psycopg", "")) as late:
        late.execute("INSERT INTO ledger_entry VALUES (%s, 'x', 'b', sha256('b'))", (late_id,))
        late.execute("INSERT INTO ledger_intake (event_id, leaf_hash) VALUES (%s, sha256('b'))", (late_id,))
        with work() as session:
            append(session, at, event_id=early_id)
        with work() as session:
            assert sequence_batch(session) == 1
        late.commit()
    with work() as session:
        assert sequence_batch(session) == 1
        assert session.scalars(select(Leaf.event_id).order_by(Leaf.idx)).all() == [early_id, late_id]


def collide(monkeypatch: pytest.MonkeyPatch, at: datetime) -> list[str]:
    """Two batches that overlap in time on purpose; returns how each ended."""
    with work() as session:
        ensure_log(session, ORIGIN)
        for _ in range(20):
            append(session, at)
    both_read, ends = threading.Barrier(2), list[str]()
    checked = sequencer.checked_edge

    def wait_for_the_other(state: LogState) -> object:
        with contextlib.suppress(threading.BrokenBarrierError):
            both_read.wait(1.0)  # with the lock only one gets here, and goes on alone
        return checked(state)

    monkeypatch.setattr(sequencer, "checked_edge", wait_for_the_other)

    def body() -> None:
        try:
            with work() as session:
                ends.append(f"took {sequence_batch(session, 10)}")
        except (DBAPIError, psycopg.Error, LogBroken) as error:
            ends.append(f"failed: {type(error).__name__}")

    threads = [threading.Thread(target=body) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sorted(ends)


def test_two_sequencers_take_turns(database: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    assert collide(monkeypatch, at) == ["took 10", "took 10"]


def test_without_the_row_lock_two_sequencers_collide(database: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard off; the primary key of the leaf still saves the log, but one of the two fails."""
    monkeypatch.setattr(sequencer, "_locked", lambda query: query)
    ends = collide(monkeypatch, at)
    assert ends[0].startswith("failed")
    assert ends[1] == "took 10"
