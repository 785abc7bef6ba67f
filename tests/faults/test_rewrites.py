"""Whoever holds the key, the database and the files rewrites history and signs it again: nothing in the log itself tells, so a
newcomer is satisfied. A checkpoint kept on any machine tells, and so does a witness, which keeps the request as evidence.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update

from kernel.db import work
from tests.faults.test_auditing import shanhai
from tests.traceability.ledger.running import ORIGIN, RunningLog
from traceability.ledger.merkle import EMPTY_ROOT
from traceability.ledger.models import FullTile, Intake, Leaf, LogEntry, LogState, Publication, SignedCheckpoint, StoredCosignature
from traceability.ledger.publisher import LogBehind, Publisher
from traceability.ledger.witness import Witness

SIZE = 20


def swap(leaves: list[Leaf]) -> list[Leaf]:
    return [*leaves[:6], leaves[7], leaves[6], *leaves[8:]]


def delete_one(leaves: list[Leaf]) -> list[Leaf]:
    return [*leaves[:6], *leaves[7:]]


def truncate(leaves: list[Leaf]) -> list[Leaf]:
    return leaves[:10]


REWRITES = pytest.mark.parametrize("change", [swap, delete_one, truncate])


def rewrite(log: RunningLog, change: Callable[[list[Leaf]], list[Leaf]]) -> None:
    """The log made anew from its changed leaves, with nothing left of the old one but what others keep. Then it grows past it."""
    with work() as session:
        leaves = change(list(session.scalars(select(Leaf).order_by(Leaf.idx))))
        kept = [{"event_id": leaf.event_id, "leaf_hash": leaf.leaf_hash} for leaf in leaves]
        for table in (LogEntry, Leaf, FullTile, SignedCheckpoint, StoredCosignature):
            session.execute(text(f"ALTER TABLE {table.__tablename__} DISABLE TRIGGER USER"))
        session.expunge_all()
        for table in (Leaf, FullTile, SignedCheckpoint, StoredCosignature, Publication):
            session.execute(delete(table))
        session.execute(delete(LogEntry).where(LogEntry.event_id.not_in([row["event_id"] for row in kept])))
        session.execute(update(LogState).values(size=0, edge=b"", root=EMPTY_ROOT))
        for row in kept:
            session.execute(insert(Intake).values(**row))
    log.sequence()
    for path in log.directory.rglob("*"):
        if path.is_file():
            path.unlink()
    log.publisher = None
    log.publish()
    log.append(25)
    log.sequence()
    log.publish()


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator takes the refusal to sign out of its own program."""
    monkeypatch.setattr(Publisher, "_require_beginning", lambda *args: None)


@REWRITES
def test_a_checkpoint_kept_on_any_machine_tells(
    change: Callable[[list[Leaf]], list[Leaf]], log: RunningLog, site: str, tmp_path: Path, unguarded: None
) -> None:
    log.witnesses.clear()
    log.grow(10)
    log.grow(10)
    state, policy = tmp_path / "seen.json", tmp_path / "policy"
    policy.write_bytes(log.published_policy)
    remote = ("--url", site, "--policy", str(policy), "--json")
    assert shanhai(*remote, "--state", str(state)).returncode == 0
    kept = state.read_bytes()
    rewrite(log, change)
    assert shanhai(*remote).returncode == 0  # whoever kept nothing cannot know
    done = shanhai(*remote, "--state", str(state))
    found = json.loads(done.stdout)
    assert (done.returncode, found["holds"]) == (1, False)
    assert f"history was changed since {SIZE} entries were seen on this machine" in found["findings"][0]["what"]
    assert state.read_bytes() == kept  # it still holds the checkpoint that proves it


@REWRITES
def test_a_witness_tells(change: Callable[[list[Leaf]], list[Leaf]], log: RunningLog, site: str, unguarded: None) -> None:
    log.grow(10)
    log.grow(10)
    assert shanhai("--url", site).returncode == 0
    rewrite(log, change)
    done = shanhai("--url", site, "--json")
    assert (done.returncode, json.loads(done.stdout)["holds"]) == (1, False)
    for witness in log.witnesses:
        with closing(sqlite3.connect(witness.folder / "witness.sqlite")) as memory:
            assert memory.execute("SELECT size FROM seen WHERE origin = ?", (ORIGIN,)).fetchall() == [(SIZE,)]
            assert memory.execute("SELECT count(*) FROM evidence").fetchone()[0] > 0


def test_without_the_witnesses_check_the_rewrite_is_cosigned(
    log: RunningLog, site: str, unguarded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard off: the test above would not pass for another reason."""
    log.grow(10)
    log.grow(10)
    monkeypatch.setattr(Witness, "_require_continuation", lambda *args: None)
    rewrite(log, swap)
    assert shanhai("--url", site).returncode == 0


@REWRITES
def test_its_own_publisher_refuses_to_sign_it(change: Callable[[list[Leaf]], list[Leaf]], log: RunningLog) -> None:
    log.grow(10)
    log.grow(10)
    with pytest.raises(LogBehind, match=r"another root|has 20 entries"):
        rewrite(log, change)
