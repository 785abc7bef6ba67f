"""Cases (工单), the codes each is about, and what was said in it."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only_but_erasing, choice
from kernel.ids import uuid7
from kernel.outbox import Event
from shop.cases.states import RETURNS, STATES, CaseKind, CaseState, ReturnState

LONGEST = 1000  # characters of one message


class Case(Base):
    """Something to look into. ``opened_by`` None: somebody without an account, who may have left a ``contact``.

    ``owner_id``: the operator who has taken it; ``due_at``: when the next answer is due, None when it is not our turn.
    """

    __tablename__ = "cases_case"
    __table_args__ = (
        CheckConstraint("(state = 'open') = (due_at IS NOT NULL)", name="due_while_open"),
        CheckConstraint("(state = 'closed') = (closed_at IS NOT NULL)", name="closed"),
        CheckConstraint("char_length(contact) <= 100", name="contact_bounded"),
        Index("ix_cases_case_person", "opened_by", "id"),
        Index("ix_cases_case_state", "state", "id"),
        Index("ix_cases_case_due", "due_at", postgresql_where="state = 'open'"),
        Index("ix_cases_case_owner", "owner_id", "id", postgresql_where="state <> 'closed'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[CaseKind] = mapped_column(choice(CaseKind))
    state: Mapped[CaseState] = mapped_column(choice(CaseState), default=CaseState.OPEN)
    opened_by: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    contact: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    due_at: Mapped[datetime | None]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]

    def move(self, to: CaseState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        STATES.check(self.state, to)
        self.state = to


class CaseSubject(Base):
    """A code a case is about: order, order line, shipment, payment, lot or serial, so that a search by any of them finds it."""

    __tablename__ = "cases_subject"

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases_case.id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True, index=True)


class Side(enum.StrEnum):
    """Who says something in a case."""

    REPORTER = "reporter"
    STAFF = "staff"


class CaseMessage(Base):
    """One message of a case, with a photo perhaps (SHA-256 of the stored file). Append-only, but for what an erased person said."""

    __tablename__ = "cases_message"
    __table_args__ = (
        CheckConstraint(f"char_length(text) BETWEEN 1 AND {LONGEST}", name="text_bounded"),
        CheckConstraint("(photo_digest IS NULL) = (photo_type IS NULL)", name="photo"),
        Index("ix_cases_message_case_id", "case_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases_case.id"))
    side: Mapped[Side] = mapped_column(choice(Side))
    author: Mapped[str]
    text: Mapped[str]
    photo_digest: Mapped[str | None]
    photo_type: Mapped[str | None]
    at: Mapped[datetime]


append_only_but_erasing(CaseMessage.__table__, "author", "text", "photo_digest", "photo_type")


@dataclass(frozen=True)
class CaseAnswered(Event):
    """Staff answered or closed a case; the fields are those of a message to the one who reported it."""

    person_id: UUID
    kind: str
    key: str
    params: dict[str, str]
    order_code: str | None
    at: datetime


class ErasedPhoto(Base):
    """The file of a photo an erased person sent, which is still to be deleted; the row goes when the file is gone."""

    __tablename__ = "cases_erased_photo"

    digest: Mapped[str] = mapped_column(primary_key=True)
    asked_at: Mapped[datetime]


class Return(Base):
    """Boxes of one order line that go back without cause (七天无理由退货); its case is the conversation about it.

    ``boxes`` were asked for, ``came`` arrived, ``serials`` are those of them that are known; ``amount_fen`` is what is given back for them,
    fixed when they arrived. Locked by locking its order.
    """

    __tablename__ = "cases_return"
    __table_args__ = (
        CheckConstraint("boxes > 0", name="boxes"),
        CheckConstraint("came BETWEEN 1 AND boxes", name="came_within"),
        CheckConstraint("(came IS NULL) = (received_at IS NULL) AND (came IS NULL) = (amount_fen IS NULL)", name="received"),
        CheckConstraint("amount_fen >= 0", name="amount"),
        CheckConstraint("state NOT IN ('received', 'refunded') OR received_at IS NOT NULL", name="received_before"),
        CheckConstraint("(state IN ('refunded', 'refused', 'withdrawn')) = (ended_at IS NOT NULL)", name="ended"),
        CheckConstraint("char_length(carrier) <= 40 AND char_length(waybill) <= 40", name="parcel_bounded"),
        Index("ix_cases_return_line", "line_id"),
    )

    case_id: Mapped[UUID] = mapped_column(ForeignKey("cases_case.id"), primary_key=True)
    line_id: Mapped[UUID] = mapped_column(ForeignKey("orders_line.id"))
    boxes: Mapped[int]
    state: Mapped[ReturnState] = mapped_column(choice(ReturnState), default=ReturnState.ASKED)
    carrier: Mapped[str] = mapped_column(default="")
    waybill: Mapped[str] = mapped_column(default="")
    came: Mapped[int | None]
    serials: Mapped[list[Any]] = mapped_column(JSONB, default=list)
    amount_fen: Mapped[int | None]
    asked_at: Mapped[datetime]
    sent_at: Mapped[datetime | None]
    received_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]

    def move(self, to: ReturnState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        RETURNS.check(self.state, to)
        self.state = to
