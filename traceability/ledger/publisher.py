"""The publisher: signs the tree, has it witnessed, and puts tiles, bundles and checkpoint where any web server can serve them.

The order matters. A checkpoint is stored before anybody sees it, so that there are never two for one size; every file it implies is
on disk before it is; so a crash between any two steps leaves nothing that a second run does not mend. It refuses to sign when the
published checkpoint, or one a witness holds, is not a beginning of the database's log: that is a restored backup, and signing on
would fork the log for good.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from threading import Event

import psycopg
import structlog
from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from kernel import clock
from kernel.db import reading, work
from traceability.ledger.feeder import Feeder
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import BadProof, build_consistency, build_root, verify_consistency
from traceability.ledger.models import LogState, Publication, SignedCheckpoint, StoredCosignature
from traceability.ledger.note import ED25519, BadNote, Checkpoint, SigningKey, open_note, parse_checkpoint, parse_note
from traceability.ledger.queries import CHECKPOINT_FILE, WITNESSED_FILE, find_published, node_reader_of
from traceability.ledger.sequencer import LogBroken, Pulse, checked_edge
from traceability.ledger.verifier import install_verifier
from traceability.ledger.verify import Policy, parse_policy
from traceability.ledger.writer import tidy, write_tiles, write_whole

INTERVAL = 1.5  # seconds between checkpoints while entries arrive
REFRESH = timedelta(minutes=10)  # a quiet log is cosigned anew this often, so that "nothing new" can be told from "stale"
VKEY_FILE = "vkey"
POLICY_FILE = "policy"
CHANNEL = "ledger_published"  # NOTIFY when publication has moved; see awaiter
_PATIENCE = 30.0

log = structlog.get_logger(__name__)


class LogBehind(RuntimeError):
    """The database holds less than, or something else than, what was published. The text says what to do."""


def _behind(where: str, why: str) -> LogBehind:
    return LogBehind(
        f"Refusing to sign: the checkpoint in {where} {why}. The database was probably restored from an old backup. Restore a newer one; "
        "if there is none, the log cannot go on under this name: keep its files as they are and begin a new log with a new origin."
    )


class Publisher:
    """One publisher for one folder. `policy` names the witnesses and the quorum; the log's own line is added to it."""

    def __init__(
        self, directory: Path, key: SigningKey, policy: Policy, policy_text: str, url: str, *, patience: float = 1.0
    ) -> None:
        self.directory = directory
        self.key = key
        self.policy = policy
        self.feeder = Feeder(policy, patience)
        self.policy_text = f"log {key.verifier} {url}\n{policy_text}"
        self._files = {VKEY_FILE: f"{key.verifier}\n", POLICY_FILE: self.policy_text}
        self._on_disk = 0

    def start(self) -> None:
        """Compare with what was published before and with the witnesses. Raises LogBehind; files may be written after this."""
        published = self._read_published()
        if published is not None:
            self._require_beginning(published, f"the folder {self.directory}")
        for name, note in self.feeder.fetch(self.key.name).items():
            self._examine(name, note)
        with work() as session:
            first = {"id": 1, "signed_size": -1, "published_size": -1, "witnessed_size": -1}
            session.execute(upsert(Publication).values(**first).on_conflict_do_nothing())
        self._on_disk = published.size if published else 0
        for name, text in self._files.items():
            write_whole(self.directory, name, text.encode())

    def publish(self, at: datetime) -> bool:
        """One round; True if anything new was put out. Raises LogBroken, LogBehind, OSError or SQLAlchemyError."""
        checkpoint, state = self.sign(at)
        news = not (state.published_size == checkpoint.size == self._on_disk)
        wanted = self._wants_witnesses(state, at)
        if not news and not wanted:
            return False
        gathering = self.feeder.gather(checkpoint, self.key, wanted)
        write_tiles(self.directory, self._on_disk, checkpoint.size)
        gathered = gathering()
        for name in gathered.disputed:
            for witness, note in self.feeder.fetch(self.key.name, only=name).items():
                self._examine(witness, note)
        if not news and not gathered.lines:
            return False
        with work() as session:
            note, witnessed = self._store_lines(session, checkpoint, gathered.lines)
        self._put_out(checkpoint, note, witnessed, at)
        return True

    def sign(self, at: datetime) -> tuple[Checkpoint, Publication]:
        """The checkpoint of the present tree, signed and stored once, by compare-and-set on the last signed size."""
        with work() as session:
            publication = session.scalars(select(Publication).with_for_update()).one()
            state = session.scalars(select(LogState)).one()
            if state.size < self._on_disk:
                raise _behind(f"the folder {self.directory}", f"has {self._on_disk} entries, the database {state.size}")
            checked_edge(state)
            checkpoint = Checkpoint(state.origin, state.size, state.root)
            if state.size == publication.signed_size:
                if session.get_one(SignedCheckpoint, state.size).root != state.root:
                    raise LogBroken(f"the tree of size {state.size} has another root than was signed")
                return checkpoint, publication
            if publication.signed_size > 0:
                _require_continuation(session, state, session.get_one(SignedCheckpoint, publication.signed_size))
            values = {"size": state.size, "root": state.root, "note": checkpoint.sign(self.key), "signed_at": at}
            session.execute(insert(SignedCheckpoint).values(**values))
            publication.signed_size = state.size
            return checkpoint, publication

    def _wants_witnesses(self, state: Publication, at: datetime) -> bool:
        """Ask for cosignatures when there is a new size, when the last was not witnessed, and now and then to show freshness."""
        if not self.policy.witnesses:
            return False
        stale = state.witnessed_at is None or at - state.witnessed_at >= REFRESH
        return state.witnessed_size < state.signed_size or stale

    def _store_lines(self, session: Session, checkpoint: Checkpoint, lines: dict[str, tuple[int, bytes]]) -> tuple[bytes, bool]:
        """Keep new cosignatures; returns the note with each witness's newest line, and whether the quorum is met."""
        for witness, (seconds, line) in lines.items():
            values = {"size": checkpoint.size, "witness": witness, "seconds": seconds, "line": line}
            session.execute(upsert(StoredCosignature).values(**values).on_conflict_do_nothing())
        query = select(StoredCosignature).where(StoredCosignature.size == checkpoint.size).order_by(StoredCosignature.seconds)
        newest = {row.witness: row.line for row in session.scalars(query) if row.witness in self.policy.witnesses}
        note = session.get_one(SignedCheckpoint, checkpoint.size).note + b"".join(newest[name] for name in sorted(newest))
        cosigners = {self.policy.witnesses[name] for name in newest}
        return note, bool(cosigners) and self.policy.is_met(cosigners)

    def _put_out(self, checkpoint: Checkpoint, note: bytes, witnessed: bool, at: datetime) -> None:
        """Replace the checkpoint, last of all; then tell the database and tidy partial tiles away."""
        for name in (CHECKPOINT_FILE, *([WITNESSED_FILE] if witnessed else [])):
            write_whole(self.directory, name, note)
        before, self._on_disk = self._on_disk, checkpoint.size
        values: dict[str, object] = {"published_size": checkpoint.size, "published_at": at}
        if witnessed:
            values |= {"witnessed_size": checkpoint.size, "witnessed_at": at}
        with work() as session:
            session.execute(update(Publication).where(Publication.published_size <= checkpoint.size).values(**values))
            tell_waiting(session)
        tidy(self.directory, before, checkpoint.size)

    def _read_published(self) -> Checkpoint | None:
        try:
            found = find_published(self.directory)
            if found is None:
                return None
            open_note(parse_note(found[1]), [self.key.verifier])
        except BadNote as error:
            raise LogBehind(
                f"Refusing to sign: the published checkpoint in {self.directory} is not signed by this log's key ({error}). "
                "Check that LOG_KEY_FILE and the data folder belong together."
            ) from error
        return found[0]

    def _examine(self, witness: str, note: bytes) -> None:
        """A witness's own copy counts only if it bears our signature: its word alone must not stop the log."""
        try:
            parsed = parse_note(note)
            open_note(parsed, [self.key.verifier])
            checkpoint = parse_checkpoint(parsed.text)
        except BadNote:
            log.warning("publisher.witness_makes_no_sense", witness=witness)
            return
        self._require_beginning(checkpoint, f"the witness {witness}")

    def _require_beginning(self, checkpoint: Checkpoint, where: str) -> None:
        with reading() as session:
            state = session.scalars(select(LogState)).one()
            if checkpoint.size > state.size:
                raise _behind(where, f"has {checkpoint.size} entries, the database {state.size}")
            if build_root(checkpoint.size, node_reader_of(session, state)) != checkpoint.root:
                raise _behind(where, f"of {checkpoint.size} entries has another root than the database")


def run_publisher(
    stop: Event,
    directory: Path,
    *,
    key_file: Path,
    url: str,
    witnesses: Path | None = None,
    interval: float = INTERVAL,
    patience: float = 1.0,
    now: Callable[[], datetime] = clock.now,
) -> None:
    """Publish into `directory` until `stop` is set; further copies wait as spares.

    `witnesses` is a tlog-policy file without log lines (whoever cosigns, and the quorum); none means no witnesses. `patience` is how
    many seconds a checkpoint waits for them. A disk that is full or read-only, and a database that is away, are waited for.
    Raises LogBehind, LogBroken, KeyUnusable or Refused (a malformed policy): a person must look.
    """
    text = witnesses.read_text("utf-8") if witnesses and witnesses.exists() else "quorum none\n"
    policy = parse_policy(text.encode())
    with _alone(directory, stop):
        publisher: Publisher | None = None
        pause, pulse = interval, Pulse("publisher")
        while not stop.is_set():
            try:
                if publisher is None:
                    started = _begin(directory, key_file, policy, text, url, patience)
                    if started is not None:
                        install_verifier(directory, started.key.name, started.policy_text, now())
                    publisher = started
                if publisher is not None:
                    publisher.publish(now())
                    pulse.beat()
                pause = interval
            except OSError as error:
                _say_disk(error, directory)
                pause = min(pause * 2, _PATIENCE)
            except (SQLAlchemyError, psycopg.Error):
                log.warning("publisher.waits", exc_info=True)
                pause = min(pause * 2, _PATIENCE)
            stop.wait(pause)


def _begin(directory: Path, key_file: Path, policy: Policy, text: str, url: str, patience: float) -> Publisher | None:
    """A started publisher, or None while the sequencer has not yet begun the log."""
    with reading() as session:
        origin = session.scalar(select(LogState.origin))
    if origin is None:
        return None
    publisher = Publisher(directory, ensure_key(key_file, origin, ED25519), policy, text, url, patience=patience)
    publisher.start()
    log.info("publisher.started", origin=origin, directory=str(directory))
    return publisher


def _require_continuation(session: Session, state: LogState, signed: SignedCheckpoint) -> None:
    """The tree begins with the one signed last. Raises LogBroken."""
    try:
        proof = build_consistency(signed.size, state.size, node_reader_of(session, state))
        verify_consistency(signed.size, state.size, proof, signed.root, state.root)
    except BadProof as error:
        raise LogBroken(f"the tree of size {state.size} does not continue the one signed at {signed.size}: {error}") from error


def tell_waiting(session: Session) -> None:
    """Wake those who wait for an entry (awaiter), if and when this transaction commits."""
    session.execute(select(func.pg_notify(CHANNEL, "")))


@contextmanager
def _alone(directory: Path, stop: Event) -> Iterator[None]:
    """One publisher a folder: wait for the lock, which the kernel lets go when its holder dies."""
    with ExitStack() as held:
        while not stop.is_set():
            try:
                directory.mkdir(parents=True, exist_ok=True)
                lock = held.enter_context((directory / ".publisher.lock").open("w"))
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                held.close()
                stop.wait(1.0)
            except OSError as error:
                _say_disk(error, directory)
                stop.wait(_PATIENCE)
        yield


def _say_disk(error: OSError, directory: Path) -> None:
    """One line, since the reason is the disk and not the program."""
    log.warning("publisher.waits", reason=str(error), directory=str(directory))
