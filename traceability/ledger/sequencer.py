"""The sequencer: gives entries their place. Any number may be started; a row lock lets one work at a time.

Indexes come from here and nowhere else: a database sequence is neither gap-free nor in commit order, so a reader of "everything
after id n" would lose entries that commit late. Here an entry that commits late just gets a later index.
"""

from __future__ import annotations

import time
from threading import Event

import psycopg
import structlog
from psycopg import Cursor
from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from kernel import clock, installation
from kernel.db import work
from traceability.ledger.copying import copy_rows, driver
from traceability.ledger.merkle import EMPTY_ROOT
from traceability.ledger.models import LogState
from traceability.ledger.tiles import BadTile, Edge

BATCH = 1000
INTERVAL = 0.25  # seconds; the longest an entry waits for its batch to begin
_LEAF = {"idx": "int8", "event_id": "uuid", "leaf_hash": "bytea"}
_TILE = {"level": "int8", "number": "int8", "hashes": "bytea"}
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
    state = session.scalars(_locked(select(LogState).execution_options(populate_existing=True))).one()
    edge = checked_edge(state)
    with driver(session).cursor(binary=True) as cursor:
        waiting = cursor.execute("SELECT id, event_id, leaf_hash FROM ledger_intake ORDER BY id LIMIT %s", [limit]).fetchall()
        if not waiting:
            return 0
        grown, full = edge.extend([leaf_hash for _, _, leaf_hash in waiting])
        placed = ((index, event_id, leaf_hash) for index, (_, event_id, leaf_hash) in enumerate(waiting, edge.size))
        copy_rows(session, "ledger_leaf", _LEAF, placed)
        copy_rows(session, "ledger_tile", _TILE, ((tile.level, tile.number, hashes) for tile, hashes in full))
        # Exactly the ids taken: "everything up to the highest" would drop entries that committed meanwhile with lower ids.
        cursor.execute("DELETE FROM ledger_intake WHERE id = ANY(%s)", [[number for number, _, _ in waiting]])
        _require_rows(cursor, len(waiting))
        moved = [grown.size, grown.encode(), grown.root(), edge.size]
        cursor.execute("UPDATE ledger_log SET size = %s, edge = %s, root = %s WHERE id = 1 AND size = %s", moved)
        _require_rows(cursor, 1)
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


def _require_rows(changed: Cursor, expected: int) -> None:
    if changed.rowcount != expected:
        raise LogBroken(f"{changed.rowcount} rows changed where {expected} must")
