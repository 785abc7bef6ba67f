"""A subscriber that listens on this machine: what it was sent, and what it answers next."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Received:
    """One call, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def numbers(self) -> list[str]:
        """The serials of the boxes in it."""
        events = self.document["epcisBody"]["queryResults"]["resultsBody"]["eventList"]
        return [event["epcList"][0].rsplit("/", 1)[1] for event in events]


@dataclass
class Subscriber:
    """``answers`` are statuses for the next calls, then 200 for ever; ``slow`` seconds pass before each answer."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    location: str = ""
    slow: float = 0.0
    drip: bool = False

    @property
    def dest(self) -> str:
        return f"http://127.0.0.1:{self.port}/news?from=shop"

    @property
    def numbers(self) -> list[str]:
        """The serials of all boxes told so far."""
        return [number for call in self.received for number in call.numbers]


@contextmanager
def listening() -> Iterator[Subscriber]:
    """A subscriber on a free port."""
    subscriber = Subscriber()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            subscriber.received.append(Received(self.path, dict(self.headers), body))
            status = subscriber.answers.pop(0) if subscriber.answers else 200
            time.sleep(subscriber.slow)
            if subscriber.drip:
                self._drip()
                return
            self.send_response(status)
            if subscriber.location:
                self.send_header("Location", subscriber.location)
            self.end_headers()

        def _drip(self) -> None:
            try:
                for byte in b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                return

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    subscriber.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield subscriber
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
