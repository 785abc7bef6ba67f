"""The auditor finds one changed bit anywhere, names the first bad index, and is content with a log that is whole."""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from kernel.db import work
from tests.traceability.ledger.running import AT, RunningLog
from tests.traceability.ledger.vectors import flip
from traceability.ledger.auditor import audit
from traceability.ledger.canonical import JSON, Entry
from traceability.ledger.erasing import erase_subject
from traceability.ledger.monitor import Report
from traceability.ledger.queries import find_disclosures

SIZE = 270  # one full tile and a bit
TABLES = ("entry", "leaf", "tile", "checkpoint", "cosignature")


@pytest.fixture
def whole(log: RunningLog) -> RunningLog:
    """A log of a few checkpoints, all well; with one entry still waiting. Its triggers are off, as a thief's would be."""
    for count in (3, 252, 15):
        log.grow(count)
    log.append()
    with work() as session:
        for table in TABLES:
            session.execute(text(f"ALTER TABLE ledger_{table} DISABLE TRIGGER USER"))
    return log


def check(log: RunningLog) -> Report:
    return audit(log.directory, log.published_policy)


def run(statement: str, **values: object) -> object:
    with work() as session:
        result = session.execute(text(statement), values)
        return result.scalar() if result.returns_rows else None


def test_a_whole_log_passes(whole: RunningLog) -> None:
    report = check(whole)
    assert report.findings == []
    assert (report.size, report.checked, report.first_bad) == (SIZE, SIZE, None)


def test_a_log_that_has_not_begun_is_not_called_good(database: str, tmp_path: Path) -> None:
    assert not audit(tmp_path, b"quorum none\n").holds


def test_an_erased_person_does_not_disturb_the_audit(whole: RunningLog) -> None:
    with work() as session:
        assert len(erase_subject(session, UUID(int=7), AT)) == SIZE + 1
        assert set(find_disclosures(session, whole.events[0])) == {"serial"}
    whole.sequence()
    whole.publish()
    assert check(whole).findings == []


COLUMNS = {
    "entry": ("ledger_entry", "body", "event_id = (SELECT event_id FROM ledger_leaf WHERE idx = :n)", SIZE),
    "waiting entry": ("ledger_entry", "body", "event_id IN (SELECT event_id FROM ledger_intake) AND :n >= 0", 1),
    "waiting leaf hash": ("ledger_intake", "leaf_hash", ":n >= 0", 1),
    "leaf hash": ("ledger_leaf", "leaf_hash", "idx = :n", SIZE),
    "tile": ("ledger_tile", "hashes", "number = :n", 1),
    "edge": ("ledger_log", "edge", "id > :n", 1),
    "root": ("ledger_log", "root", "id > :n", 1),
    "checkpoint": ("ledger_checkpoint", "note", "size = (SELECT size FROM ledger_checkpoint ORDER BY size LIMIT 1 OFFSET :n)", 3),
    "checkpoint root": (
        "ledger_checkpoint",
        "root",
        "size = (SELECT size FROM ledger_checkpoint ORDER BY size LIMIT 1 OFFSET :n)",
        3,
    ),
    "cosignature": (
        "ledger_cosignature",
        "line",
        "ctid = (SELECT ctid FROM ledger_cosignature ORDER BY size LIMIT 1 OFFSET :n)",
        6,
    ),
    "sealed field": (
        "ledger_disclosure",
        "sealed",
        "event_id = (SELECT event_id FROM ledger_leaf WHERE idx = :n) AND field = 'serial'",
        SIZE,
    ),
}


def test_one_changed_bit_anywhere_in_the_database_is_found(whole: RunningLog, request: pytest.FixtureRequest) -> None:
    """Sampled: 3 places of each kind; 100 under --faults."""
    for what, (table, column, where, places) in COLUMNS.items():
        rng = random.Random(what)
        for _ in range(100 if request.config.option.faults else 3):
            place = rng.randrange(places)
            before = run(f"SELECT {column} FROM {table} WHERE {where}", n=place)
            assert isinstance(before, bytes)
            changed = flip(before, rng.randrange(len(before) * 8))
            run(f"UPDATE {table} SET {column} = :changed WHERE {where}", changed=changed, n=place)
            report = check(whole)
            assert not report.holds, what
            if what in ("entry", "sealed field"):
                assert report.first_bad == place
            if what == "leaf hash":
                assert report.first_bad in (place, place // 256 * 256)
            run(f"UPDATE {table} SET {column} = :before WHERE {where}", before=before, n=place)
        assert check(whole).findings == [], what


def test_one_changed_bit_in_any_published_file_is_found(whole: RunningLog, request: pytest.FixtureRequest) -> None:
    """Sampled: 3 bits of each file; 50 under --faults. Partial tiles of an earlier size are not in use any more."""
    rng = random.Random(1)
    in_use = {"checkpoint", "policy", "vkey", "000", "14"} | {"1"}
    current = [path for path in whole.directory.rglob("*") if path.is_file() and path.name in in_use]
    assert len(current) == 8
    for path in current:
        data = path.read_bytes()
        for _ in range(50 if request.config.option.faults else 3):
            path.write_bytes(flip(data, rng.randrange(len(data) * 8)))
            assert not check(whole).holds, path
        path.write_bytes(data)
    assert check(whole).findings == []


def test_a_missing_file_is_found(whole: RunningLog) -> None:
    for name in ("checkpoint", "policy", "vkey", "tile/0/000", "tile/entries/001.p/14"):
        path = whole.directory / name
        path.rename(path.with_name("away"))
        assert not check(whole).holds, name
        path.with_name("away").rename(path)
    assert check(whole).findings == []


def swap(log: RunningLog) -> int:
    run("UPDATE ledger_leaf SET idx = -1 WHERE idx = 40")
    run("UPDATE ledger_leaf SET idx = 40 WHERE idx = 41")
    run("UPDATE ledger_leaf SET idx = 41 WHERE idx = -1")
    return 0  # the tile that holds them


def delete_last(log: RunningLog) -> int | None:
    run("DELETE FROM ledger_leaf WHERE idx = :n", n=SIZE - 1)
    return None


def delete_middle(log: RunningLog) -> int:
    run("DELETE FROM ledger_leaf WHERE idx = 100")
    return 100


def delete_body(log: RunningLog) -> int:
    run("DELETE FROM ledger_entry WHERE event_id = :event", event=log.events[100])
    return 100


def refile(log: RunningLog) -> int:
    run("UPDATE ledger_entry SET kind = 'lots.burnt' WHERE event_id = :event", event=log.events[77])
    return 77


def lose_a_waiting_entry(log: RunningLog) -> None:
    run("DELETE FROM ledger_intake")


def list_twice(log: RunningLog) -> None:
    run("INSERT INTO ledger_intake (event_id, leaf_hash) SELECT event_id, leaf_hash FROM ledger_leaf WHERE idx = 5")


def forget_a_checkpoint(log: RunningLog) -> None:
    run("DELETE FROM ledger_checkpoint WHERE size = (SELECT max(size) FROM ledger_checkpoint)")


def drop_a_tile(log: RunningLog) -> int:
    run("DELETE FROM ledger_tile")
    return 0


def invent_a_tile(log: RunningLog) -> None:
    run("INSERT INTO ledger_tile SELECT 5, 0, hashes FROM ledger_tile")


DEEDS: list[Callable[[RunningLog], int | None]] = [
    swap, delete_last, delete_middle, delete_body, refile, lose_a_waiting_entry, list_twice, forget_a_checkpoint, drop_a_tile, invent_a_tile,
]  # fmt: skip


def test_a_tampered_log_is_found(whole: RunningLog) -> None:
    run("ALTER TABLE ledger_leaf DROP CONSTRAINT ck_ledger_leaf_idx_not_negative")  # so that two leaves can change places
    tables = ("entry", "leaf", "tile", "checkpoint")
    for table in tables:
        run(f"CREATE TABLE kept_{table} AS TABLE ledger_{table}")
    run("CREATE TABLE kept_intake AS TABLE ledger_intake")
    for deed in DEEDS:
        expected = deed(whole)
        report = check(whole)
        assert (report.holds, report.first_bad) == (False, expected), deed.__name__
        for table in tables:
            run(f"TRUNCATE ledger_{table}")
            run(f"INSERT INTO ledger_{table} TABLE kept_{table}")
        run("TRUNCATE ledger_intake")
        run("INSERT INTO ledger_intake OVERRIDING SYSTEM VALUE TABLE kept_intake")
        assert check(whole).findings == []


def test_the_chain_to_the_business_rows_is_checked(whole: RunningLog) -> None:
    """Upper rooms say what an entry must agree with; here one of theirs disagrees."""
    seen: list[UUID] = []

    def chain(_session: Session, entries: Sequence[tuple[Entry, Mapping[str, JSON]]]) -> Iterable[tuple[UUID, str]]:
        seen.extend(entry.event_id for entry, _ in entries)
        assert all(opened["serial"] == f"S-{entry.event_id}" for entry, opened in entries)
        return [(entry.event_id, "the event was changed") for entry, _ in entries if entry.event_id == whole.events[33]]

    report = audit(whole.directory, whole.published_policy, chain=chain)
    assert seen == whole.events[:SIZE]
    assert (report.first_bad, [finding.what for finding in report.findings]) == (33, ["entry 33: the event was changed"])
