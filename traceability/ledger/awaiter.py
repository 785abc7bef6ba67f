"""Waits until an entry has come as far as asked, told by the publisher (LISTEN/NOTIFY), never by asking again and again.

A waiter holds a thread of the web server, so there are few, for a short time; whoever finds no place is told at once how far the entry is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import BoundedSemaphore

import psycopg
import structlog
from sqlalchemy.engine import make_url

from traceability.ledger.publisher import CHANNEL

WAITERS = 2  # of the few threads a web worker has
LIMIT = 20.0  # seconds; the longest a reader who has left holds a place, since the server does not say who leaves

log = structlog.get_logger(__name__)
_places = BoundedSemaphore(WAITERS)


def wait(database_url: str, is_there: Callable[[], bool], limit: float = LIMIT) -> bool:
    """Wait until `is_there`; False when there is no free place or the time is over.

    Listens on a connection of its own, opened before the first look, so that no news falls between the two.
    """
    if not _places.acquire(blocking=False):
        return False
    try:
        with psycopg.connect(_dsn(database_url), autocommit=True, connect_timeout=3) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            return _listen(listener, is_there, time.monotonic() + limit)
    except psycopg.Error:
        log.warning("awaiter.cannot_listen", exc_info=True)
        return False
    finally:
        _places.release()


def _listen(listener: psycopg.Connection, is_there: Callable[[], bool], end: float) -> bool:
    if is_there():
        return True
    while (left := end - time.monotonic()) > 0:
        for _ in listener.notifies(timeout=left, stop_after=1):
            if is_there():
                return True
    return False


def _dsn(database_url: str) -> str:
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
