"""The load generator counts answers, comes from many addresses, and takes nothing but the right answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks import load
from benchmarks.figures import WrongAnswer

SEEN: dict[str, int] = {}


class Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()

    def do_GET(self) -> None:
        with self.lock:
            SEEN[self.client_address[0]] = SEEN.get(self.client_address[0], 0) + 1
        body = b"x" * 70_000
        self.send_response(429 if self.path == "/refused" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    SEEN.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def test_every_answer_is_counted_once(port: int) -> None:
    found = load.burst(port, [load.get("/a"), load.get("/b", Cookie="c=1")], 0.2, connections=4)
    assert len(found.latencies) == sum(SEEN.values())
    assert found.rate > 0


def test_no_address_asks_more_than_the_limiter_allows(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MOVES_ON_AFTER", 3)
    load.burst(port, [load.get("/a")], 0.2, connections=2)
    assert len(SEEN) > 2
    assert max(SEEN.values()) <= 3


def test_a_refusal_is_no_figure(port: int) -> None:
    with pytest.raises(WrongAnswer, match="429"):
        load.burst(port, [load.get("/refused")], 0.2, connections=1)
