"""Waits until an entry has come as far as asked, told by the publisher (LISTEN/NOTIFY), never by asking again and again.

A waiter holds a thread of the web server, so there are few, for a short time; whoever finds no place is told at once how far the entry is.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable
from pathlib import Path
from threading import BoundedSemaphore

import psycopg
import structlog
from sqlalchemy.engine import make_url

from traceability.ledger.publisher import CHANNEL

WAITERS = 2  # of the few threads a web worker has
LIMIT = 20.0  # seconds
_PULSE = 0.5  # seconds between looks at whether the reader is still there

log = structlog.get_logger(__name__)
_places = BoundedSemaphore(WAITERS)


def wait(database_url: str, is_there: Callable[[], bool], reader_left: Callable[[], bool], limit: float = LIMIT) -> bool:
    """Wait until `is_there`; False when there is no free place, the time is over or the reader has left.

    Listens on a connection of its own, opened before the first look, so that no news falls between the two.
    """
    if not _places.acquire(blocking=False):
        return False
    try:
        with psycopg.connect(_dsn(database_url), autocommit=True, connect_timeout=3) as listener:
            listener.execute(f"LISTEN {CHANNEL}")
            return _listen(listener, is_there, reader_left, time.monotonic() + limit)
    except psycopg.Error:
        log.warning("awaiter.cannot_listen", exc_info=True)
        return False
    finally:
        _places.release()


def _listen(listener: psycopg.Connection, is_there: Callable[[], bool], reader_left: Callable[[], bool], end: float) -> bool:
    if is_there():
        return True
    while (left := end - time.monotonic()) > 0 and not reader_left():
        for _ in listener.notifies(timeout=min(left, _PULSE), stop_after=1):
            if is_there():
                return True
    return False


def _dsn(database_url: str) -> str:
    return make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)


def watch_reader(address: str, port: str) -> Callable[[], bool]:
    """A look at whether the reader at `address` has hung up, for a server that does not tell its program.

    True once any connection that this process had with that address at the beginning is gone: rather a reader too many is asked to come
    again than a place held for one who left. Where the system shows no connections (not Linux) nobody ever seems to leave.
    """
    before = _connections(address, port)
    return lambda: not before <= _connections(address, port)


def _connections(address: str, port: str) -> set[str]:
    """Inodes of this process's established connections from `address` to our `port`."""
    try:
        own = {os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
        wanted = ipaddress.ip_address(address)
        lines = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/self/net/{name}").read_text().splitlines()[1:]]
    except (OSError, ValueError):
        return set()
    return {
        line[9]
        for line in lines
        if line[3] == "01" and int(line[1].split(":")[1], 16) == int(port or 0) and f"socket:[{line[9]}]" in own
        if _peer(line[2].split(":")[0]) == wanted
    }


def _peer(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address as the kernel prints it: words of 32 bits in the machine's byte order."""
    raw = b"".join(int(text[at : at + 8], 16).to_bytes(4, "little") for at in range(0, len(text), 8))
    found = ipaddress.ip_address(raw)
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found
