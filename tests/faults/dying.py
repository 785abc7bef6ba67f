"""A process that dies at its n-th step, so that a test can kill it at every step there is.

A step is anything the outside notices or might miss: a statement sent to the database, a commit (before and after), a request to
another server (before it is sent and after it was answered).
"""

from __future__ import annotations

import http.client
import os
import signal
import struct
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.orm import Session

from kernel import db

SURVIVED, FAILED = 0, 7


class Steps:
    """Counts steps; at the ``last`` one ``end`` is done, which usually does not return."""

    def __init__(self, last: int | None, end: Callable[[], None]) -> None:
        self.count, self._last, self._end = 0, last, end

    def __call__(self, *_: Any, **__: Any) -> None:
        self.count += 1
        if self.count == self._last:
            self._end()


def _watch(steps: Steps) -> None:
    """Count what this process does from now on. It never goes back to being unwatched: it is a child that ends soon."""
    event.listen(Engine, "before_cursor_execute", steps)
    event.listen(Session, "before_commit", steps)
    event.listen(Session, "after_commit", steps)
    for name in ("request", "getresponse"):
        there = getattr(http.client.HTTPConnection, name)

        def noted(connection: Any, *arguments: Any, _there: Any = there, _after: bool = name == "getresponse", **more: Any) -> Any:
            if not _after:
                steps()
            answer = _there(connection, *arguments, **more)
            if _after:
                steps()
            return answer

        setattr(http.client.HTTPConnection, name, noted)


def die() -> None:
    """kill -9, by one's own hand: nothing is cleaned up, no answer is sent."""
    os.kill(os.getpid(), signal.SIGKILL)


def cut_off() -> None:
    """The database ends every connection of this process, as when its server is killed."""
    engine = db._sessions.kw["bind"]
    with engine.connect() as connection:
        connection.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND pid <> pg_backend_pid()",
            (f"dying-{os.getpid()}",),
        )


def run(url: str, act: Callable[[], None], *, last: int | None = None, end: Callable[[], None] = die) -> tuple[bool, int]:
    """Do ``act`` in a process of its own that ends at step ``last``: (whether it came to its end, steps it counted, 0 when killed)."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        status = FAILED
        try:
            db._sessions.kw["bind"].dispose(close=False)  # the parent's connections are the parent's
            db.connect(f"{url}{'&' if '?' in url else '?'}application_name=dying-{os.getpid()}", pool_size=4)
            steps = Steps(last, end)
            _watch(steps)
            act()
            os.write(writing, struct.pack("<i", steps.count))
            status = SURVIVED
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
        finally:
            os._exit(status)
    os.close(writing)
    said = os.read(reading, 4)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) == FAILED and end is die:
        raise AssertionError("the process failed before it was killed")
    return os.WIFEXITED(status) and os.WEXITSTATUS(status) == SURVIVED, struct.unpack("<i", said)[0] if said else 0
