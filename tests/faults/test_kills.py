"""kill -9 of sequencer, publisher and PostgreSQL at random moments, while writers write and an outsider reads all the time.

Sampled: 3 kills, one of each; 201 under ``./shanhai test --faults``. Deaths between each two steps of publishing: tests/traceability/ledger/test_publisher.py.
"""

from __future__ import annotations

import contextlib
import json
import random
import subprocess
import time
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from kernel.db import reading
from kernel.local import Postgres
from tests.faults.programs import (
    ORIGIN,
    URL,
    check,
    kill,
    size_now,
    start,
    start_publisher,
    start_sequencer,
    wait_until_drained,
    writers,
)
from traceability.ledger.keeper import ensure_key
from traceability.ledger.models import Leaf, SignedCheckpoint
from traceability.ledger.monitor import audit_published, folder_fetch
from traceability.ledger.note import ED25519
from traceability.ledger.queries import find_published
from traceability.ledger.verify import parse_policy

# Reads the checkpoint and every tile and bundle it implies, again and again, as a stranger would. What it saw goes into a file; the first
# thing that cannot be read, does not fit, or contradicts what it saw before ends it.
READER = """
import json, sys, time
from pathlib import Path
from traceability.ledger.monitor import audit_published, folder_fetch
from traceability.ledger.queries import find_published
from traceability.ledger.verify import parse_policy
folder, policy = Path(sys.argv[1]), parse_policy(Path(sys.argv[2]).read_bytes())
seen, last = {}, -1
while True:
    found = find_published(folder)
    if found is None:
        time.sleep(0.01)
        continue
    size, root = found[0].size, found[0].root.hex()
    assert size >= last, f"the log went back from {last} to {size}"
    assert seen.setdefault(size, root) == root, f"two roots for {size}"
    report, memory = audit_published(folder_fetch(folder), policy)
    assert report.holds, report.findings
    last = size
    told = Path(sys.argv[3] + ".new")
    told.write_text(json.dumps({"rounds": len(seen), "last": size}))
    told.replace(sys.argv[3])  # whole or not at all: it is read at any moment
"""


def list_leaves(first: int) -> dict[int, UUID]:
    """Indexes given out so far, from `first` on."""
    with reading() as session:
        rows = session.execute(select(Leaf.idx, Leaf.event_id).where(Leaf.idx >= first)).all()
    return {row.idx: row.event_id for row in rows}


def list_roots() -> dict[int, bytes]:
    """Every root that was signed, by size."""
    with reading() as session:
        return {row.size: row.root for row in session.scalars(select(SignedCheckpoint))}


def wait_for_growth(beyond: int) -> None:
    """Until entries get indexes again: the programs are at work."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        with contextlib.suppress(SQLAlchemyError):
            if size_now() > beyond:
                return
        time.sleep(0.01)
    raise AssertionError(f"the log did not grow beyond {beyond}")


@pytest.mark.timeout(3600)
def test_kill_9_anywhere_loses_nothing_and_shows_nothing_half(
    cluster: Postgres, durable: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    rounds = 201 if request.config.option.faults else 3
    rng, folder, key = random.Random(5), tmp_path / "log", tmp_path / "log.key"
    policy = tmp_path / "policy"
    policy.write_text(f"log {ensure_key(key, ORIGIN, ED25519).verifier} {URL}\nquorum none\n")
    folder.mkdir()
    notes = tmp_path / "programs.log"
    programs = {"sequencer": start_sequencer(durable, notes), "publisher": start_publisher(durable, folder, key, notes)}
    reader = start(READER, str(folder), str(policy), str(tmp_path / "seen"), log=tmp_path / "reader.log")
    given: dict[int, UUID] = {}
    signed: dict[int, bytes] = {}
    try:
        with writers(durable, 2, None) as written:
            wait_for_growth(0)
            for victim in ("sequencer", "publisher", "postgres") * (rounds // 3):
                time.sleep(rng.random() * 0.2)
                if victim == "postgres":
                    assert cluster._process is not None
                    kill(cluster._process)
                    cluster.start()
                else:
                    kill(programs[victim])
                found = list_leaves(max(0, len(given) - 100))
                assert {index: given[index] for index in found if index in given} == {
                    index: event for index, event in found.items() if index in given
                }  # no index is given to another
                given |= found
                roots = list_roots()
                assert signed.items() <= roots.items()  # nor is a signed root forgotten or changed
                signed = roots
                if victim == "sequencer":
                    programs[victim] = start_sequencer(durable, notes)
                elif victim == "publisher":
                    programs[victim] = start_publisher(durable, folder, key, notes)
                wait_for_growth(len(given))
                assert reader.poll() is None, (tmp_path / "reader.log").read_text()[-2000:]
                assert all(program.poll() is None for program in programs.values()), notes.read_text()[-3000:]
        wait_until_drained()
        check(written)
        finish(folder, policy.read_bytes(), reader, tmp_path, least=4 if request.config.option.faults else 2)
    finally:
        kill(*programs.values(), reader)


def finish(folder: Path, policy: bytes, reader: subprocess.Popen[bytes], tmp_path: Path, least: int) -> None:
    """Once all is quiet: everything sequenced is published, and the reader never met anything wrong."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        found = find_published(folder)
        if found is not None and found[0].size == size_now():
            break
        time.sleep(0.1)
    assert found is not None
    assert found[0].size == size_now()
    assert audit_published(folder_fetch(folder), parse_policy(policy))[0].findings == []
    assert reader.poll() is None, (tmp_path / "reader.log").read_text()[-2000:]
    assert json.loads((tmp_path / "seen").read_text())["rounds"] >= least  # sizes the reader met
