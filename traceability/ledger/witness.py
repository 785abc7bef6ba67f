"""A witness: a small program that remembers, for each log, the largest tree it has seen, and cosigns only what continues it.

It needs no database of ours and none of our other rooms; whoever runs it should be somebody else. Protocol: C2SP tlog-witness.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import structlog

from traceability.ledger.canonical import NotCanonical, decode_base64, decode_decimal
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import EMPTY_ROOT, HASH_SIZE, BadProof, verify_consistency
from traceability.ledger.note import (
    COSIGNATURE,
    BadNote,
    BadSignature,
    Checkpoint,
    Note,
    SigningKey,
    VerifierKey,
    open_note,
    parse_checkpoint,
    parse_note,
)

KEY_FILE = "witness.key"
MAX_BODY = 256 * 1024
_MAX_PROOF = 63
_MAX_EVIDENCE = 1000
_TABLES = """
CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, origin_hash TEXT UNIQUE, size INTEGER, root BLOB, note BLOB);
CREATE TABLE IF NOT EXISTS evidence (id INTEGER PRIMARY KEY, at INTEGER, origin TEXT, reason TEXT, request BLOB);
"""

log = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What goes back over HTTP."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Submission:
    """A parsed add-checkpoint request."""

    old: int
    proof: list[bytes]
    note: Note
    checkpoint: Checkpoint


class Refusal(Exception):
    """The request is answered with something else than a cosignature."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class Witness:
    """One witness with its key, its memory (SQLite in `folder`), and the logs it knows."""

    def __init__(self, folder: Path, key: SigningKey, logs: Iterable[VerifierKey], clock: Callable[[], float] = time.time) -> None:
        self.key = key
        self.logs = list(logs)
        self.clock = clock
        self._file = folder / "witness.sqlite"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._memory() as memory:
            memory.executescript(_TABLES)

    def add_checkpoint(self, body: bytes) -> Answer:
        """Cosign a checkpoint that continues the last one: 200, else 400, 403, 404, 409 or 422 as tlog-witness says."""
        try:
            submission = parse_submission(body)
            keys = [key for key in self.logs if key.name == submission.checkpoint.origin]
            if not keys:
                raise Refusal(Answer(404, b"unknown log\n"))
            _require_signature(submission.note, keys)
            if submission.old > submission.checkpoint.size:
                raise Refusal(Answer(400, b"the old size is larger than the checkpoint\n"))
            return self._cosign(submission, body)
        except Refusal as refusal:
            return refusal.answer

    def latest(self, origin_hash: str) -> Answer:
        """The last checkpoint cosigned for a log, by the hex SHA-256 of its origin; 404 if there is none."""
        with self._memory() as memory:
            row = memory.execute("SELECT note FROM seen WHERE origin_hash = ?", (origin_hash,)).fetchone()
        return Answer(200, row[0]) if row else Answer(404, b"no checkpoint of this log\n")

    def _cosign(self, submission: Submission, body: bytes) -> Answer:
        """Check against the memory, remember, and only then answer: one atomic step, or a slower request could roll us back."""
        checkpoint, text = submission.checkpoint, submission.note.text
        with self._memory() as memory:
            memory.execute("BEGIN IMMEDIATE")
            row = memory.execute("SELECT size, root FROM seen WHERE origin = ?", (checkpoint.origin,)).fetchone()
            size, root = row or (0, EMPTY_ROOT)
            try:
                self._require_continuation(submission, size, root)
            except BadProof as error:
                values = (int(self.clock()), checkpoint.origin, str(error), body)
                memory.execute("INSERT INTO evidence (at, origin, reason, request) VALUES (?, ?, ?, ?)", values)
                memory.execute("DELETE FROM evidence WHERE id <= (SELECT max(id) FROM evidence) - ?", (_MAX_EVIDENCE,))
                memory.execute("COMMIT")
                log.warning("witness.refused", origin=checkpoint.origin, size=checkpoint.size, reason=str(error))
                return Answer(422, f"{error}\n".encode())
            line = self.key.sign(text, int(self.clock()))
            signed = [signature.line for signature in submission.note.signatures if self._is_log(signature.name, signature.key_id)]
            origin_hash = hashlib.sha256(checkpoint.origin.encode()).hexdigest()
            kept = (checkpoint.origin, origin_hash, checkpoint.size, checkpoint.root, b"".join([text, b"\n", *signed, line]))
            memory.execute("INSERT OR REPLACE INTO seen VALUES (?, ?, ?, ?, ?)", kept)
            memory.execute("COMMIT")
        return Answer(200, line)

    def _require_continuation(self, submission: Submission, size: int, root: bytes) -> None:
        """Raises Refusal (409) unless the log knows where we stand, BadProof unless it continues from there."""
        self._require_old_size(submission.old, size)
        new = submission.checkpoint
        if new.size == 0 and new.root != EMPTY_ROOT:
            raise BadProof("an empty log has the hash of nothing as its root")
        if submission.old == 0:
            if submission.proof:
                raise BadProof("from an empty log no proof is needed, so none is allowed")
            return
        verify_consistency(submission.old, new.size, submission.proof, root, new.root)

    def _require_old_size(self, old: int, size: int) -> None:
        """The guard against rolling back; tests switch it off to see that happen."""
        if old != size:
            raise Refusal(Answer(409, b"%d\n" % size, "text/x.tlog.size"))

    def _is_log(self, name: str, key_id: bytes) -> bool:
        return any((key.name, key.key_id) == (name, key_id) for key in self.logs)

    @contextmanager
    def _memory(self) -> Iterator[sqlite3.Connection]:
        memory = sqlite3.connect(self._file, isolation_level=None, timeout=10)
        try:
            memory.execute("PRAGMA synchronous = FULL")
            yield memory
        finally:
            memory.close()  # an open transaction is rolled back


def parse_submission(body: bytes) -> Submission:
    """Read an add-checkpoint request strictly. Raises Refusal (400)."""
    try:
        head, found, checkpoint = body.partition(b"\n\n")
        if not found:
            raise NotCanonical("no empty line before the checkpoint")
        first, *lines = head.decode("ascii").split("\n")
        if not first.startswith("old ") or len(lines) > _MAX_PROOF:
            raise NotCanonical("not an old-size line, or more than 63 proof lines")
        old = decode_decimal(first.removeprefix("old "))
        proof = [decode_base64(line, HASH_SIZE) for line in lines]
        note = _parse_signed(checkpoint)
        return Submission(old, proof, note, parse_checkpoint(note.text))
    except (UnicodeDecodeError, NotCanonical, BadNote) as error:
        raise Refusal(Answer(400, f"{error}\n".encode())) from error


def _parse_signed(checkpoint: bytes) -> Note:
    """The note; with a signature line that cannot even be decoded, none of its signatures counts (403, not 400)."""
    try:
        return parse_note(checkpoint)
    except BadSignature:
        return Note(checkpoint[: checkpoint.rfind(b"\n\n") + 1], ())


def _require_signature(note: Note, keys: list[VerifierKey]) -> None:
    try:
        open_note(note, keys)
    except BadNote as error:
        raise Refusal(Answer(403, f"{error}\n".encode())) from error


def make_server(witness: Witness, host: str, port: int, about: str) -> ThreadingHTTPServer:
    """An HTTP server for this witness; port 0 picks a free one. `about` is shown at / and names who runs it."""
    home = f"{about}\n{witness.key.verifier}\n".encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10  # seconds a silent client may hold a thread

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
                self.close_connection = True
                self._send(Answer(413 if length.isdigit() else 411))
            elif self.path != "/add-checkpoint":
                self.close_connection = True
                self._send(Answer(404))
            else:
                self._send(witness.add_checkpoint(self.rfile.read(int(length))))

        def do_GET(self) -> None:
            parts = self.path.strip("/").split("/")
            if parts == [""]:
                self._send(Answer(200, home))
            elif len(parts) == 2 and parts[1] == "checkpoint":
                self._send(witness.latest(parts[0]))
            else:
                self._send(Answer(404))

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            log.debug("witness.request", line=format % args)

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64

    return Server((host, port), Handler)


def run_witness(
    stop: Event, folder: Path, *, name: str, logs: Iterable[str], host: str = "127.0.0.1", port: int, about: str = ""
) -> None:
    """Serve until `stop` is set. `logs` are the verifier keys of the logs to watch; the witness's own key is made in `folder`.

    Raises KeyUnusable, BadNote (a malformed log key) or OSError (the port is taken).
    """
    key = ensure_key(folder / KEY_FILE, name, COSIGNATURE)
    server = make_server(Witness(folder, key, [VerifierKey.parse(vkey) for vkey in logs]), host, port, about or name)
    serving = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    serving.start()
    log.info("witness.started", name=name, port=server.server_port)
    stop.wait()
    server.shutdown()
    server.server_close()
    serving.join()
