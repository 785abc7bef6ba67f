"""The audit beside bare hashing, on prepared logs of real entries with private fields; and its memory at two sizes.

Run as a program it is one whole audit of one log in a process of its own, which prints its peak memory in KB.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Pace, Result, WrongAnswer, interleave, medians, ratio
from kernel import clock
from kernel.db import work
from kernel.ids import uuid7
from shop.cli.ledger import connect_log
from shop.config import Config
from traceability.ledger.appending import NewEntry, Private, append_entries
from traceability.ledger.auditor import audit
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.monitor import Report, audit_published, folder_fetch
from traceability.ledger.note import ED25519
from traceability.ledger.publisher import POLICY_FILE, Publisher
from traceability.ledger.sequencer import BATCH, ensure_log, sequence_batch
from traceability.ledger.tiles import ENTRIES, WIDTH, Edge, decode_bundle, tile_at
from traceability.ledger.verify import parse_policy

SMALL, LARGE = 5_000, 20_000
ORIGIN = "bench.shanhai.example/log"
AT = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = {"action": "ADD", "biz_step": "commissioning", "county": "640323", "event_type": "ObjectEvent", "origin": "own"}


def name_of(size: int) -> str:
    """The database of a log of this size."""
    return f"log{size}"


def config_of(config: Config, size: int) -> Config:
    """The settings of a prepared log; ``config`` is that of its database."""
    return replace(config, data_dir=str(Path(config.data_dir) / name_of(size)))


def begin_log(config: Config) -> Publisher:
    """A log of this name in the connected database, and its publisher; no witnesses."""
    with work() as session:
        origin = ensure_log(session, ORIGIN)
    config.log_dir.mkdir(parents=True, exist_ok=True)
    key, url, quorum = ensure_key(Path(config.log_key_file), origin, ED25519), f"https://{ORIGIN}", "quorum none\n"
    publisher = Publisher(config.log_dir, key, parse_policy(f"log {key.verifier} {url}\n{quorum}".encode()), quorum, url)
    publisher.start()
    return publisher


def build_log(config: Config, size: int) -> None:
    """Entries as recording events makes them, each with two sealed fields, sequenced and published."""
    config = config_of(config, size)
    shutil.rmtree(config.data_dir, ignore_errors=True)
    engine = connect_log(config, pool_size=2)
    try:
        publisher = begin_log(config)
        for _ in range(0, size, BATCH):
            with work() as session:
                append_entries(session, [_new_entry() for _ in range(BATCH)])
            with work() as session:
                sequence_batch(session)
        publisher.publish(clock.now())
    finally:
        engine.dispose()


def measure_rate(config: Config, pace: Pace) -> dict[str, Result]:
    """Entries a second of both audits beside hashing the same entries in memory, leaf and node, and nothing else."""
    config = config_of(config, LARGE)
    policy = (config.log_dir / POLICY_FILE).read_bytes()
    entries = _read_entries(config.log_dir)
    engine = connect_log(config, pool_size=2)
    try:
        parts = {
            "bare-hashing": lambda seconds: _rate(seconds, lambda: _hash(entries)),
            "audit-files": lambda seconds: _rate(seconds, lambda: _audit_files(config, policy)),
            "audit-database": lambda seconds: _rate(seconds, lambda: _require(audit(config.log_dir, policy))),
        }
        rates = interleave(parts, pace)
    finally:
        engine.dispose()
    middle = medians(rates)
    return {
        "g5-files": Result(ratio(rates, "audit-files", "bare-hashing"), LARGE, middle),
        "g5-database": Result(ratio(rates, "audit-database", "bare-hashing"), LARGE, middle),
    }


def measure_memory(config_at: Callable[[str], Config]) -> Result:
    """Peak memory of a whole audit of the larger log beside that of the smaller, each in a process of its own."""
    peaks = {}
    for size in (SMALL, LARGE):
        config = config_of(config_at(name_of(size)), size)
        run_file = Path(config.data_dir) / "run.json"
        config.save(run_file)
        done = subprocess.run([sys.executable, "-m", __spec__.name, run_file], capture_output=True, text=True, check=False)
        if done.returncode:
            raise WrongAnswer(f"the audit ended with {done.stderr.strip()[-300:]}")
        peaks[size] = int(done.stdout) / 1024
    yardstick = {f"peak at {size:,} (MB)": round(peak, 1) for size, peak in peaks.items()}
    return Result(round(peaks[LARGE] / peaks[SMALL], 3), LARGE, yardstick)


def _new_entry() -> NewEntry:
    event_id = uuid7()
    private = {"event_hash": Private(None, f"ni:///sha-256;{event_id.hex * 2}"), "body_sha256": Private(None, event_id.hex * 2)}
    return NewEntry(event_id, "event", AT, PUBLIC, private)


def _read_entries(folder: Path) -> list[bytes]:
    entries: list[bytes] = []
    for number in range((LARGE + WIDTH - 1) // WIDTH):
        bundle = tile_at(ENTRIES, number, LARGE)
        assert bundle is not None
        entries += decode_bundle((folder / bundle.path).read_bytes(), bundle.width)
    return entries


def _hash(entries: list[bytes]) -> None:
    edge = Edge()
    for first in range(0, len(entries), WIDTH):
        edge, _ = edge.extend([hash_leaf(entry) for entry in entries[first : first + WIDTH]])
    edge.root()


def _audit_files(config: Config, policy: bytes) -> None:
    _require(audit_published(folder_fetch(config.log_dir), parse_policy(policy))[0])


def _require(report: Report) -> None:
    if not report.holds or report.size != LARGE:
        raise WrongAnswer(f"the audit found {[finding.what for finding in report.findings[:3]]}")


def _rate(seconds: float, act: Callable[[], None]) -> float:
    """Entries a second, over whole passes."""
    begun, passes = time.perf_counter(), 0
    while passes == 0 or time.perf_counter() - begun < seconds:
        act()
        passes += 1
    return passes * LARGE / (time.perf_counter() - begun)


def _main(run_file: str) -> None:
    config = Config.load(Path(run_file))
    connect_log(config, pool_size=2)
    report = audit(config.log_dir, (config.log_dir / POLICY_FILE).read_bytes())
    if not report.holds:
        raise SystemExit(str(report.findings[:3]))
    sys.stdout.write(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}\n")


if __name__ == "__main__":
    _main(sys.argv[1])
