"""Reading the log: where an entry stands, the tiles of the database, and proofs made from the published files."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_
from sqlalchemy.orm import Session

from kernel.errors import NotFound
from traceability.ledger import sealing
from traceability.ledger.merkle import HASH_SIZE, ReadNodes, build_inclusion
from traceability.ledger.models import Erasure, FullTile, Intake, Leaf, LogEntry, LogState, Publication, SealedField, SubjectKey
from traceability.ledger.note import Checkpoint, parse_checkpoint, parse_note
from traceability.ledger.stages import Stage
from traceability.ledger.tiles import Edge, Tile, cut_tile, node_reader
from traceability.ledger.verify import Disclosure, ProofFile, encode_extra

CHECKPOINT_FILE = "checkpoint"
WITNESSED_FILE = "checkpoint.witnessed"


@dataclass(frozen=True)
class EntryState:
    """Where one entry stands; `index` is None until the sequencer has given it one."""

    stage: Stage
    index: int | None

    def __str__(self) -> str:
        return self.stage.value


@dataclass(frozen=True)
class LoggedEntry:
    """One line of the list of entries: nothing here is secret."""

    event_id: UUID
    kind: str
    state: EntryState


@dataclass(frozen=True)
class Progress:
    """How far the log has come, and how old the oldest entry is that still waits for its index."""

    origin: str
    size: int
    published_size: int
    witnessed_size: int
    published_at: datetime | None
    witnessed_at: datetime | None
    waiting: int
    waiting_since: datetime | None


def _entries() -> Select[UUID, str, int, int, int]:
    columns = (LogEntry.event_id, LogEntry.kind, Leaf.idx, Publication.published_size, Publication.witnessed_size)
    return select(*columns).outerjoin(Leaf, Leaf.event_id == LogEntry.event_id).outerjoin(Publication, Publication.id == 1)


def _state(index: int | None, published: int | None, witnessed: int | None) -> EntryState:
    if index is None:
        return EntryState(Stage.recorded, None)
    if index < (witnessed or 0):
        return EntryState(Stage.witnessed, index)
    return EntryState(Stage.published if index < (published or 0) else Stage.sequenced, index)


def find_entry_state(session: Session, event_id: UUID) -> EntryState | None:
    """Where the entry of this event stands, None if there is none."""
    row = session.execute(_entries().where(LogEntry.event_id == event_id)).one_or_none()
    return _state(row.idx, row.published_size, row.witnessed_size) if row else None


def list_entries(session: Session, *, before: int | None = None, limit: int = 20) -> list[LoggedEntry]:
    """Entries that have an index, newest first, keyset-paged by index."""
    query = _entries().where(Leaf.idx.is_not(None)).order_by(Leaf.idx.desc()).limit(limit)
    if before is not None:
        query = query.where(Leaf.idx < before)
    rows = session.execute(query)
    return [LoggedEntry(row.event_id, row.kind, _state(row.idx, row.published_size, row.witnessed_size)) for row in rows]


def list_erasures(session: Session, event_id: UUID) -> list[Erasure]:
    """What was lawfully erased from this event's entry, and by which entries."""
    return list(session.scalars(select(Erasure).where(Erasure.event_id == event_id).order_by(Erasure.at)))


def find_progress(session: Session) -> Progress | None:
    """The log's progress, None before its first start."""
    row = session.execute(select(LogState, Publication).outerjoin(Publication, Publication.id == 1)).one_or_none()
    if row is None:
        return None
    log, published = row
    waiting, since = session.execute(select(func.count(), func.min(Intake.received_at))).one()
    sizes = (published.published_size, published.witnessed_size) if published else (-1, -1)
    times = (published.published_at, published.witnessed_at) if published else (None, None)
    return Progress(log.origin, log.size, *sizes, *times, waiting, since)


def find_times(session: Session) -> dict[str, datetime | None]:
    """When the log was last published and last witnessed: how long a witness has been away can be seen from these."""
    row = session.execute(select(Publication.published_at, Publication.witnessed_at)).one_or_none()
    return {"published_at": row.published_at if row else None, "witnessed_at": row.witnessed_at if row else None}


def list_tiles(session: Session, tiles: Sequence[Tile], edge: Edge) -> dict[Tile, bytes]:
    """Hash tiles from the database, one query; partial ones are cut from the full tile or from the edge."""
    wanted = {(tile.level, tile.number) for tile in tiles}
    query = select(FullTile.level, FullTile.number, FullTile.hashes)
    rows = session.execute(query.where(tuple_(FullTile.level, FullTile.number).in_(wanted))).all() if wanted else []
    full = {(level, number): hashes for level, number, hashes in rows}
    found = {}
    for tile in tiles:
        data = full.get((tile.level, tile.number))
        if data is None and tile.level < len(edge.levels):
            data = edge.levels[tile.level]
        found[tile] = (data or b"")[: tile.width * HASH_SIZE]
    return found


def node_reader_of(session: Session, log: LogState) -> ReadNodes:
    """Nodes of the tree as the database has it, for proofs between any two of its sizes."""
    edge = Edge.decode(log.size, log.edge)
    return node_reader(log.size, lambda tiles: list_tiles(session, tiles, edge))


def find_published(directory: Path, name: str = CHECKPOINT_FILE) -> tuple[Checkpoint, bytes] | None:
    """The checkpoint in the published files and its note, None if there is none yet. Raises BadNote if it is damaged."""
    try:
        note = (directory / name).read_bytes()
    except FileNotFoundError:
        return None
    return parse_checkpoint(parse_note(note).text), note


def find_tile(directory: Path, tile: Tile) -> bytes | None:
    """A published tile or entry bundle as it lies there, None if it does not: a partial one is removed once the full one is there."""
    try:
        return (directory / tile.path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None


def get_proof_file(
    session: Session, directory: Path, event_id: UUID, *, disclosed: Mapping[str, Disclosure] | None = None
) -> ProofFile | None:
    """A tlog-proof of the event's entry from the published files; None while it is not published yet.

    One query for index and bytes, then a few files. The newest witnessed checkpoint is used if it covers the entry.
    Raises NotFound if the event has no entry.
    """
    query = select(Leaf.idx, LogEntry.body).select_from(LogEntry).outerjoin(Leaf, Leaf.event_id == LogEntry.event_id)
    row = session.execute(query.where(LogEntry.event_id == event_id)).one_or_none()
    if row is None:
        raise NotFound("账本里没有这条记录。请检查编号是否完整。")
    index, body = row
    for name in (WITNESSED_FILE, CHECKPOINT_FILE):
        found = find_published(directory, name)
        if found and index is not None and index < found[0].size:
            hashes = build_inclusion(index, found[0].size, _published_nodes(directory, found[0].size))
            return ProofFile(index, hashes, found[1], encode_extra(body, disclosed or {}))
    return None


def _published_nodes(directory: Path, size: int) -> ReadNodes:
    def load(tiles: Sequence[Tile]) -> dict[Tile, bytes]:
        return {tile: find_tile(directory, tile) or cut_tile(find_tile(directory, tile.full) or b"", tile) for tile in tiles}

    return node_reader(size, load)


def find_disclosures(session: Session, event_id: UUID, fields: Collection[str] | None = None) -> dict[str, Disclosure]:
    """Salts and values of the entry's private fields that still exist (only `fields`, if given). Who may see them is the caller's part."""
    query = select(SealedField, SubjectKey.sealed).outerjoin(SubjectKey, SubjectKey.subject_id == SealedField.subject_id)
    query = query.where(SealedField.event_id == event_id)
    if fields is not None:
        query = query.where(SealedField.field.in_(fields))
    return {row.field: sealing.open_field(row, key) for row, key in session.execute(query)}
