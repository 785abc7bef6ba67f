"""What the story page was told, who scanned what, which labels were asked for, and links beside the story.

A scan record holds no address and no fingerprint: the box, the moment, a province if it is known, and the hash of a cookie that this
site itself has set (named in the privacy notice). Unknown stays unknown.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from traceability.scan.states import FactKind, JobState, Sheet


class Fact(Base):
    """Something an upper floor told about a box (serial) or a lot (code). One row for each subject, kind and key: telling twice is once."""

    __tablename__ = "scan_fact"
    __table_args__ = (UniqueConstraint("subject", "kind", "key"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    subject: Mapped[str]
    kind: Mapped[FactKind] = mapped_column(choice(FactKind))
    key: Mapped[str] = mapped_column(default="")
    facts: Mapped[dict[str, Any]]
    at: Mapped[datetime]


class ScanRecord(Base):
    """One look at the page of a box or lot. ``visitor`` is the SHA-256 of our own cookie; ``tallied_at`` says the counter knows it."""

    __tablename__ = "scan_record"
    __table_args__ = (
        Index("ix_scan_record_subject", "subject", "at"),
        Index("ix_scan_record_waiting", "id", postgresql_where="tallied_at IS NULL"),
        Index("ix_scan_record_at", "at"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    subject: Mapped[str]
    at: Mapped[datetime]
    province_code: Mapped[str | None]
    visitor: Mapped[str | None]
    tallied_at: Mapped[datetime | None]


class ScanTally(Base):
    """How often a box or lot was looked at, and when first and last: what remains when the records are deleted."""

    __tablename__ = "scan_tally"
    __table_args__ = (CheckConstraint("scans > 0", name="scans"),)

    subject: Mapped[str] = mapped_column(primary_key=True)
    scans: Mapped[int]
    first_at: Mapped[datetime]
    last_at: Mapped[datetime]


class LabelJob(Base):
    """Labels of one lot to be printed: the job is the promise, a task only hurries it.."""

    __tablename__ = "scan_label_job"
    __table_args__ = (
        CheckConstraint("wanted > 0 AND done >= 0 AND done <= wanted", name="progress"),
        CheckConstraint("(state = 'done') = (file_digest IS NOT NULL)", name="done_with_file"),
        Index("ix_scan_label_job_lot", "lot_id", "id"),
        Index("ix_scan_label_job_open", "id", postgresql_where="state IN ('waiting', 'running')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    sheet: Mapped[Sheet] = mapped_column(choice(Sheet))
    serials: Mapped[list[Any]]
    wanted: Mapped[int]
    done: Mapped[int] = mapped_column(default=0)
    public_url: Mapped[str]
    demo: Mapped[bool]
    state: Mapped[JobState] = mapped_column(choice(JobState), default=JobState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    problem: Mapped[str] = mapped_column(default="")
    file_digest: Mapped[str | None]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


class Link(Base):
    """A link beside the story that a resolver answer names (GS1 Digital Link resolver, link types of the GS1 Web Vocabulary).

    ``anchor`` is a path as ``digital_link`` writes it, e.g. /01/09520123456788; ``link_type`` a word like ``gs1:recallStatus``.
    """

    __tablename__ = "scan_link"
    __table_args__ = (
        UniqueConstraint("anchor", "link_type", "href", "hreflang", name="uq_scan_link_target"),
        CheckConstraint("link_type LIKE 'gs1:%'", name="link_type"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    anchor: Mapped[str]
    link_type: Mapped[str]
    href: Mapped[str]
    title: Mapped[str]
    media_type: Mapped[str] = mapped_column(default="text/html")
    hreflang: Mapped[str] = mapped_column(default="zh-CN")
    set_by: Mapped[str]
    set_at: Mapped[datetime]
