"""The feeder: brings a checkpoint to the witnesses and comes back in time, whoever answers or not (C2SP tlog-witness, client side)."""

from __future__ import annotations

import hashlib
import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Thread
from urllib.parse import urlsplit

import structlog
from sqlalchemy import select

from kernel.db import reading
from traceability.ledger.canonical import NotCanonical, decode_decimal, encode_base64
from traceability.ledger.merkle import build_consistency
from traceability.ledger.models import LogState
from traceability.ledger.note import BadNote, Checkpoint, SigningKey, VerifierKey, parse_signatures
from traceability.ledger.queries import node_reader_of
from traceability.ledger.verify import Policy

_MAX_ANSWER = 64 * 1024
_REST = 15.0  # seconds a witness that failed is not waited for again
_HTTP_ERRORS = (OSError, http.client.HTTPException)

log = structlog.get_logger(__name__)


@dataclass
class Gathered:
    """What came back: cosignature time and line by witness name, and the witnesses that dispute what we told them."""

    lines: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    disputed: list[str] = field(default_factory=list)


class Feeder:
    """Talks to the witnesses of one policy; remembers where each stands and which ones are away."""

    def __init__(self, policy: Policy, patience: float) -> None:
        self.policy = policy
        self.patience = patience
        self._known: dict[str, int] = {}
        self._resting: dict[str, float] = {}
        self._busy: dict[str, Thread] = {}

    def gather(self, checkpoint: Checkpoint, key: SigningKey, needed: bool) -> Callable[[], Gathered]:
        """Ask all witnesses at once; the returned function waits for them, at most `patience` seconds from now.

        A witness that is resting after a failure is asked too, but not waited for.
        """
        gathered = Gathered()
        waited_for = []
        for name, url in self.policy.urls.items() if needed else ():
            if not url or (name in self._busy and self._busy[name].is_alive()):
                continue
            thread = Thread(target=self._ask, args=(name, url, checkpoint, key, gathered), daemon=True)
            self._busy[name] = thread
            thread.start()
            if self._resting.get(name, 0.0) <= time.monotonic():
                waited_for.append(thread)
        end = time.monotonic() + self.patience

        def wait() -> Gathered:
            for thread in waited_for:
                thread.join(max(0.0, end - time.monotonic()))
            for name, thread in self._busy.items():
                if thread.is_alive():
                    self._resting[name] = time.monotonic() + _REST
            return Gathered(dict(gathered.lines), list(gathered.disputed))

        return wait

    def fetch(self, origin: str, only: str | None = None) -> dict[str, bytes]:
        """The last checkpoint each witness holds for this log, from those that answer."""
        place = f"{hashlib.sha256(origin.encode()).hexdigest()}/checkpoint"
        found = {}
        for name, url in self.policy.urls.items():
            if url and only in (None, name):
                try:
                    status, body = _call(f"{url.rstrip('/')}/{place}", None, self.patience)
                except _HTTP_ERRORS:
                    continue
                if status == 200:
                    found[name] = body
        return found

    def _ask(self, name: str, url: str, checkpoint: Checkpoint, key: SigningKey, gathered: Gathered) -> None:
        try:
            answer = self._submit(name, url, checkpoint, key)
        except (*_HTTP_ERRORS, BadNote, NotCanonical) as error:
            log.info("feeder.no_answer", witness=name, error=str(error))
            self._resting[name] = time.monotonic() + _REST
            return
        self._resting.pop(name, None)
        if answer is None:
            gathered.disputed.append(name)
        else:
            self._known[name] = checkpoint.size
            gathered.lines[name] = answer

    def _submit(self, name: str, url: str, checkpoint: Checkpoint, key: SigningKey) -> tuple[int, bytes] | None:
        """The witness's cosignature; None if it holds that our log does not continue what it saw."""
        place = f"{url.rstrip('/')}/add-checkpoint"
        for _ in range(2):
            old = self._known.get(name, 0)
            if old > checkpoint.size:
                return None
            status, body = _call(place, _request(old, checkpoint, key), self.patience)
            if status != 409:
                break
            self._known[name] = decode_decimal(body.decode("ascii", "replace").removesuffix("\n"))
        if status == 422 or (status == 409 and self._known[name] > checkpoint.size):
            return None
        if status != 200:
            raise BadNote(f"status {status}")
        return _own_line(self.policy.witnesses[name], body, checkpoint)


def _own_line(key: VerifierKey, body: bytes, checkpoint: Checkpoint) -> tuple[int, bytes]:
    """The verified line of this witness in its answer; others are ignored. Raises BadNote if there is none."""
    for signature in parse_signatures(body.decode("utf-8", "replace").removesuffix("\n").split("\n")):
        if (signature.name, signature.key_id) == (key.name, key.key_id):
            seconds = key.check(signature.blob, checkpoint.text)
            if seconds is not None:
                return seconds, signature.line
    raise BadNote("the witness did not cosign")


def _request(old: int, checkpoint: Checkpoint, key: SigningKey) -> bytes:
    proof: list[bytes] = []
    if 0 < old < checkpoint.size:
        with reading() as session:
            proof = build_consistency(old, checkpoint.size, node_reader_of(session, session.scalars(select(LogState)).one()))
    lines = [f"old {old}", *(encode_base64(value) for value in proof), "", ""]
    return "\n".join(lines).encode() + checkpoint.sign(key)


def _call(url: str, body: bytes | None, timeout: float) -> tuple[int, bytes]:
    """One HTTP request. Loopback is never sent through a proxy."""
    if urlsplit(url).scheme not in ("http", "https"):
        raise OSError("a witness is reached over http or https")
    local = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}) if local else urllib.request.ProxyHandler())
    request = urllib.request.Request(url, body, {"Content-Type": "text/plain; charset=utf-8"} if body else {})  # noqa: S310
    try:
        with opener.open(request, timeout=timeout) as answer:
            return answer.status, answer.read(_MAX_ANSWER)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(_MAX_ANSWER)
