"""The scrubber: takes the bytes of what was erased off the disk. DELETE only marks rows as gone; their bytes stay in the table's file.

VACUUM FULL writes the two small tables anew without them. It cannot run in a transaction and takes an exclusive lock while it does, so it
stays out of the act of erasing, waits at most `_LOCK_WAIT` for that lock, and is tried again at the next round. The row that asks for it
is marked last, so a scrubber killed at any moment is followed by another that does it again.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from kernel import clock
from kernel.db import apart, reading, work
from traceability.ledger.models import Scrub, SealedField, SubjectKey

_ONE_AT_A_TIME = 0x7C4B_5C12  # an advisory lock of our own
_LOCK_WAIT = "2s"  # acts that append wait behind us, so not for long
# The switch begins a new file of the write-ahead log and the checkpoint makes the older ones removable: a plain role may do neither.
_AFTERWARDS = {"switch the write-ahead log": "SELECT pg_switch_wal()", "make a checkpoint": "CHECKPOINT"}

log = structlog.get_logger(__name__)


def scrub(now: Callable[[], datetime] = clock.now) -> bool:
    """One round: False if nothing was asked for, or it could not be done yet (the log says why)."""
    with reading() as session:
        if session.scalar(select(Scrub.id).where(Scrub.done_at.is_(None)).limit(1)) is None:
            return False
    with apart() as connection:
        if not connection.scalar(text("SELECT pg_try_advisory_lock(:key)"), {"key": _ONE_AT_A_TIME}):
            return False
        try:
            return _scrub(connection, now)
        except OperationalError as error:  # the lock was not to be had, or the server went away
            log.warning("scrubber.waits", reason=str(error.orig).strip())
            return False
        finally:
            if not connection.invalidated:  # it goes back to the pool as it came
                connection.execute(text("RESET lock_timeout"))
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _ONE_AT_A_TIME})


def _scrub(connection: Connection, now: Callable[[], datetime]) -> bool:
    asked = connection.scalars(select(Scrub.id).where(Scrub.done_at.is_(None))).all()
    connection.execute(text(f"SET lock_timeout = '{_LOCK_WAIT}'"))
    for model in (SubjectKey, SealedField):
        kept = _rewrite(connection, model.__tablename__)
        if kept:
            log.warning("scrubber.waits", table=model.__tablename__, reason=kept)
            return False
    left = [what for what, statement in _AFTERWARDS.items() if not _may(connection, statement)]
    with work() as session:
        done = {"done_at": now(), "left": ", ".join(left) or None}
        session.execute(update(Scrub).where(Scrub.id.in_(asked)).values(done))
    if left:
        log.warning("scrubber.done", erasures=len(asked), left=left, reason="this database role may not: ask its administrator")
    else:
        log.info("scrubber.done", erasures=len(asked))
    return True


def _rewrite(connection: Connection, table: str) -> str | None:
    """Write the table anew; what keeps deleted rows in it, None if nothing does.

    PostgreSQL says so only in words: a row that an open transaction might still read is copied into the new file like any other.
    """
    told: list[str] = []
    raw: Any = connection.connection.driver_connection

    def listen(diagnostic: Any) -> None:
        told.append(f"{diagnostic.message_primary}\n{diagnostic.message_detail or ''}")

    raw.add_notice_handler(listen)
    try:
        connection.execute(text(f"VACUUM (FULL, VERBOSE) {table}"))
    finally:
        raw.remove_notice_handler(listen)
    counts = [found for line in told if (found := re.search(r"\n\D*(\d+) ", line))]
    if not counts:
        return "this database role may not rewrite the table"
    return next((f"an open transaction still sees {found[1]} deleted rows" for found in counts if found[1] != "0"), None)


def _may(connection: Connection, statement: str) -> bool:
    try:
        connection.execute(text(statement))
    except OperationalError:
        raise
    except DBAPIError:  # InsufficientPrivilege
        return False
    return True
