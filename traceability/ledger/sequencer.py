"""The sequencer: gives entries their place. Any number may be started; a row lock lets one work at a time.

Indexes come from here and nowhere else: a database sequence is neither gap-free nor in commit order, so a reader of "everything
after id n" would lose entries that commit late. Here an entry that commits late just gets a later index.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event
from uuid import UUID

import psycopg
import structlog
from sqlalchemy import CursorResult, Select, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from kernel import clock, installation
from kernel.db import work
from traceability.ledger.merkle import EMPTY_ROOT
from traceability.ledger.models import FullTile, Intake, LogState
from traceability.ledger.tiles import BadTile, Edge, Tile

BATCH = 1000
INTERVAL = 0.25  # seconds; the longest an entry waits for its batch to begin
_PULSE = 5.0  # seconds between signs of life
_PATIENCE = 30.0  # longest pause between tries while the database does not answer

log = structlog.get_logger(__name__)


class LogBroken(RuntimeError):
    """The log contradicts itself. Nothing more is written; a person must look (run the audit first)."""


class Pulse:
    """A sign of life in the database every few seconds, for /readyz."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._next = 0.0

    def beat(self) -> None:
        """Note that the program works, if it is time to."""
        if time.monotonic() >= self._next:
            with work() as session:
                installation.beat(session, self.name, at=clock.now())
            self._next = time.monotonic() + _PULSE


def ensure_log(session: Session, origin: str) -> str:
    """Begin the log under this origin unless it has begun; returns the name it has for good, whatever was asked for."""
    values = {"id": 1, "origin": origin, "size": 0, "edge": b"", "root": EMPTY_ROOT}
    session.execute(upsert(LogState).values(**values).on_conflict_do_nothing())
    return session.scalars(select(LogState.origin)).one()


def sequence_batch(session: Session, limit: int = BATCH) -> int:
    """Give up to `limit` waiting entries the next indexes, all in the caller's transaction; returns how many.

    Cost is O(batch): the tree is extended from its right edge. Raises LogBroken if the stored edge and root disagree.
    """
    state = session.scalars(_locked(select(LogState))).one()
    edge = checked_edge(state)
    waiting = session.execute(select(Intake.id, Intake.event_id, Intake.leaf_hash).order_by(Intake.id).limit(limit)).all()
    if not waiting:
        return 0
    grown, full = edge.extend([row.leaf_hash for row in waiting])
    _copy_leaves(session, state.size, [(row.event_id, row.leaf_hash) for row in waiting])
    if full:
        session.execute(insert(FullTile), [_tile_row(tile, hashes) for tile, hashes in full])
    # Exactly the ids taken: "everything up to the highest" would drop entries that committed meanwhile with lower ids.
    _require_rows(session.execute(delete(Intake).where(Intake.id.in_([row.id for row in waiting]))), len(waiting))
    moved = update(LogState).where(LogState.id == 1, LogState.size == edge.size)
    _require_rows(session.execute(moved.values(size=grown.size, edge=grown.encode(), root=grown.root())), 1)
    return len(waiting)


def run_sequencer(stop: Event, origin: str, *, batch: int = BATCH, interval: float = INTERVAL) -> None:
    """Sequence until `stop` is set. The database must be connected (`kernel.db.connect`).

    A database that is away is waited for; a LogBroken ends the program, since going on would make it worse.
    """
    pause, pulse = interval, Pulse("sequencer")
    begun = False
    while not stop.is_set():
        try:
            if not begun:
                with work() as session:
                    log.info("sequencer.started", origin=ensure_log(session, origin))
                begun = True
            with work() as session:
                taken = sequence_batch(session, batch)
            pulse.beat()
            pause = interval
        except LogBroken:
            log.exception("sequencer.broken")
            raise
        except (SQLAlchemyError, psycopg.Error):
            log.warning("sequencer.waits", exc_info=True)
            taken, pause = 0, min(pause * 2, _PATIENCE)
        if taken < batch:
            stop.wait(pause)


def _locked(query: Select[LogState]) -> Select[LogState]:
    """The lock that makes "one at a time" true; tests switch it off to see two sequencers collide."""
    return query.with_for_update()


def checked_edge(state: LogState) -> Edge:
    """The stored edge, which must give the stored root. Raises LogBroken."""
    try:
        edge = Edge.decode(state.size, state.edge)
    except BadTile as error:
        raise LogBroken(f"the stored edge does not belong to size {state.size}") from error
    if edge.root() != state.root:
        raise LogBroken(f"the stored edge of size {state.size} does not give the stored root")
    return edge


def _copy_leaves(session: Session, first: int, rows: Sequence[tuple[UUID, bytes]]) -> None:
    """Binary COPY: four times faster than INSERT of many rows."""
    raw = session.connection().connection.driver_connection
    assert raw is not None
    with raw.cursor() as cursor, cursor.copy("COPY ledger_leaf (idx, event_id, leaf_hash) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "uuid", "bytea"])
        for offset, (event_id, leaf_hash) in enumerate(rows):
            copy.write_row((first + offset, event_id, leaf_hash))


def _tile_row(tile: Tile, hashes: bytes) -> dict[str, object]:
    return {"level": tile.level, "number": tile.number, "hashes": hashes}


def _require_rows(result: object, expected: int) -> None:
    assert isinstance(result, CursorResult)
    if result.rowcount != expected:
        raise LogBroken(f"{result.rowcount} rows changed where {expected} must")
