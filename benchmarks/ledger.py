"""The log: entries in, leaves, tiles and a signed checkpoint out, beside a raw COPY of the same rows into a bare table.

``ledger-append`` is the whole way, from the business transaction to published files; ``ledger-integrate`` is what sequencer and
publisher do with entries that wait. All in batches of 1,000, everything durable (fsync of the cluster and of the published files).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, select, text
from sqlalchemy.orm import Session

from benchmarks.figures import Figure, Pace, interleave, medians, ratio, warm_up
from benchmarks.house import House
from kernel import clock
from kernel.db import reading, work
from kernel.ids import uuid7
from shop import wiring
from shop.config import Config
from traceability.ledger.appending import append_entry
from traceability.ledger.canonical import Entry
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogState
from traceability.ledger.note import ED25519
from traceability.ledger.publisher import Publisher
from traceability.ledger.sequencer import BATCH, ensure_log, sequence_batch
from traceability.ledger.verify import parse_policy

IDS = ("ledger-integrate", "ledger-append")
FULL_SIZE = 10_000_000
AT = datetime(2026, 11, 22, tzinfo=UTC)
PUBLIC = {
    "biz_step": "packing",
    "lot": "LOT-7K3M-9Q",
    "place": "9526000000015",
    "quantity": "12.5",
    "unit": "kg",
    "note": "x" * 200,
}
Row = tuple[Any, str, bytes, bytes]


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the log."""
    engine = wiring.connect(config, pool_size=2)
    try:
        publisher = _begin(house, config, engine)
        parts = {
            "raw-copy": lambda seconds: _timed(seconds, make_rows, lambda rows: _copy_raw(engine, rows)),
            "ledger-integrate": lambda seconds: _timed(
                seconds, lambda: _copy_waiting(engine, make_rows()), lambda _: _integrate(publisher)
            ),
            "ledger-append": lambda seconds: _timed(seconds, lambda: None, lambda _: _append(publisher)),
        }
        chosen = {name: part for name, part in parts.items() if name == "raw-copy" or name in wanted}
        warm_up(chosen)
        size = _size()
        rates = interleave(chosen, pace)
    finally:
        engine.dispose()
    goals = {
        "ledger-integrate": (0.60, "waiting entries to leaves, tiles, signed checkpoint and published files"),
        "ledger-append": (0.30, "entries from the business transaction to published files"),
    }
    return [
        Figure(
            id=name,
            what=f"{goals[name][1]}, batches of {BATCH}, beside raw COPY of the same rows (entries/s)",
            unit="x raw COPY",
            better="higher",
            size=size,
            full_size=FULL_SIZE,
            goal=goals[name][0],
            figure=ratio(rates, name, "raw-copy"),
            yardstick=medians(rates),
        )
        for name in IDS
        if name in chosen
    ]


def make_rows(count: int = BATCH) -> list[Row]:
    """Entries of some 500 bytes, as events make them."""
    rows = []
    for _ in range(count):
        key = uuid7()
        body = Entry(event_id=key, kind="bench", at=AT, public=PUBLIC, commitments={}).encode()
        rows.append((key, "bench", body, hash_leaf(body)))
    return rows


def _begin(house: House, config: Config, engine: Engine) -> Publisher:
    """The log begun, what waits in the prepared data sequenced and published, and a bare table for the yardstick."""
    with work() as session:
        origin = ensure_log(session, "bench.shanhai.example/log")
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE TABLE IF NOT EXISTS bench_copy (event_id uuid PRIMARY KEY, kind text NOT NULL,"
                " body bytea NOT NULL, leaf_hash bytea NOT NULL)"
            )
        )
    key = ensure_key(house.folder / "bench-log.key", origin, ED25519)
    folder = house.folder / f"log-{time.time_ns()}"
    folder.mkdir()
    policy = f"log {key.verifier} {config.public_url}/log\nquorum none\n"
    publisher = Publisher(folder, key, parse_policy(policy.encode()), "quorum none\n", f"{config.public_url}/log")
    publisher.start()
    _integrate(publisher)
    return publisher


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


def _copy(engine: Engine, table: str, columns: dict[str, str], rows: Sequence[tuple[Any, ...]]) -> None:
    with engine.begin() as connection:
        raw: Any = connection.connection.driver_connection
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)


_ENTRY = {"event_id": "uuid", "kind": "text", "body": "bytea", "leaf_hash": "bytea"}


def _copy_raw(engine: Engine, rows: list[Row]) -> None:
    _copy(engine, "bench_copy", _ENTRY, rows)


def _copy_waiting(engine: Engine, rows: list[Row]) -> None:
    """Entries that wait to be sequenced, put there outside the stopwatch."""
    _copy(engine, "ledger_entry", _ENTRY, rows)
    _copy(engine, "ledger_intake", {"event_id": "uuid", "leaf_hash": "bytea"}, [(row[0], row[3]) for row in rows])


def _append(publisher: Publisher) -> None:
    with work() as session:
        for _ in range(BATCH):
            append_entry(session, event_id=uuid7(), kind="bench", at=AT, public=PUBLIC)
    _integrate(publisher)


def _integrate(publisher: Publisher) -> None:
    while True:
        with work() as session:
            taken = sequence_batch(session)
        if taken < BATCH:
            break
    publisher.publish(clock.now())


def _size() -> int:
    with reading() as session:
        return _leaves(session)


def _leaves(session: Session) -> int:
    return session.scalars(select(LogState.size)).one()
