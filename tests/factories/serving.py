"""The application behind a real port, for browsers and carriers that call by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from flask import Flask
from werkzeug.serving import make_server
from werkzeug.wsgi import ClosingIterator


class _Counted:
    """Counts the requests under way, and lets nobody in any more once it is closed.

    A request is under way until its answer is closed: what a view does after its answer (`call_on_close`) belongs to it, and by then
    the client has read everything and may have gone on.
    """

    def __init__(self, app: Flask) -> None:
        self.app, self.under_way, self.open, self.changed = app, 0, True, threading.Condition()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        with self.changed:
            if not self.open:
                start_response("503 Service Unavailable", [])
                return
            self.under_way += 1
        try:
            with closing(ClosingIterator(self.app(environ, start_response))) as answer:
                yield from answer
        finally:
            with self.changed:
                self.under_way -= 1
                self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.open = False
            assert self.changed.wait_for(lambda: self.under_way == 0, 60), "a request never ended"


@contextmanager
def serve(app: Flask, port: int = 0) -> Iterator[str]:
    """`app` at the address given; afterwards nothing asked of it is under way.

    The server's own threads are daemons it does not wait for. One of them, still in a transaction when the test's database goes, would
    hand its connection back to a pool that nobody closes again.
    """
    counted = _Counted(app)
    server = make_server("127.0.0.1", port, counted, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        counted.close()
