"""How fast the log takes entries in: each way beside what PostgreSQL alone does with the same rows, everything durable."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from benchmarks.audits import begin_log
from benchmarks.figures import Pace, Part, Result, interleave, medians, ratio, warm_up
from kernel import clock
from kernel.db import reading, work
from kernel.ids import uuid7
from shop.cli.ledger import connect_log
from shop.config import Config
from traceability.ledger.appending import NewEntry, append_entries
from traceability.ledger.canonical import Entry
from traceability.ledger.copying import copy_rows
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogState
from traceability.ledger.publisher import Publisher
from traceability.ledger.sequencer import BATCH, sequence_batch

WRITERS, CAPTURE = 16, 20  # writers at once; events in one request
AT = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = {
    "biz_step": "packing",
    "lot": "LOT-7K3M-9Q",
    "place": "9526000000015",
    "quantity": "12.5",
    "unit": "kg",
    "note": "x" * 200,
}
_ENTRY = {"event_id": "uuid", "kind": "text", "body": "bytea", "leaf_hash": "bytea"}
_TABLES = """
CREATE TABLE bench_copy (event_id uuid PRIMARY KEY, kind text NOT NULL, body bytea NOT NULL, leaf_hash bytea NOT NULL);
CREATE TABLE bench_counted (idx bigint PRIMARY KEY, event_id uuid NOT NULL UNIQUE, kind text NOT NULL, body bytea NOT NULL,
    leaf_hash bytea NOT NULL);
CREATE TABLE bench_counter (n bigint NOT NULL);
INSERT INTO bench_counter VALUES (-1)
"""
_INSERT = text("INSERT INTO bench_copy (event_id, kind, body, leaf_hash) VALUES (:event_id, :kind, :body, :leaf_hash)")
_COUNT = text("UPDATE bench_counter SET n = n + 1 RETURNING n")
_INSERT_COUNTED = text("INSERT INTO bench_counted VALUES (:idx, :event_id, :kind, :body, :leaf_hash)")
RATIOS = {
    "g1-batch": ("integrate", "raw-copy"),
    "g1-files": ("integrate-files", "raw-copy"),
    "g2-integrate": ("integrate", "insert-commit"),
    "g2-capture": ("capture", "insert-commit"),
    "g3-writers": ("writers", "counter"),
    "g3-whole-way": ("whole-way", "raw-copy"),
}
Row = tuple[UUID, str, bytes, bytes]


def measure_rates(config: Config, pace: Pace) -> dict[str, Result]:
    """G1, G2, G3 and the write-ahead log of G7, on one database."""
    engine = connect_log(config, pool_size=WRITERS)
    try:
        with engine.begin() as connection:
            connection.execute(text(_TABLES))
        publisher = begin_log(config)
        while _sequence():
            pass
        publisher.publish(clock.now())
        parts = _parts(engine, publisher)
        warm_up(parts)
        with reading() as session:
            size = session.scalars(select(LogState.size)).one()
        rates = interleave(parts, pace)
        wal = _measure_wal(engine, publisher)
    finally:
        engine.dispose()
    middle = medians(rates)
    found = {name: Result(ratio(rates, of, to), size, {one: middle[one] for one in (to, of)}) for name, (of, to) in RATIOS.items()}
    return found | {"g7-wal": wal}


def _parts(engine: Engine, publisher: Publisher) -> dict[str, Part]:
    return {
        "raw-copy": lambda seconds: _timed(seconds, make_rows, lambda rows: _copy_raw(engine, rows)),
        "insert-commit": lambda seconds: _together(seconds, 1, lambda: _insert(engine)),
        "integrate": lambda seconds: _integrate(seconds, engine, publisher),
        "capture": lambda seconds: CAPTURE * _together(seconds, 1, lambda: _append(CAPTURE)),
        "writers": lambda seconds: _together(seconds, WRITERS, lambda: _append(1)),
        "counter": lambda seconds: _together(seconds, WRITERS, _append_counted),
        "whole-way": lambda seconds: _timed(seconds, lambda: None, lambda _: _go_the_whole_way(publisher)),
    }


def make_rows(count: int = BATCH) -> list[Row]:
    """Entries of some 450 bytes."""
    rows = []
    for _ in range(count):
        key = uuid7()
        body = Entry(event_id=key, kind="bench", at=AT, public=PUBLIC, commitments={}).encode()
        rows.append((key, "bench", body, hash_leaf(body)))
    return rows


def _timed(seconds: float, arrange: Callable[[], Any], act: Callable[[Any], None]) -> float:
    """Entries a second of ``act`` alone, a batch at a time, until it has had so many seconds."""
    spent, batches = 0.0, 0
    while spent < seconds:
        arranged = arrange()
        begun = time.perf_counter()
        act(arranged)
        spent += time.perf_counter() - begun
        batches += 1
    return batches * BATCH / spent


def _together(seconds: float, threads: int, act: Callable[[], None]) -> float:
    """Acts a second of so many threads, each doing one after the other."""
    begun = time.perf_counter()

    def repeat() -> int:
        done = 0
        while time.perf_counter() - begun < seconds:
            act()
            done += 1
        return done

    with ThreadPoolExecutor(threads) as pool:
        done = sum(future.result() for future in [pool.submit(repeat) for _ in range(threads)])
    return done / (time.perf_counter() - begun)


def _copy_raw(engine: Engine, rows: Sequence[Row]) -> None:
    with Session(engine) as session, session.begin():
        copy_rows(session, "bench_copy", _ENTRY, rows)


def _insert(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(_INSERT, dict(zip(_ENTRY, make_rows(1)[0], strict=True)))


def _append(count: int) -> None:
    with work() as session:
        append_entries(session, [NewEntry(uuid7(), "bench", AT, PUBLIC) for _ in range(count)])


def _append_counted() -> None:
    with work() as session:
        index = session.execute(_COUNT).scalar_one()
        session.execute(_INSERT_COUNTED, {"idx": index} | dict(zip(_ENTRY, make_rows(1)[0], strict=True)))


def _copy_waiting(engine: Engine, rows: Sequence[Row]) -> None:
    """Entries that wait to be sequenced."""
    with Session(engine) as session, session.begin():
        copy_rows(session, "ledger_entry", _ENTRY, rows)
        copy_rows(session, "ledger_intake", {"event_id": "uuid", "leaf_hash": "bytea"}, [(row[0], row[3]) for row in rows])


def _sequence() -> int:
    with work() as session:
        return sequence_batch(session)


def _integrate(seconds: float, engine: Engine, publisher: Publisher) -> dict[str, float]:
    """Waiting entries become leaves, tiles and a signed checkpoint; then, timed by itself, published files. A batch at a time."""
    signed = published = 0.0
    batches = 0
    while signed < seconds:
        _copy_waiting(engine, make_rows())
        begun = time.perf_counter()
        _sequence()
        publisher.sign(clock.now())
        between = time.perf_counter()
        publisher.publish(clock.now())
        signed += between - begun
        published += time.perf_counter() - between
        batches += 1
    return {"integrate": batches * BATCH / signed, "integrate-files": batches * BATCH / (signed + published)}


def _go_the_whole_way(publisher: Publisher) -> None:
    _append(BATCH)
    _sequence()
    publisher.sign(clock.now())


def _measure_wal(engine: Engine, publisher: Publisher) -> Result:
    """Bytes of write-ahead log an entry: whole way beside raw COPY, in batches; the medians of five."""
    found: dict[str, list[float]] = {"raw-copy (B)": [], "intake (B)": [], "integrate (B)": []}
    for _ in range(5):
        rows, more = make_rows(), make_rows()
        marks = [_wal_position(engine)]
        _copy_raw(engine, rows)
        marks.append(_wal_position(engine))
        _copy_waiting(engine, more)
        marks.append(_wal_position(engine))
        _sequence()
        publisher.sign(clock.now())
        marks.append(_wal_position(engine))
        for values, (begun, ended) in zip(found.values(), pairwise(marks), strict=True):
            values.append((ended - begun) / BATCH)
    middle = {name: round(median(values), 1) for name, values in found.items()}
    raw, intake, integrate = middle.values()
    return Result(round((intake + integrate) / raw, 3), BATCH, middle)


def _wal_position(engine: Engine) -> int:
    with engine.begin() as connection:
        return int(connection.execute(text("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')")).scalar_one())
