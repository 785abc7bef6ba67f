"""Tables of the log. What is written once (entries, leaves, full tiles, checkpoints, cosignatures) is append-only by trigger:
a guard against accidents; against an administrator of the database the tree, the witnesses and the auditor stand.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Identity, Index, LargeBinary, Table, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from kernel.db import Base, add_ddl, append_only
from kernel.ids import uuid7


def _bytes(size: int, column: str) -> CheckConstraint:
    return CheckConstraint(f"octet_length({column}) = {size}", name=f"{column}_size")


class LogEntry(Base):
    """The bytes of one entry, written in the business transaction; bytea, since jsonb would rewrite them."""

    __tablename__ = "ledger_entry"
    __table_args__ = (_bytes(32, "leaf_hash"), CheckConstraint("octet_length(body) <= 65535", name="body_fits_bundle"))

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str]
    body: Mapped[bytes] = mapped_column(LargeBinary)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)


class Intake(Base):
    """Entries that wait for an index, in no promised order: ids are neither gap-free nor in commit order."""

    __tablename__ = "ledger_intake"

    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Leaf(Base):
    """A leaf of the tree. Only the sequencer writes here."""

    __tablename__ = "ledger_leaf"
    __table_args__ = (CheckConstraint("idx >= 0", name="idx_not_negative"), _bytes(32, "leaf_hash"))

    idx: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    leaf_hash: Mapped[bytes] = mapped_column(LargeBinary)


class FullTile(Base):
    """256 hashes that never change again; the partial tiles are the edge of LogState."""

    __tablename__ = "ledger_tile"
    __table_args__ = (_bytes(8192, "hashes"),)

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    hashes: Mapped[bytes] = mapped_column(LargeBinary)


class LogState(Base):
    """The one row that says how far the log has come. Whoever gives out indexes holds its lock."""

    __tablename__ = "ledger_log"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint("size >= 0", name="size_not_negative"),
        _bytes(32, "root"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    origin: Mapped[str]
    size: Mapped[int]
    edge: Mapped[bytes] = mapped_column(LargeBinary)
    root: Mapped[bytes] = mapped_column(LargeBinary)


class SignedCheckpoint(Base):
    """A checkpoint the log has signed. The primary key means: never two roots for one size."""

    __tablename__ = "ledger_checkpoint"
    __table_args__ = (_bytes(32, "root"),)

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(LargeBinary)
    note: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at: Mapped[datetime]


class StoredCosignature(Base):
    """A witness's line under a checkpoint; `seconds` is the POSIX time the witness signed for."""

    __tablename__ = "ledger_cosignature"

    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    witness: Mapped[str] = mapped_column(primary_key=True)
    seconds: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    line: Mapped[bytes] = mapped_column(LargeBinary)


class Publication(Base):
    """How far signing, publishing and witnessing have come; -1 before the first time. One row, compare-and-set by the publisher."""

    __tablename__ = "ledger_publication"
    __table_args__ = (
        CheckConstraint("id = 1", name="one_row"),
        CheckConstraint(
            "-1 <= witnessed_size AND witnessed_size <= published_size AND published_size <= signed_size", name="in_order"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    signed_size: Mapped[int]
    published_size: Mapped[int]
    witnessed_size: Mapped[int]
    published_at: Mapped[datetime | None]
    witnessed_at: Mapped[datetime | None]


class SubjectKey(Base):
    """The key under which one person's private values are sealed, itself sealed under DATA_KEY. Deleting it erases them."""

    __tablename__ = "ledger_subject_key"

    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class SealedField(Base):
    """Salt and value of one private field of an entry, sealed. Without this row the commitment in the log says nothing."""

    __tablename__ = "ledger_disclosure"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    field: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID | None] = mapped_column(index=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class Erasure(Base):
    """Which fields of which entry were lawfully erased, and which entry of the log says so."""

    __tablename__ = "ledger_erasure"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    erased_by: Mapped[UUID] = mapped_column(primary_key=True)
    fields: Mapped[list[str]] = mapped_column(ARRAY(Text))
    at: Mapped[datetime]


class Scrub(Base):
    """An erasure whose bytes must still go from the disk; the scrubber sets `done_at`, and in `left` what it was not allowed to do."""

    __tablename__ = "ledger_scrub"
    __table_args__ = (Index("ix_ledger_scrub_open", "id", postgresql_where="done_at IS NULL"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    asked_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    left: Mapped[str | None]


def _table(model: type[Any]) -> Table:
    table = model.__table__
    assert isinstance(table, Table)
    return table


for _model in (LogEntry, Leaf, FullTile, SignedCheckpoint, StoredCosignature, Erasure):
    append_only(_table(_model))

# The planner's statistics are samples of the column, kept in a table nobody vacuums: an erased value would live on there.
for _sealed in (SubjectKey, SealedField):
    _column = f"ALTER TABLE {_table(_sealed).name} ALTER COLUMN sealed"
    add_ddl(_table(_sealed), f"{_column} SET STATISTICS 0", f"{_column} SET STATISTICS -1")
