"""The log's goals G1 to G8, each figure beside its yardstick in the same run (README.md says what each measures)."""

from __future__ import annotations

import functools
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from benchmarks import audits, browser, live, rates, tree
from benchmarks.figures import Figure, Job, Pace, Result, Row, run_jobs
from benchmarks.house import House, say
from shop.config import Config

RAW = "batches of 1,000, beside raw COPY of the same entries (entries/s)"
ROWS = {
    "g1-batch": Row(0.60, "x raw COPY", "higher", f"waiting entries to leaf rows, tiles and a signed checkpoint, {RAW}"),
    "g1-files": Row(0.60, "x raw COPY", "higher", f"the same with all files written and synced after each batch, {RAW}"),
    "g2-integrate": Row(40.0, "x insert", "higher", "the same as g1-batch beside one INSERT + commit for each entry (entries/s)"),
    "g2-capture": Row(8.0, "x insert", "higher", "20 events in one request beside one INSERT + commit for each entry (entries/s)"),
    "g3-writers": Row(2.0, "x counter", "higher", "16 writers of single events beside 16 with a gap-free counter (entries/s)"),
    "g3-whole-way": Row(0.30, "x raw COPY", "higher", f"made, encoded, taken in, sequenced and signed, {RAW}"),
    "g4-proof": Row(2.0, "x p99", "lower", f"p99 of making a proof file, beside the same in a tree of {tree.SMALL:,}"),
    "g5-files": Row(0.30, "x hashing", "higher", "audit of the published files beside bare hashing of their entries (entries/s)"),
    "g5-database": Row(0.30, "x hashing", "higher", "audit of database and files beside bare hashing of the entries (entries/s)"),
    "g5-memory": Row(1.10, "x peak", "lower", f"peak memory of that audit beside one of {audits.SMALL:,} entries"),
    "g6-one-p50": Row(10.0, "ms", "lower", "one proof in Chromium with WebCrypto: log signature, 3 cosignatures, inclusion; p50"),
    "g6-one-p99": Row(50.0, "ms", "lower", "the same, p99"),
    "g6-twelve-p50": Row(50.0, "ms", "lower", "the twelve proofs of a box's history, p50"),
    "g6-fallback": Row(None, "ms", "lower", "one proof where WebCrypto is missing, p50"),
    "g7-wal": Row(
        1.25, "x raw COPY", "lower", "write-ahead log of the whole way, batches of 1,000, beside raw COPY (bytes an entry)"
    ),
    "g7-tiles": Row(50.0, "B a leaf", "lower", "hash tiles on disk"),
    "g7-proof": Row(2048.0, "B", "lower", "the largest of some proof files: index, hashes, checkpoint with 3 cosignatures"),
    "g8-published": Row(live.GOAL, "s", "lower", "from commit to a published checkpoint that covers it, p99, real processes"),
}
IDS = tuple(ROWS)


TREE_IDS = {"g4-proof", "g6-one-p50", "g6-one-p99", "g6-twelve-p50", "g6-fallback", "g7-tiles", "g7-proof"}
LOG_IDS = {"g5-files", "g5-database", "g5-memory"}


def preparations(house: House, wanted: Sequence[str], *, full: bool, quick: bool) -> Mapping[str, Callable[[Config], None]]:
    """What is made once: a small and a large tree (the largest there is will do), and two logs to audit."""
    del quick  # they are made in seconds
    found: dict[str, Callable[[Config], None]] = {}
    if TREE_IDS & set(wanted):
        least = tree.FULL_SIZE if full else tree.QUICK_SIZE
        for size in (tree.SMALL, *([least] if _largest(house) < least else [])):
            found[tree.name_of(size)] = functools.partial(_build_tree, house, size)
    if LOG_IDS & set(wanted):
        for size in (audits.SMALL, audits.LARGE):
            found[audits.name_of(size)] = functools.partial(audits.build_log, size=size)
    return found


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the log."""
    large = _tree(house, _largest(house))
    brief = pace.until < float("inf")
    jobs = [
        Job([*rates.RATIOS, "g7-wal"], 0.0, lambda: _rates(house, config, _within(pace, 8.0))),
        Job(["g4-proof"], 2.0, lambda: {"g4-proof": tree.measure_proofs(_tree(house, tree.SMALL), large, _within(pace, 2.0))}),
        Job(["g7-tiles", "g7-proof"], 0.0, lambda: tree.measure_sizes(large)),
        Job(
            ["g6-one-p50", "g6-one-p99", "g6-twelve-p50", "g6-fallback"],
            3.0,
            lambda: browser.measure_browser(large, 200 if brief else 1000),
        ),
        Job(["g8-published"], 3.0, lambda: {"g8-published": live.measure_published(house, 3.0 if brief else 10.0)}),
        Job(
            ["g5-files", "g5-database"],
            3.0,
            lambda: audits.measure_rate(house.config(audits.name_of(audits.LARGE)), _within(pace, 3.0)),
        ),
        Job(["g5-memory"], 3.0, lambda: {"g5-memory": audits.measure_memory(house.config)}),
    ]
    return run_jobs(jobs, ROWS, wanted, pace, say=say, full_size=lambda _: tree.FULL_SIZE)


def _within(pace: Pace, seconds: float) -> Pace:
    """For a quick run: shorter parts, and no more than so many seconds of rounds."""
    if pace.until == float("inf"):
        return pace
    return Pace(pace.rounds, 0.4, min(pace.until, time.monotonic() + seconds))


def _rates(house: House, config: Config, pace: Pace) -> Mapping[str, Result]:
    """On the run's own database, with a folder of its own: files of an earlier run belong to another log."""
    folder = house.folder / f"rates-{time.time_ns()}"
    folder.mkdir()
    try:
        return rates.measure_rates(replace(config, data_dir=str(folder), log_key_file=str(folder / "log.key")), pace)
    finally:
        shutil.rmtree(folder)


def _largest(house: House) -> int:
    """Leaves of the largest tree that is prepared, 0 if none is."""
    sizes = [int(name[4:]) for name in house.postgres.databases() if re.fullmatch("tree[0-9]+", name)]
    return max((size for size in sizes if size > tree.SMALL), default=0)


def _tree(house: House, size: int) -> tree.Tree:
    name = tree.name_of(size)
    return tree.Tree(size, house.postgres.url(name), house.folder / name)


def _build_tree(house: House, size: int, config: Config) -> None:
    folder = house.folder / tree.name_of(size)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    tree.build_tree(config.database_url, folder, size)
