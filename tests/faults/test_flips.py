"""One byte changed anywhere: `./shanhai ledger audit` finds it, ends with another code than 0, and names the first bad index.

Sampled: 60 trials; 1,200 under ``./shanhai test --faults``. What is changed, in turn: entry, leaf hash, tile, checkpoint, cosignature and
edge in the database, the body of an event in its own room, and tile, bundle, both checkpoints and policy in the files.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from kernel.db import work
from shop.cli import ledger
from shop.config import Config, ConfigProblem
from tests.conftest import make_config
from tests.factories.lots import make_chain
from tests.traceability.ledger.running import RunningLog
from traceability.ledger.tiles import decode_bundle

Outcome = tuple[int, int | None]  # exit code, first bad index


def change(data: bytes, rng: random.Random) -> bytes:
    """`data` with one byte replaced by another."""
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ rng.randrange(1, 256)]) + data[at + 1 :]


class Thief:
    """Somebody who is administrator of everything: triggers off, files open."""

    def __init__(self, log: RunningLog, admin: psycopg.Connection, config: Config) -> None:
        self.log, self.admin, self.config = log, admin, config
        self.size = self.one("SELECT size FROM ledger_log")
        self.events = [row[0] for row in admin.execute("SELECT event_id FROM ledger_leaf ORDER BY idx")]
        mine = "SELECT idx, body::text FROM events_trace_event JOIN ledger_leaf ON event_id = id ORDER BY idx"
        self.bodies = dict(admin.execute(mine).fetchall())

    def one(self, query: str, *values: object) -> object:
        row = self.admin.execute(query, values).fetchone()
        assert row is not None
        return row[0]

    @contextmanager
    def column(self, rng: random.Random, table: str, column: str, where: str, *values: object) -> Iterator[None]:
        before = self.one(f"SELECT {column} FROM {table} WHERE {where}", *values)
        assert isinstance(before, bytes)
        update = f"UPDATE {table} SET {column} = %s WHERE {where}"
        self.admin.execute(update, (change(before, rng), *values))
        try:
            yield
        finally:
            self.admin.execute(update, (before, *values))

    @contextmanager
    def body(self, rng: random.Random, index: int) -> Iterator[None]:
        """jsonb takes only JSON, and keeps no spaces: a byte that makes another event of it."""
        text, changed = self.bodies[index], b""
        while True:
            changed = change(text.encode(), rng)
            try:
                if json.loads(changed) != json.loads(text) and b"\x00" not in changed and b"\\u0000" not in changed:
                    self.admin.execute(
                        "UPDATE events_trace_event SET body = %s WHERE id = %s", (changed.decode(), self.events[index])
                    )
                    break
            except (ValueError, psycopg.Error):
                continue
        try:
            yield
        finally:
            self.admin.execute("UPDATE events_trace_event SET body = %s WHERE id = %s", (text, self.events[index]))

    @contextmanager
    def file(self, rng: random.Random, path: Path, data: bytes | None = None) -> Iterator[None]:
        before = path.read_bytes()
        path.write_bytes(change(before, rng) if data is None else data)
        try:
            yield
        finally:
            path.write_bytes(before)


Trial = Callable[[Thief, random.Random], tuple[object, set[int | None]]]


def entry(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    index = rng.randrange(len(thief.events))
    return thief.column(rng, "ledger_entry", "body", "event_id = %s", thief.events[index]), {index}


def leaf_hash(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    index = rng.randrange(len(thief.events))
    return thief.column(rng, "ledger_leaf", "leaf_hash", "idx = %s", index), {index}


def tile(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    return thief.column(rng, "ledger_tile", "hashes", "level = 0 AND number = 0"), {0}


def checkpoint(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    sizes = [row[0] for row in thief.admin.execute("SELECT size FROM ledger_checkpoint ORDER BY size")]
    return thief.column(rng, "ledger_checkpoint", rng.choice(["note", "root"]), "size = %s", rng.choice(sizes)), {None}


def cosignature(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    keys = thief.admin.execute("SELECT size, witness, seconds FROM ledger_cosignature ORDER BY 1, 2, 3").fetchall()
    return thief.column(rng, "ledger_cosignature", "line", "(size, witness, seconds) = (%s, %s, %s)", *rng.choice(keys)), {None}


def edge(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    return thief.column(rng, "ledger_log", rng.choice(["edge", "root"]), "id = 1"), {None}


def event_body(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    index = rng.choice(list(thief.bodies))
    return thief.body(rng, index), {index}


def tile_file(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    paths = sorted(path for path in thief.log.directory.glob("tile/[01]/**/*") if path.is_file())
    path = rng.choice(paths)
    before = path.read_bytes()
    at = rng.randrange(len(before))
    changed = before[:at] + bytes([before[at] ^ 1]) + before[at + 1 :]
    index = at // 32 + (256 if "001.p" in str(path) else 0)
    return thief.file(rng, path, changed), {index} if "tile/0" in str(path) else {0}


def bundle_file(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    path = rng.choice(sorted(path for path in thief.log.directory.glob("tile/entries/**/*") if path.is_file()))
    first, before = (256 if "001.p" in str(path) else 0), path.read_bytes()
    at, start, index = rng.randrange(len(before)), 0, first
    for body in decode_bundle(before, 256 if first == 0 else len(thief.events) - 256):
        if at < start + 2 + len(body):
            break
        start, index = start + 2 + len(body), index + 1
    # A changed length shifts all that follows, or cuts the bundle short: then the bundle's first index is named.
    changed = before[:at] + bytes([before[at] ^ rng.randrange(1, 256)]) + before[at + 1 :]
    return thief.file(rng, path, changed), {index, first} if at < start + 2 else {index}


def checkpoint_file(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    return thief.file(rng, thief.log.directory / rng.choice(["checkpoint", "checkpoint.witnessed"])), {None}


def policy_file(thief: Thief, rng: random.Random) -> tuple[object, set[int | None]]:
    paths = [thief.log.directory / "policy", thief.log.directory / "vkey", ledger.policy_file(thief.config)]
    return thief.file(rng, rng.choice(paths)), {None}


TRIALS: tuple[Trial, ...] = (
    entry, leaf_hash, tile, checkpoint, cosignature, edge, event_body, tile_file, bundle_file, checkpoint_file, policy_file, event_body,
)  # fmt: skip


@pytest.fixture
def thief(log: RunningLog, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Thief]:
    """A whole log: a real chain of acts from households to boxes, and as many entries as one full tile takes."""
    (tmp_path / "public").rename(tmp_path / "log")
    log.directory = tmp_path / "log"
    with work() as session:
        make_chain(session)
    log.sequence()
    log.publish()
    log.grow(245)
    log.grow(5)
    config = make_config(tmp_path, database, public_url="https://shop.example")
    ledger.policy_file(config).write_text(log.policy_text)
    monkeypatch.setattr(ledger, "_audit_here", lambda: ledger.audit_here(config))
    with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("SET session_replication_role = replica")  # no trigger speaks up
        yield Thief(log, admin, config)


def audit(capsys: pytest.CaptureFixture[str]) -> Outcome:
    """What the command says and ends with."""
    try:
        code = ledger.run_audit(as_json=True)
    except ConfigProblem:  # the command prints it and ends with 1
        return 1, None
    return code, json.loads(capsys.readouterr().out)["first_bad"]


@pytest.mark.timeout(1800)
def test_one_changed_byte_is_always_found(thief: Thief, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest) -> None:
    assert len(thief.bodies) >= 6
    assert 256 < len(thief.events) < 512
    assert audit(capsys) == (0, None)
    rng, missed = random.Random(20261122), []
    for number in range(1200 if request.config.option.faults else 60):
        trial = TRIALS[number % len(TRIALS)]
        deed, expected = trial(thief, rng)
        with deed:  # type: ignore[attr-defined]
            code, index = audit(capsys)
        if code == 0 or index not in expected:
            missed.append((number, trial.__name__, code, index, expected))
    assert missed == []
    assert audit(capsys) == (0, None)
