"""The audit as a command: its memory is flat, it runs from any machine with the code alone, and it blames nobody for a damaged state file.

Sampled: 2,000 and 12,000 leaves; 5,000 and 50,000 under ``./shanhai test --faults``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest

from kernel.db import work
from shop.cli import ledger
from shop.config import RUN_FILE
from tests.conftest import ROOT, make_config
from tests.traceability.ledger.running import AT, RunningLog
from traceability.ledger.appending import NewEntry, append_entries

# The command, and then the most memory its process ever had (KiB; VmHWM, since ru_maxrss also counts the parent it was forked from).
MEASURED = """
import sys
from shop.cli import ledger
code = ledger.run_audit(as_json=True)
peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak, file=sys.stderr)
sys.exit(code)
"""


def shanhai(*arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """The command as people run it, with no setting of this installation."""
    plain = {"PATH": os.environ["PATH"]} | env
    command = [sys.executable, "-m", "shop.cli", "ledger", "audit", *arguments]
    return subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, text=True, timeout=300)


def append_many(count: int, log: RunningLog) -> None:
    """So many entries at once, besides a few with private fields."""
    log.append(50)
    entries = [NewEntry(uuid4(), "test", AT, {"note": "x" * 300}) for _ in range(count - 50)]
    with work() as session:
        append_entries(session, entries)
    log.events += [entry.event_id for entry in entries]


@pytest.mark.timeout(1800)
def test_memory_stays_flat(log: RunningLog, database: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Kept entries would take 1 KiB each at the least: 10 MiB more, and not 4."""
    few, many = (5_000, 50_000) if request.config.option.faults else (2_000, 12_000)
    (tmp_path / "public").rename(tmp_path / "log")
    log.directory = tmp_path / "log"
    log.witnesses.clear()
    config = make_config(tmp_path, database, public_url="https://shop.example")
    config.save(tmp_path / "run.json")
    ledger.policy_file(config).write_text(log.policy_text)
    peaks = []
    for size in (few, many):
        append_many(size - len(log.events), log)
        log.sequence()
        log.publish()
        command = [sys.executable, "-c", MEASURED]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {RUN_FILE: str(tmp_path / "run.json")}, capture_output=True, text=True, timeout=900
        )
        assert (done.returncode, json.loads(done.stdout)["checked"]) == (0, size), done.stdout + done.stderr
        peaks.append(int(done.stderr.strip().splitlines()[-1]))
    assert peaks[1] - peaks[0] < 4 * 1024, peaks


def test_a_damaged_state_file_blames_nobody(log: RunningLog, site: str, tmp_path: Path) -> None:
    log.witnesses.clear()
    log.grow(20)
    state = tmp_path / "seen.json"
    assert shanhai("--url", site, "--state", str(state)).returncode == 0
    state.write_bytes(state.read_bytes().replace(b'"size": "20"', b'"size": "21"'))
    done = shanhai("--url", site, "--json", "--state", str(state))
    assert (done.returncode, done.stdout) == (1, "")
    assert "seen.json is damaged" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_file_of_another_log_is_said_to_be_one(log: RunningLog, site: str, tmp_path: Path) -> None:
    from tests.traceability.ledger import running

    log.witnesses.clear()
    log.grow(3)
    state = tmp_path / "seen.json"
    assert shanhai("--url", site, "--state", str(state)).returncode == 0
    fields = json.loads(state.read_text())
    checkpoint = fields["note"].replace(running.ORIGIN, "other.example/log")
    state.write_text(json.dumps(fields | {"origin": "other.example/log", "note": checkpoint}))
    done = shanhai("--url", site, "--state", str(state))
    assert done.returncode == 1
    assert "the log seen before was other.example/log" in done.stdout
