"""One row a message to one person; the row is the promise to send it."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7


class NoticeState(enum.StrEnum):
    """Waiting, being sent by somebody, sent, or given up."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


class Notice(Base):
    """A message. ``kind`` and ``params`` give the words in the reader's language; ``key`` is unique, so each thing is told once.

    It goes to ``person_id``, or to ``address`` (phone or e-mail) where nobody is known yet.
    """

    __tablename__ = "notices_notice"
    __table_args__ = (
        CheckConstraint("(person_id IS NULL) <> (address IS NULL)", name="addressee"),
        Index("ix_notices_notice_person", "person_id", "id"),
        Index("ix_notices_notice_unsent", "not_before", postgresql_where="state IN ('queued', 'sending')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    key: Mapped[str] = mapped_column(unique=True)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    address: Mapped[str | None]
    kind: Mapped[str]
    params: Mapped[dict[str, Any]]
    order_code: Mapped[str | None] = mapped_column(index=True)
    state: Mapped[NoticeState] = mapped_column(choice(NoticeState), default=NoticeState.QUEUED)
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    read_at: Mapped[datetime | None]
