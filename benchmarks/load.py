"""Visitors: a load generator of our own, since none is on every machine.

Each connection comes from a loopback address of its own (127.0.0.0/8 is all ours on Linux) and moves on to a fresh one before the
limiter's allowance for one address is used up. So the limiter stays on, unchanged, and counts each request, as it does for real visitors.
"""

from __future__ import annotations

import itertools
import random
import select
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NoReturn

from benchmarks.figures import WrongAnswer

CONNECTIONS = 16
MOVES_ON_AFTER = 500  # requests from one address; the limiter allows 1200 a minute


def _addresses() -> Iterator[str]:
    """Loopback addresses, beginning anywhere, so that two runs within a minute are not taken for the same visitors."""
    for number in itertools.count(random.randrange(1 << 22)):
        low = number % (1 << 22)
        yield f"127.{16 + (low >> 16)}.{low >> 8 & 255}.{low & 255}"


addresses = _addresses()


@dataclass(frozen=True)
class Burst:
    """What came of a burst of requests; ``latencies`` in seconds, one for each answer."""

    seconds: float
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


def get(path: str, **headers: str) -> bytes:
    """The bytes of a GET request; ``headers`` with _ for -."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: text/html", "Accept-Language: zh-CN"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def burst(port: int, requests: Iterable[bytes], seconds: float, connections: int = CONNECTIONS) -> Burst:
    """Send ``requests`` (a list again and again, anything else once) over keep-alive connections for so long, then wait for the answers
    under way and count them too.

    Raises WrongAnswer for any status but 200.
    """
    wanted, latencies = itertools.cycle(requests) if isinstance(requests, Sequence) else iter(requests), list[float]()
    poll = select.epoll()
    lines = [_Line(port, poll) for _ in range(connections)]
    by_file = {line.file: line for line in lines}
    begun = time.perf_counter()
    try:
        for line in lines:
            line.ask(next(wanted))
        waiting = len(lines)
        while waiting:
            for file, _ in poll.poll(30.0) or _nobody_answers():
                line = by_file[file]
                if not line.hear():
                    continue
                latencies.append(time.perf_counter() - line.asked)
                following = next(wanted, None) if time.perf_counter() - begun < seconds else None
                if following is None:
                    waiting -= 1
                    continue
                if line.count >= MOVES_ON_AFTER:
                    del by_file[file]
                    line.close()
                    line = _Line(port, poll)
                    by_file[line.file] = line
                line.ask(following)
        return Burst(time.perf_counter() - begun, latencies)
    finally:
        for line in by_file.values():
            line.close()
        poll.close()


def _nobody_answers() -> NoReturn:
    raise WrongAnswer("no answer came for 30 seconds")


class _Line:
    """One keep-alive connection with one request under way."""

    def __init__(self, port: int, poll: select.epoll) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30, source_address=(next(addresses), 0))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self._socket.fileno()
        self.asked, self.count = 0.0, 0
        self._heard, self._whole, self._request = bytearray(), 0, b""
        poll.register(self.file, select.EPOLLIN)

    def ask(self, request: bytes) -> None:
        self._heard, self._whole, self._request = bytearray(), 0, request
        self.asked, self.count = time.perf_counter(), self.count + 1
        self._socket.sendall(request)

    def hear(self) -> bool:
        """Take what is there; True when the answer is complete."""
        part = self._socket.recv(262_144)
        if not part:
            raise WrongAnswer(f"the connection was closed while asking {self._name()}")
        self._heard += part
        if not self._whole and (end := self._heard.find(b"\r\n\r\n")) >= 0:
            self._whole = end + 4 + self._length(bytes(self._heard[:end]).lower())
        return bool(self._whole) and len(self._heard) >= self._whole

    def _length(self, head: bytes) -> int:
        if head.split(b" ", 2)[1] != b"200":
            raise WrongAnswer(f"{self._name()} was answered {head.splitlines()[0].decode()}")
        for line in head.split(b"\r\n"):
            if line.startswith(b"content-length:"):
                return int(line.split(b":")[1])
        raise WrongAnswer(f"{self._name()} was answered without a length")

    def _name(self) -> str:
        return self._request.split(b"\r\n")[0].decode()

    def close(self) -> None:
        self._socket.close()
