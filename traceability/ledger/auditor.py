"""The auditor: goes through the whole log in the database and says whether everything still holds, entry by entry.

It trusts nothing stored: it hashes the entry bytes anew, grows the tree anew, and compares leaves, tiles, edge, every checkpoint with
its signatures, sealed values with their commitments, and last the published files. One pass, memory flat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.orm import Session

from kernel.db import reading
from traceability.ledger import sealing
from traceability.ledger.canonical import JSON, Entry, NotCanonical, commit, decode_entry
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import (
    FullTile,
    Intake,
    Leaf,
    LogEntry,
    LogState,
    Publication,
    SealedField,
    SignedCheckpoint,
    StoredCosignature,
    SubjectKey,
)
from traceability.ledger.monitor import Report, audit_published, folder_fetch
from traceability.ledger.note import BadNote, Checkpoint, open_note, parse_checkpoint, parse_note, parse_signatures
from traceability.ledger.publisher import POLICY_FILE, VKEY_FILE
from traceability.ledger.queries import CHECKPOINT_FILE, WITNESSED_FILE, find_published
from traceability.ledger.tiles import Edge, Tile, count_at
from traceability.ledger.verify import Policy, parse_policy

Chain = Callable[[Session, Sequence[tuple[Entry, Mapping[str, JSON]]]], Iterable[tuple[UUID, str]]]
"""Compares entries, and their private fields that still open, with the business rows they were made from; yields event and complaint.
Upper rooms provide it.
"""

_BATCH = 1000


def audit(directory: Path, policy_text: bytes, *, chain: Chain | None = None) -> Report:
    """Check database and published files. `policy_text` is the policy as it must be (log key, witnesses, quorum).

    Raises Refused if the policy itself cannot be read; everything else is a finding.
    """
    policy = parse_policy(policy_text)
    report = Report()
    with reading() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        state = session.scalars(select(LogState)).one_or_none()
        if state is None:
            report.add(None, "the log has not begun")
            return report
        report.size = state.size
        _Pass(session, report, policy, state, chain).run()
        _check_waiting(session, report)
    _check_publication(report, state.origin, directory)
    if (directory / CHECKPOINT_FILE).exists():
        published, _ = audit_published(folder_fetch(directory), policy, form=False)  # the same entries, if they have the same root
        report.findings += published.findings
    vkeys = "".join(f"{key}\n" for key in policy.logs).encode()
    for name, expected in ((POLICY_FILE, policy_text), (VKEY_FILE, vkeys)):
        if not (directory / name).exists() or (directory / name).read_bytes() != expected:
            report.add(None, f"the published {name} is not the one this installation uses")
    return report


class _Pass:
    """One walk over the leaves, with the checkpoints in step."""

    def __init__(self, session: Session, report: Report, policy: Policy, state: LogState, chain: Chain | None) -> None:
        self.session = session
        self.report = report
        self.policy = policy
        self.state = state
        self.chain = chain
        self.edge = Edge()

    def run(self) -> None:
        """Leaves and checkpoints from the first to the last, then what must stand at the end."""
        leaves = self._leaves()
        query = select(SignedCheckpoint).order_by(SignedCheckpoint.size).execution_options(yield_per=_BATCH)
        last = -1
        for checkpoint in self.session.scalars(query):
            self._grow(leaves, checkpoint.size - self.edge.size)
            self._check_checkpoint(checkpoint)
            last = checkpoint.size
        self._grow(leaves, None)
        signed = self.session.scalar(select(Publication.signed_size))
        if signed is not None and signed != last:
            self.report.add(None, f"the last signed checkpoint should be of {signed} entries, but is of {last}")
        state = self.state
        if (self.edge.size, self.edge.root(), self.edge.encode()) != (state.size, state.root, state.edge):
            self.report.add(None, f"the log says {state.size} entries; its leaves give {self.edge.size}, or another root or edge")
        expected = sum(count_at(level, state.size) // 256 for level in range(8))
        if self.session.scalar(select(func.count()).select_from(FullTile)) != expected:
            self.report.add(None, f"there should be {expected} full tiles")

    def _leaves(self) -> Iterator[Row[int, UUID, bytes, str, bytes]]:
        query = select(Leaf.idx, Leaf.event_id, Leaf.leaf_hash, LogEntry.kind, LogEntry.body)
        query = query.outerjoin(LogEntry, LogEntry.event_id == Leaf.event_id).order_by(Leaf.idx)
        yield from self.session.execute(query.execution_options(yield_per=_BATCH))

    def _grow(self, leaves: Iterator[Row[int, UUID, bytes, str, bytes]], count: int | None) -> None:
        """Take `count` leaves (all, if None) in batches."""
        while count is None or count > 0:
            rows = list(islice(leaves, _BATCH if count is None else min(_BATCH, count)))
            if not rows:
                return
            count = None if count is None else count - len(rows)
            self._check_entries(rows)
            self.edge, full = self.edge.extend([row.leaf_hash for row in rows])
            self._check_tiles(full)
            self.report.checked += len(rows)

    def _check_entries(self, rows: Sequence[Row[int, UUID, bytes, str, bytes]]) -> None:
        entries: dict[UUID, tuple[int, Entry]] = {}
        for expected, row in enumerate(rows, self.edge.size):
            if row.idx != expected:
                self.report.add(expected, f"index {expected} is missing; the next is {row.idx}")
            if row.body is None:
                self.report.add(row.idx, f"entry {row.idx} is missing")
            elif hash_leaf(row.body) != row.leaf_hash:
                self.report.add(row.idx, f"entry {row.idx} is not the one in the tree")
            else:
                try:
                    entry = decode_entry(row.body)
                except NotCanonical as error:
                    self.report.add(row.idx, f"entry {row.idx}: {error}")
                    continue
                if (entry.event_id, entry.kind) != (row.event_id, row.kind):
                    self.report.add(row.idx, f"entry {row.idx} is filed under another event or kind")
                entries[row.event_id] = (row.idx, entry)
        opened = self._check_sealed(entries, rows[0].idx, rows[-1].idx)
        if self.chain is not None:
            together = [(entry, opened.get(event_id, {})) for event_id, (_, entry) in entries.items()]
            for event_id, complaint in self.chain(self.session, together):
                self.report.add(entries[event_id][0], f"entry {entries[event_id][0]}: {complaint}")

    def _check_sealed(self, entries: Mapping[UUID, tuple[int, Entry]], first: int, last: int) -> dict[UUID, dict[str, JSON]]:
        """Every stored private value must be the one its entry committed to; returns the values that are."""
        found: dict[UUID, dict[str, JSON]] = {}
        columns = (
            SealedField.event_id,
            SealedField.field,
            SealedField.subject_id,
            SealedField.sealed,
            SubjectKey.sealed.label("key"),
        )
        query = select(*columns).join(Leaf, Leaf.event_id == SealedField.event_id)
        query = query.outerjoin(SubjectKey, SubjectKey.subject_id == SealedField.subject_id).where(Leaf.idx.between(first, last))
        for row in self.session.execute(query):
            if row.event_id not in entries:
                continue
            index, entry = entries[row.event_id]
            try:
                opened = sealing.open_field(row, row.key)
            except sealing.SealBroken as error:
                self.report.add(index, f"the field {row.field} of entry {index}: {error}")
                continue
            if entry.commitments.get(row.field) != commit(opened.salt, row.field, opened.value):
                self.report.add(index, f"the field {row.field} of entry {index} is not what the entry committed to")
            else:
                found.setdefault(row.event_id, {})[row.field] = opened.value
        return found

    def _check_tiles(self, full: list[tuple[Tile, bytes]]) -> None:
        for tile, data in full:
            stored = self.session.scalar(select(FullTile.hashes).filter_by(level=tile.level, number=tile.number))
            first, end = ((tile.number + part) * 256 << 8 * tile.level for part in (0, 1))
            if stored != data and not self.report.has_in(first, end):
                self.report.add(first, f"{tile.path} in the database is not made of the hashes below it")

    def _check_checkpoint(self, stored: SignedCheckpoint) -> None:
        """Root, text and every signature of one stored checkpoint."""
        size = stored.size
        if self.edge.size != size:
            self.report.add(None, f"a checkpoint of {size} entries was signed, but there are only {self.edge.size}")
        elif self.edge.root() != stored.root:
            self.report.add(None, f"the entries do not lead to the root signed for {size} entries")
        try:
            note = parse_note(stored.note)
            open_note(note, self.policy.logs)
            if parse_checkpoint(note.text) != Checkpoint(self.state.origin, size, stored.root):
                raise BadNote("it is another log's, or says something else than is stored")
            for line in self.session.scalars(select(StoredCosignature).where(StoredCosignature.size == size)):
                self._check_cosignature(line, note.text)
        except BadNote as error:
            self.report.add(None, f"the checkpoint of {size} entries: {error}")

    def _check_cosignature(self, stored: StoredCosignature, text: bytes) -> None:
        """Raises BadNote. A witness that is no longer in the policy cannot be checked and is passed over."""
        key = self.policy.witnesses.get(stored.witness)
        if key is None:
            return
        signatures = parse_signatures(stored.line.decode("utf-8", "replace").splitlines())
        signature = signatures[0] if len(signatures) == 1 else None
        if signature is None or signature.line != stored.line or (signature.name, signature.key_id) != (key.name, key.key_id):
            raise BadNote(f"a line of {stored.witness} is not in its form")
        if key.check(signature.blob, text) != stored.seconds:
            raise BadNote(f"a line of {stored.witness} bears another time")


def _check_waiting(session: Session, report: Report) -> None:
    """Every entry is either in the tree or waiting for it, once."""
    lost = select(LogEntry.event_id).where(~select(Leaf).where(Leaf.event_id == LogEntry.event_id).exists())
    lost = lost.where(~select(Intake).where(Intake.event_id == LogEntry.event_id).exists()).limit(10)
    for event_id in session.scalars(lost):
        report.add(None, f"the entry of event {event_id} is neither in the tree nor waiting for it")
    waiting = select(Intake.event_id, Intake.leaf_hash, LogEntry.body).outerjoin(LogEntry, LogEntry.event_id == Intake.event_id)
    for event_id, leaf_hash, body in session.execute(waiting.execution_options(yield_per=_BATCH)):
        if body is None or hash_leaf(body) != leaf_hash:
            report.add(None, f"the waiting entry of event {event_id} is missing or changed")
    twice = select(Intake.event_id).join(Leaf, Leaf.event_id == Intake.event_id).limit(10)
    for event_id in session.scalars(twice):
        report.add(None, f"the entry of event {event_id} is in the tree and waiting as well")


def _check_publication(report: Report, origin: str, directory: Path) -> None:
    """What is published must be something the log has signed, and no less than was said to be published.

    The log goes on while it is audited, so this looks at the present, not at the state the leaves were read in: first at what the
    database says is published (said after the files are written), then at the files, last at what was signed (stored before).
    """
    with reading() as session:
        sizes = select(Publication.published_size, Publication.witnessed_size)
        told = session.execute(sizes).one_or_none() or (-1, -1)
        for name, least in zip((CHECKPOINT_FILE, WITNESSED_FILE), told, strict=True):
            try:
                found = find_published(directory, name)
            except BadNote as error:
                report.add(None, f"the published {name}: {error}")
                continue
            if found is None:
                if least >= 0:
                    report.add(None, f"{least} entries were published, but there is no {name} in {directory}")
                continue
            stored = session.get(SignedCheckpoint, found[0].size)
            if stored is None or found[0] != Checkpoint(origin, stored.size, stored.root):
                report.add(None, f"the published {name} of {found[0].size} entries is not one this database has signed")
            elif not _is_kept(session, stored, found[1]):
                report.add(None, f"the published {name} bears a line that was not kept with it")
            if least > found[0].size:
                report.add(None, f"{least} entries were published before; the published {name} has only {found[0].size}")


def _is_kept(session: Session, stored: SignedCheckpoint, note: bytes) -> bool:
    """The published note is the stored one, with stored cosignatures and nothing else under it."""
    lines = session.scalars(select(StoredCosignature.line).where(StoredCosignature.size == stored.size)).all()
    return note.startswith(stored.note) and set(note.removeprefix(stored.note).splitlines(keepends=True)) <= set(lines)
