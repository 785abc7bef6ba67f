"""Recalls as decided: who confirmed which dry run, and what it had shown. The marks on lots are ``lots``' own."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7


class Recall(Base):
    """One confirmed recall. ``snapshot`` is the SHA-256 of the dry run that was looked at, ``counts`` its figures."""

    __tablename__ = "recalls_recall"
    __table_args__ = (
        CheckConstraint("snapshot ~ '^[0-9a-f]{64}$'", name="snapshot"),
        CheckConstraint("(lifted_by IS NULL) = (lifted_at IS NULL)", name="lifted"),
        Index("ix_recalls_recall_lot_code", "lot_code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    mark_code: Mapped[str] = mapped_column(unique=True)
    lot_code: Mapped[str]
    county_code: Mapped[str]
    reason: Mapped[str]
    snapshot: Mapped[str]
    counts: Mapped[dict[str, Any]]
    confirmed_by: Mapped[str]
    confirmed_at: Mapped[datetime]
    lifted_by: Mapped[str | None]
    lifted_at: Mapped[datetime | None]
