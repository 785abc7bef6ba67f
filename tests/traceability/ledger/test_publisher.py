"""Publishing: whatever dies between any two steps, no checkpoint names a file that cannot be read, and no size has two roots."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from kernel.db import work
from tests.traceability.ledger.running import AT, ORIGIN, URL, RunningLog, running_log
from traceability.ledger import publisher as module
from traceability.ledger import writer
from traceability.ledger.copying import driver
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import EMPTY_ROOT
from traceability.ledger.models import LogState, Publication, SignedCheckpoint
from traceability.ledger.monitor import audit_published, folder_fetch
from traceability.ledger.note import ED25519
from traceability.ledger.publisher import LogBehind, run_publisher
from traceability.ledger.queries import Stage, find_entry_state, find_published, find_tile, get_proof_file
from traceability.ledger.sequencer import LogBroken, ensure_log
from traceability.ledger.tiles import ENTRIES, Tile, cut_tile
from traceability.ledger.verify import parse_policy, verify_proof


def published_size(log: RunningLog) -> int:
    found = find_published(log.directory)
    assert found is not None
    return found[0].size


def findings(log: RunningLog, *, quorum: bool = True) -> list[str]:
    """What any outsider would find wrong with the published files."""
    policy = log.published_policy if quorum else log.published_policy.replace(b"quorum both", b"quorum none")
    return [finding.what for finding in audit_published(folder_fetch(log.directory), parse_policy(policy))[0].findings]


def stage(log: RunningLog, number: int) -> str:
    with work() as session:
        return str(find_entry_state(session, log.events[number]))


def test_an_empty_log_is_published_first(log: RunningLog) -> None:
    assert log.publish()
    found = find_published(log.directory)
    assert found is not None
    assert (found[0].size, found[0].root) == (0, EMPTY_ROOT)
    assert (log.directory / "vkey").read_text() == f"{log.key.verifier}\n"
    assert (log.directory / "policy").read_bytes() == log.published_policy
    assert not log.publish()


def test_what_is_published_satisfies_an_outsider_at_every_size(log: RunningLog) -> None:
    for count in (1, 4, 250, 1, 300, 513):
        log.grow(count)
        assert findings(log) == []
    assert published_size(log) == 1069
    assert stage(log, 1068) == Stage.witnessed


def test_an_entry_s_stages_follow_its_way(log: RunningLog) -> None:
    log.append()
    assert stage(log, 0) == Stage.recorded
    log.sequence()
    assert stage(log, 0) == Stage.sequenced
    log.publish()
    assert stage(log, 0) == Stage.witnessed


def test_a_proof_from_the_files_satisfies_a_stranger(log: RunningLog) -> None:
    log.grow(300)
    log.append()
    log.sequence()
    policy = (log.directory / "policy").read_bytes()
    with work() as session:
        for number in (0, 255, 256, 299):
            proof = get_proof_file(session, log.directory, log.events[number])
            assert proof is not None
            found = verify_proof(proof.encode(), policy)
            assert (found.index, found.decode().event_id, set(found.witnessed)) == (number, log.events[number], {"w1", "w2"})
        assert get_proof_file(session, log.directory, log.events[300]) is None


def test_partial_tiles_go_once_the_full_one_is_there_and_are_cut_from_it(log: RunningLog) -> None:
    log.grow(200)
    partial = Tile(0, 0, 200), Tile(ENTRIES, 0, 200)
    before = [find_tile(log.directory, tile) for tile in partial]
    log.grow(100)
    assert not (log.directory / partial[0].path).exists()
    assert [cut_tile(find_tile(log.directory, tile.full) or b"", tile) for tile in partial] == before
    assert find_tile(log.directory, Tile(0, 1, 45)) is None
    assert find_tile(log.directory, Tile(0, 5)) is None


def test_a_round_without_news_changes_nothing(log: RunningLog) -> None:
    log.grow(5)
    files = {path: path.stat().st_mtime_ns for path in log.directory.rglob("*")}
    assert not log.publish()
    assert {path: path.stat().st_mtime_ns for path in log.directory.rglob("*")} == files


def test_lost_files_are_written_anew(log: RunningLog) -> None:
    log.grow(300)
    before = {path: path.read_bytes() for path in log.directory.rglob("*") if path.is_file()}
    for path in before:
        path.unlink()
    log.restart()
    log.publish()
    assert {path: path.read_bytes() for path in log.directory.rglob("*") if path.is_file()}.items() >= {
        path: data for path, data in before.items() if path.parts[-1] != ".publisher.lock"
    }.items()
    assert findings(log) == []


class Died(Exception):
    pass


def dying(at: int, call: Callable[..., object]) -> Callable[..., object]:
    """`call`, except that its `at`-th use dies: before doing anything, as a crash between two steps would."""
    count = 0

    def wrapped(*args: object, **kwargs: object) -> object:
        nonlocal count
        count += 1
        if count == at:
            raise Died
        return call(*args, **kwargs)

    return wrapped


@pytest.mark.parametrize("where", ["write", "rename", "work", "sync", "tidy"])
def test_death_between_any_two_steps_is_mended_by_the_next_run(log: RunningLog, where: str) -> None:
    log.grow(250)
    for attempt in range(1, 12):
        log.append(20)
        log.sequence()
        target, name = {
            "write": (writer, "_write_draft"),
            "rename": (Path, "replace"),
            "work": (module, "work"),
            "sync": (writer, "_sync"),
            "tidy": (module, "tidy"),
        }[where]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(target, name, dying(attempt, getattr(target, name)))
            try:
                log.publish()
            except Died:
                assert findings(log, quorum=False) == []
        log.restart()
        log.publish()
        assert findings(log) == []
        assert published_size(log) == len(log.events)
    with work() as session:
        publication = session.get_one(Publication, 1)
        assert publication.signed_size == publication.published_size == publication.witnessed_size == len(log.events)


def test_if_the_checkpoint_went_out_first_a_crash_would_show(log: RunningLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order is the guard: turned round, an outsider finds a checkpoint whose tiles are not there."""
    log.grow(10)
    log.append(300)
    log.sequence()
    write_tiles = module.write_tiles
    monkeypatch.setattr(module, "write_tiles", lambda *args: None)
    log.publish()
    assert findings(log) != []
    write_tiles(log.directory, 0, 310)
    assert findings(log) == []


def roll_back(to: int) -> None:
    """What restoring an old backup does, by way of the trigger's off-switch."""
    with work() as session:
        for table in ("leaf", "tile", "checkpoint", "entry", "cosignature"):
            session.execute(text(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER"))
        session.execute(
            text("DELETE FROM ledger_entry WHERE event_id IN (SELECT event_id FROM ledger_leaf WHERE idx >= :to)"), {"to": to}
        )
        session.execute(text("DELETE FROM ledger_leaf WHERE idx >= :to"), {"to": to})
        session.execute(text("DELETE FROM ledger_cosignature WHERE size > :to"), {"to": to})
        session.execute(text("DELETE FROM ledger_checkpoint WHERE size > :to"), {"to": to})
        values = {"signed_size": to, "published_size": to, "witnessed_size": to}
        session.execute(update(Publication).values(**values))
        note = session.scalars(select(SignedCheckpoint).where(SignedCheckpoint.size == to)).one()
        from traceability.ledger.tiles import Edge

        hashes = session.scalars(text("SELECT leaf_hash FROM ledger_leaf ORDER BY idx")).all()
        edge = Edge().extend([bytes(value) for value in hashes])[0]
        assert edge.root() == note.root
        session.execute(update(LogState).values(size=to, edge=edge.encode(), root=note.root))


def test_a_restored_backup_is_refused_because_of_the_published_files(log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    roll_back(10)
    for witness in log.witnesses:
        witness.stop()
    with pytest.raises(LogBehind, match=r"20 entries, the database 10\. .*newer one"):
        log.restart()


def test_a_restored_backup_that_grew_again_is_refused_too(log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    roll_back(10)
    log.append(10)
    log.sequence()
    with pytest.raises(LogBehind, match="another root"):
        log.restart()


def test_a_restored_backup_is_refused_because_of_a_witness(log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    roll_back(10)
    for path in log.directory.glob("checkpoint*"):
        path.unlink()
    with pytest.raises(LogBehind, match="the witness w1 has 20"):
        log.restart()


def test_a_backup_restored_while_the_publisher_runs_is_refused(log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    roll_back(10)
    with pytest.raises(LogBehind):
        log.publish()


def test_a_witness_that_was_away_at_the_start_still_stops_a_fork(log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    roll_back(10)
    for path in log.directory.glob("checkpoint*"):
        path.unlink()
    for witness in log.witnesses:
        witness.stop()
    log.restart()
    for witness in log.witnesses:
        witness.start()
    log.append(15)
    log.sequence()
    with pytest.raises(LogBehind, match="another root"):
        log.publish()


def test_without_the_comparison_a_restored_backup_forks_the_log(log: RunningLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard off: the same key signs two roots for one size. The witnesses, who are others, still refuse."""
    log.grow(10)
    log.grow(10)
    first = find_published(log.directory)
    roll_back(10)
    monkeypatch.setattr(module.Publisher, "_require_beginning", lambda *args: None)
    log.append(10)
    log.sequence()
    log.publisher = None
    log.publish()
    with work() as session:
        forked = session.get_one(SignedCheckpoint, 20)
    assert first is not None
    assert forked.root != first[0].root
    assert log.witnesses[0].key.name.encode() not in (log.directory / "checkpoint").read_bytes()


def test_a_witness_s_word_alone_does_not_stop_the_log(log: RunningLog, tmp_path: Path) -> None:
    """It says it has seen more, but cannot show our signature."""
    log.grow(3)
    forger = ensure_key(tmp_path / "forger", ORIGIN, ED25519)
    note = module.Checkpoint(ORIGIN, 99, bytes(32)).sign(forger)
    assert log.publisher is not None
    log.publisher._examine("w1", note)
    log.publisher._examine("w1", b"nonsense")
    log.grow(3)
    assert published_size(log) == 6


def test_another_key_does_not_take_over_a_published_log(log: RunningLog, tmp_path: Path) -> None:
    log.grow(3)
    log.key = ensure_key(tmp_path / "other.key", ORIGIN, ED25519)
    with pytest.raises(LogBehind, match="LOG_KEY_FILE"):
        log.restart()


def test_a_dead_witness_does_not_block_and_is_made_up_for_later(log: RunningLog) -> None:
    log.grow(2)
    log.witnesses[1].stop()
    log.grow(2)
    assert (stage(log, 1), stage(log, 3)) == (Stage.witnessed, Stage.published)
    assert findings(log) == []  # the older, witnessed checkpoint is still there to prove the older entries with
    with work() as session:
        proof = get_proof_file(session, log.directory, log.events[1])
        assert proof is not None
        assert verify_proof(proof.encode(), log.published_policy).size == 2
    log.witnesses[1].start()
    time.sleep(0.1)
    assert log.publisher is not None
    log.publisher.feeder._resting.clear()
    log.publish()
    assert stage(log, 3) == Stage.witnessed


def test_a_hanging_witness_delays_once_and_no_longer_than_the_limit(log: RunningLog) -> None:
    log.patience = 2.0
    log.witnesses[1].stop()
    with socket.create_server(("127.0.0.1", log.witnesses[1].port)):  # takes connections and says nothing
        started = time.monotonic()
        log.grow(2)
        first = time.monotonic() - started
        started = time.monotonic()
        log.grow(2)
        second = time.monotonic() - started
    assert first > 1.9
    assert second < 1.9  # it is not waited for again so soon
    assert stage(log, 3) == Stage.published


def test_a_lost_witness_memory_is_taught_again(log: RunningLog) -> None:
    log.grow(5)
    log.restart()  # the feeder has forgotten where the witnesses stand: they tell it with 409
    log.grow(5)
    assert stage(log, 9) == Stage.witnessed


def test_an_entry_that_does_not_hash_to_its_leaf_is_not_published(log: RunningLog) -> None:
    log.append(5)
    log.sequence()
    with work() as session:
        session.execute(text("ALTER TABLE ledger_entry DISABLE TRIGGER USER"))
        session.execute(text("UPDATE ledger_entry SET body = body || ' ' WHERE event_id = :event"), {"event": log.events[3]})
    with pytest.raises(LogBroken, match="0 to 4"):
        log.publish()
    assert find_published(log.directory) is None


def test_a_checkpoint_is_signed_once_for_each_size(log: RunningLog) -> None:
    log.grow(5)
    with pytest.raises(Exception, match="pk_ledger_checkpoint"), work() as session:
        session.add(SignedCheckpoint(size=5, root=bytes(32), note=b"another", signed_at=AT))


def test_without_witnesses_nothing_is_called_witnessed(database: str, tmp_path: Path) -> None:
    with running_log(tmp_path, witnesses=0) as log:
        log.grow(2)
        assert stage(log, 0) == Stage.published


def test_the_program_publishes_by_itself_and_a_second_one_waits(log: RunningLog, tmp_path: Path) -> None:
    policy = tmp_path / "witnesses.policy"
    policy.write_text(log.policy_text)
    log.append(3)
    log.sequence()
    stop = threading.Event()
    options = {"key_file": tmp_path / "log.key", "url": URL, "witnesses": policy, "interval": 0.05}
    threads = [threading.Thread(target=run_publisher, args=(stop, log.directory), kwargs=options) for _ in range(2)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and stage(log, 2) != Stage.witnessed:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join(10)
    assert stage(log, 2) == Stage.witnessed
    assert findings(log) == []


def test_the_program_waits_for_a_disk_that_cannot_be_written(
    log: RunningLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append(3)
    log.sequence()
    stop, failed = threading.Event(), threading.Event()
    write = writer._write_draft

    def full(*args: object) -> object:
        if not failed.is_set():
            failed.set()
            raise OSError(28, "No space left on device")
        return write(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(writer, "_write_draft", full)
    options = {"key_file": tmp_path / "log.key", "url": URL, "interval": 0.05}
    thread = threading.Thread(target=run_publisher, args=(stop, log.directory), kwargs=options)
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and stage(log, 2) == Stage.sequenced:
        time.sleep(0.05)
    stop.set()
    thread.join(10)
    assert failed.is_set()
    assert stage(log, 2) == Stage.published


def test_the_program_waits_for_a_database_that_fails_it_in_the_middle_of_a_read(
    log: RunningLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bundles are read by the driver itself, whose errors are not those of SQLAlchemy."""
    log.append(3)
    log.sequence()
    stop, failed = threading.Event(), threading.Event()
    read = writer._list_bodies

    def cut_off(session: Session, first: int, end: int) -> list[bytes]:
        if not failed.is_set():
            failed.set()
            driver(session).execute("SELECT pg_cancel_backend(pg_backend_pid())")
        return read(session, first, end)

    monkeypatch.setattr(writer, "_list_bodies", cut_off)
    options = {"key_file": tmp_path / "log.key", "url": URL, "interval": 0.05}
    thread = threading.Thread(target=run_publisher, args=(stop, log.directory), kwargs=options)
    thread.start()
    end = time.monotonic() + 20
    while time.monotonic() < end and stage(log, 2) == Stage.sequenced:
        time.sleep(0.05)
    stop.set()
    thread.join(10)
    assert failed.is_set()
    assert stage(log, 2) == Stage.published


def test_the_origin_asked_for_later_does_not_rename_the_log(log: RunningLog) -> None:
    log.grow(1)
    with work() as session:
        assert ensure_log(session, "127.0.0.1:9000/log") == ORIGIN
