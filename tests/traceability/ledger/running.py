"""A whole small log for tests: database, witnesses on real sockets, a publisher and its folder."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import ThreadingHTTPServer
from pathlib import Path
from uuid import UUID, uuid4

from kernel.db import work
from traceability.ledger.appending import NewEntry, Private, append_entries
from traceability.ledger.keeper import ensure_key
from traceability.ledger.note import COSIGNATURE, ED25519, SigningKey, VerifierKey
from traceability.ledger.publisher import Publisher
from traceability.ledger.sequencer import ensure_log, sequence_batch
from traceability.ledger.verify import parse_policy
from traceability.ledger.witness import Witness, make_server

ORIGIN = "shop.example/log"
URL = "https://shop.example/log"
AT = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


@dataclass
class RunningWitness:
    """A witness that can be stopped and started again on its port."""

    folder: Path
    key: SigningKey
    log: VerifierKey
    port: int = 0
    server: ThreadingHTTPServer | None = None

    def start(self) -> None:
        self.server = make_server(Witness(self.folder, self.key, [self.log]), "127.0.0.1", self.port, "演示见证者")
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    @property
    def line(self) -> str:
        return f"witness {self.key.name.split('.')[0]} {self.key.verifier} http://127.0.0.1:{self.port}/"


@dataclass
class RunningLog:
    """Act on it with `append`, `sequence`, `publish`."""

    directory: Path
    key: SigningKey
    witnesses: list[RunningWitness]
    patience: float = 2.0
    rounds: int = 0
    publisher: Publisher | None = None
    events: list[UUID] = field(default_factory=list)

    @property
    def policy_text(self) -> str:
        names = " ".join(witness.key.name.split(".")[0] for witness in self.witnesses)
        lines = ["# 演示见证者，与本站同一运营者", *(witness.line for witness in self.witnesses)] if self.witnesses else []
        lines += [f"group both all {names}", "quorum both"] if self.witnesses else ["quorum none"]
        return "\n".join([*lines, ""])

    @property
    def published_policy(self) -> bytes:
        return f"log {self.key.verifier} {URL}\n{self.policy_text}".encode()

    def append(self, count: int = 1) -> None:
        events = [uuid4() for _ in range(count)]
        with work() as session:
            append_entries(session, map(_entry_of, events))
        self.events += events

    def sequence(self) -> None:
        with work() as session:
            ensure_log(session, ORIGIN)
        while True:
            with work() as session:
                if not sequence_batch(session):
                    return

    def restart(self) -> Publisher:
        """A publisher as after a crash: nothing remembered but what is stored."""
        policy = parse_policy(self.policy_text.encode())
        self.publisher = Publisher(self.directory, self.key, policy, self.policy_text, URL, patience=self.patience)
        self.publisher.start()
        return self.publisher

    def publish(self) -> bool:
        self.rounds += 1
        return (self.publisher or self.restart()).publish(AT + timedelta(seconds=self.rounds))

    def grow(self, count: int) -> None:
        self.append(count)
        self.sequence()
        self.publish()


def _entry_of(event_id: UUID) -> NewEntry:
    private = {"household": Private(UUID(int=7), "示例第7号农户"), "serial": Private(None, f"S-{event_id}")}
    return NewEntry(event_id, "lots.harvested", AT, {"county": "640323"}, private)


@contextmanager
def running_log(folder: Path, witnesses: int = 2) -> Iterator[RunningLog]:
    """A log with its own key and witnesses; needs the `database` fixture."""
    key = ensure_key(folder / "log.key", ORIGIN, ED25519)
    names = [f"w{number}.example" for number in range(1, witnesses + 1)]
    started = [RunningWitness(folder / name, ensure_key(folder / f"{name}.key", name, COSIGNATURE), key.verifier) for name in names]
    for witness in started:
        witness.start()
    (folder / "public").mkdir()
    try:
        log = RunningLog(folder / "public", key, started)
        with work() as session:
            ensure_log(session, ORIGIN)
        yield log
    finally:
        for witness in started:
            witness.stop()
