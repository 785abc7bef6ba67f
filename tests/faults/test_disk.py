"""A full disk and a read-only one: publisher and sequencer say so, wait, and go on when there is room; what was published stays readable.

The disk is a small tmpfs in a mount namespace of the program's own; skipped where neither root nor user namespaces may mount.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import text

from kernel.db import work
from tests.conftest import ROOT
from tests.faults.programs import ORIGIN, PUBLISHER, URL, kill, start_sequencer
from tests.traceability.ledger.running import RunningLog
from traceability.ledger.keeper import ensure_key
from traceability.ledger.models import LogState
from traceability.ledger.monitor import audit_published, folder_fetch
from traceability.ledger.note import ED25519
from traceability.ledger.queries import find_published
from traceability.ledger.sequencer import ensure_log, sequence_batch
from traceability.ledger.verify import parse_policy

ROOM = 512  # KiB: the verifier's files and the first entries fit, thousands more do not
UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--mount"]
ENTER = ["--mount"] if os.geteuid() == 0 else ["--user", "--mount", "--preserve-credentials"]


def wait_for(what: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.1)


class SmallDisk:
    """A publisher that sees `folder` as a small disk of its own."""

    def __init__(self, url: str, folder: Path, key: Path, notes: Path) -> None:
        self.folder, self.notes = folder, notes
        script = f'mount -t tmpfs -o size={ROOM}k small "$1" && shift && exec "$@"'
        self.program = [sys.executable, "-c", PUBLISHER, url, str(folder), str(key)]
        self.process = self._start(*UNSHARE, "sh", "-c", script, "sh", str(folder))

    def _start(self, *into: str) -> subprocess.Popen[bytes]:
        with self.notes.open("ab") as out:
            return subprocess.Popen([*into, *self.program], cwd=ROOT, stdout=out, stderr=out)

    def replace(self) -> None:
        """Another publisher in the same namespace, then kill the first, which held it open."""
        first = self.process
        self.process = self._start("nsenter", "--target", str(first.pid), *ENTER, "--wd")
        wait_for(lambda: Path(f"/proc/{self.process.pid}/ns/mnt").readlink() == Path(f"/proc/{first.pid}/ns/mnt").readlink())
        kill(first)

    @property
    def inside(self) -> Path:
        """The folder as the program sees it."""
        return Path(f"/proc/{self.process.pid}/root{self.folder}")

    def run(self, *command: str) -> None:
        """Run a command in its namespace."""
        subprocess.run(["nsenter", "--target", str(self.process.pid), *ENTER, *command], check=True)

    def grow(self) -> None:
        self.run("mount", "-o", "remount,size=4096k", str(self.folder))

    def freeze(self) -> None:
        """Read-only from now on, by a second mount on top: the first is busy with the file lock the program holds."""
        self.run("mount", "--bind", str(self.folder), str(self.folder))
        self.run("mount", "-o", "remount,bind,ro", str(self.folder))

    def thaw(self) -> None:
        self.run("umount", str(self.folder))

    def published(self) -> int:
        found = find_published(self.inside)
        return found[0].size if found else -1

    def says(self, words: str) -> bool:
        return words in self.notes.read_text()


@pytest.fixture
def disk(log: RunningLog, database: str, tmp_path: Path) -> Iterator[SmallDisk]:
    try:
        subprocess.run([*UNSHARE, "mount", "-t", "tmpfs", "none", str(tmp_path / "public")], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small disk needs root or user namespaces")
    log.witnesses.clear()
    log.append(20)
    log.sequence()
    small = SmallDisk(database, tmp_path / "public", tmp_path / "log.key", tmp_path / "publisher.log")
    yield small
    kill(small.process)


def findings(disk: SmallDisk, tmp_path: Path) -> list[object]:
    policy = f"log {ensure_key(tmp_path / 'log.key', ORIGIN, ED25519).verifier} {URL}\nquorum none\n"
    return list(audit_published(folder_fetch(disk.inside), parse_policy(policy.encode()))[0].findings)


def test_the_publisher_waits_for_room_on_a_full_disk(disk: SmallDisk, log: RunningLog, tmp_path: Path) -> None:
    wait_for(lambda: disk.published() == 20)
    log.append(2000)
    with work() as session:  # in one batch, or the disk takes the first half of them
        assert sequence_batch(session, 5000) == 2001
    wait_for(lambda: disk.says("No space left on device"))
    assert disk.published() == 20
    assert findings(disk, tmp_path) == []
    assert disk.process.poll() is None
    assert not disk.says("Traceback")
    disk.grow()
    wait_for(lambda: disk.published() == 2021)
    assert findings(disk, tmp_path) == []


def test_the_publisher_waits_while_its_disk_is_read_only(disk: SmallDisk, log: RunningLog, tmp_path: Path) -> None:
    wait_for(lambda: disk.published() == 20)
    disk.freeze()
    log.append(3)
    log.sequence()
    wait_for(lambda: disk.says("Read-only file system"))
    assert (disk.published(), findings(disk, tmp_path)) == (20, [])
    disk.thaw()
    wait_for(lambda: disk.published() == 24)
    assert findings(disk, tmp_path) == []


def test_a_publisher_started_on_a_read_only_disk_waits_too(disk: SmallDisk, log: RunningLog, tmp_path: Path) -> None:
    wait_for(lambda: disk.published() == 20)
    disk.freeze()
    disk.replace()
    wait_for(lambda: disk.says("Read-only file system"))
    assert disk.process.poll() is None
    disk.thaw()
    log.append(3)
    log.sequence()
    wait_for(lambda: disk.published() == 24)
    assert not disk.says("Traceback")


def sequenced(log: RunningLog) -> bool:
    with work() as session:
        return session.query(LogState).one().size == len(log.events)


def test_the_sequencer_waits_while_its_database_is_read_only(log: RunningLog, database: str, tmp_path: Path) -> None:
    plain, notes = database.replace("+psycopg", ""), tmp_path / "sequencer.log"
    with work() as session:
        ensure_log(session, ORIGIN)
    log.append(5)
    with psycopg.connect(plain, autocommit=True) as admin:
        name = admin.info.dbname
        admin.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        sequencer = start_sequencer(database, notes)
        try:
            wait_for(lambda: "read-only transaction" in notes.read_text())
            assert sequencer.poll() is None
            admin.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
            ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
            admin.execute("SET default_transaction_read_only = off")
            admin.execute(ended, (name,))
            wait_for(lambda: _sequenced_again(log))
        finally:
            kill(sequencer)


def _sequenced_again(log: RunningLog) -> bool:
    try:
        return sequenced(log)
    except Exception:
        return False


def test_the_sequencer_waits_for_room_on_a_full_disk(log: RunningLog, database: str, tmp_path: Path) -> None:
    """The database has no room for another leaf: the table of leaves lies on a small disk."""
    if os.geteuid() != 0:
        pytest.skip("mounting a disk the database server sees needs root")
    small, place, notes = tmp_path / "small", f"small_{uuid4().hex}", tmp_path / "sequencer.log"
    small.mkdir()
    tmp_path.chmod(0o755)
    with work() as session:
        data = Path(str(session.scalar(text("SHOW data_directory"))))
    owner = data.stat()
    options = f"size=400k,mode=0700,uid={owner.st_uid},gid={owner.st_gid}"
    if subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", str(small)], capture_output=True).returncode != 0:
        pytest.skip("mounting a disk the database server sees needs root")
    sequencer = None
    try:
        with psycopg.connect(database.replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute(f"CREATE TABLESPACE {place} LOCATION '{small}'")
            admin.execute(f"ALTER TABLE ledger_leaf SET TABLESPACE {place}")
            log.append(6000)
            sequencer = start_sequencer(database, notes)
            wait_for(lambda: "No space left on device" in notes.read_text())
            assert sequencer.poll() is None
            subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
            wait_for(lambda: sequenced(log))
            kill(sequencer)
            assert log.publish()
            admin.execute("ALTER TABLE ledger_leaf SET TABLESPACE pg_default")
            admin.execute(f"DROP TABLESPACE {place}")
    finally:
        if sequencer is not None:
            kill(sequencer)
        subprocess.run(["umount", "--lazy", str(small)], check=False)
