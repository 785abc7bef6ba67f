"""A witness as a real process: fifty feeders at once, a fork, and kill -9 between storing and answering."""

from __future__ import annotations

import hashlib
import http.client
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernel.local import free_port
from tests.faults.programs import kill, start
from tests.traceability.ledger.test_witness import LEAVES, LOG, ORIGIN, note, proof, request
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.note import parse_checkpoint, parse_note

# With a second argument, the witness stops dead where that says: after it stored, before it answers.
WITNESS = """
import os, signal, sys
from pathlib import Path
from threading import Event
from traceability.ledger import witness
if sys.argv[4:]:
    cosign = witness.Witness._cosign
    def store_and_die(self, submission, body):
        cosign(self, submission, body)
        os.kill(os.getpid(), signal.SIGKILL)
    witness.Witness._cosign = store_and_die
witness.run_witness(Event(), Path(sys.argv[1]), name="w.example", logs=[sys.argv[2]], port=int(sys.argv[3]))
"""


@dataclass
class Running:
    """A witness program in a folder."""

    folder: Path
    port: int

    def start(self, *how: str) -> None:
        self.program = start(WITNESS, str(self.folder), str(LOG.verifier), str(self.port), *how)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.05)
        raise AssertionError("the witness did not start")

    def call(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def submit(self, old: int, new: int) -> tuple[int, bytes]:
        return self.call("POST", "/add-checkpoint", request(old, note(new), proof(old, new)))

    def size(self) -> int:
        status, body = self.call("GET", f"/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
        return parse_checkpoint(parse_note(body).text).size if status == 200 else 0


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, free_port())
    running.start()
    yield running
    kill(running.program)


def test_fifty_at_once_never_roll_it_back(witness: Running) -> None:
    """Each feeder asks where the witness stands when it is told it is wrong, as feeders do; what the witness holds only grows."""
    sizes = random.Random(3).sample(range(1, 200), 50)
    held: list[int] = []
    done = threading.Event()
    statuses: list[int] = []

    def feed(size: int) -> None:
        old = 0
        while old <= size:
            status, body = witness.submit(old, size)
            statuses.append(status)
            if status != 409:
                return
            old = int(body)

    def watch() -> None:
        while not done.is_set():
            held.append(witness.size())

    watcher = threading.Thread(target=watch)
    feeders = [threading.Thread(target=feed, args=(size,)) for size in sizes]
    for thread in (watcher, *feeders):
        thread.start()
    for feeder in feeders:
        feeder.join(120)
    done.set()
    watcher.join(60)
    assert set(statuses) <= {200, 409}
    assert held == sorted(held)
    assert witness.size() == max(sizes)


def test_every_status_of_tlog_witness_and_a_fork_kept_as_evidence(witness: Running) -> None:
    assert witness.submit(0, 5)[0] == 200
    other = [hash_leaf(b"other"), *LEAVES[1:]]
    fork = request(5, note(9, leaves=other), proof(5, 9, other))
    spoiled = note(9)[:-6] + b"AAAA=\n"
    asked = {
        "not a request": (b"nonsense", 400),
        "old size above the checkpoint": (request(9, note(5), []), 400),
        "bad signature": (request(5, spoiled, proof(5, 9)), 403),
        "not the size it holds": (request(3, note(9), proof(3, 9)), 409),
        "a fork": (fork, 422),
        "another root of its size": (request(5, note(5, leaves=other), []), 422),
    }
    assert {what: witness.call("POST", "/add-checkpoint", body)[0] for what, (body, _) in asked.items()} == {
        what: status for what, (_, status) in asked.items()
    }
    unknown = note(9).replace(ORIGIN.encode(), b"other.example/log")
    assert witness.call("POST", "/add-checkpoint", request(0, unknown, []))[0] == 404
    assert witness.size() == 5
    with closing(sqlite3.connect(witness.folder / "witness.sqlite")) as memory:
        assert fork in [row[0] for row in memory.execute("SELECT request FROM evidence")]


def test_killed_between_storing_and_answering_it_remembers(witness: Running) -> None:
    """The feeder got no answer; the witness has promised all the same, and nothing older is cosigned afterwards."""
    assert witness.submit(0, 5)[0] == 200
    kill(witness.program)
    witness.start("die")
    with pytest.raises((http.client.HTTPException, OSError)):
        witness.submit(5, 50)
    witness.program.wait(30)
    witness.start()
    assert witness.size() == 50
    assert witness.submit(5, 9) == (409, b"50\n")
    other = [*LEAVES[:20], hash_leaf(b"other"), *LEAVES[21:]]
    assert witness.call("POST", "/add-checkpoint", request(50, note(60, leaves=other), proof(50, 60, other)))[0] == 422
    assert witness.submit(50, 50)[0] == 200  # asked again, it cosigns what it stored
    assert witness.submit(50, 60)[0] == 200
