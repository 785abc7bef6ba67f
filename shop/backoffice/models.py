"""The record of what staff did, and refunds that wait for a second person."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from catalog.parties.erasing import SubjectKind
from kernel.db import Base, append_only, choice
from kernel.ids import uuid7


class AuditEntry(Base):
    """Who did what to which thing, and how it was before and after. Append-only; nothing personal stands in ``before`` and ``after``."""

    __tablename__ = "backoffice_audit"
    __table_args__ = (
        Index("ix_backoffice_audit_subject", "subject", "id"),
        Index("ix_backoffice_audit_person_id", "person_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    at: Mapped[datetime]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    actor: Mapped[str]
    what: Mapped[str]
    subject: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]


append_only(AuditEntry.__table__)


class ProposalState(enum.StrEnum):
    """A refund over the limit: waiting for somebody else, agreed and done, or refused."""

    WAITING = "waiting"
    AGREED = "agreed"
    REFUSED = "refused"


class RefundProposal(Base):
    """A refund by an operator. The one who decides is not the one who proposed it: the CHECK holds when code forgets.

    Small refunds are agreed at once (``decided_by`` None); those over the limit wait. ``case_code`` names the return it is for, if any.
    """

    __tablename__ = "backoffice_refund_proposal"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_people"),
        CheckConstraint("NOT needs_second OR state = 'waiting' OR decided_by IS NOT NULL", name="second_person"),
        Index("ix_backoffice_refund_proposal_order_code", "order_code"),
        Index("ix_backoffice_refund_proposal_case", "case_code", postgresql_where="case_code IS NOT NULL"),
        Index("ix_backoffice_refund_proposal_waiting", "id", postgresql_where="state = 'waiting'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    order_code: Mapped[str]
    case_code: Mapped[str | None]
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments_payment.id"))
    amount_fen: Mapped[int]
    reason: Mapped[str]
    needs_second: Mapped[bool]
    state: Mapped[ProposalState] = mapped_column(choice(ProposalState), default=ProposalState.WAITING)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    decided_at: Mapped[datetime | None]


class ErasureState(enum.StrEnum):
    """An erasure that waits for somebody else, was decided, or was refused."""

    WAITING = "waiting"
    DECIDED = "decided"
    REFUSED = "refused"


class ErasureRequest(Base):
    """Somebody is to be erased. It cannot be undone, so the one who decides is not the one who proposed it: the CHECK holds.

    ``subject_code`` is what people type to confirm: of a household its number within the cooperative, of a person digits of the key;
    neither names anybody. ``found`` is what the dry run counted when it was decided.
    """

    __tablename__ = "backoffice_erasure"
    __table_args__ = (
        CheckConstraint("decided_by IS NULL OR decided_by <> proposed_by", name="two_people"),
        CheckConstraint("(state = 'waiting') = (decided_by IS NULL)", name="second_person"),
        Index("uq_backoffice_erasure_waiting", "subject_id", unique=True, postgresql_where="state = 'waiting'"),
        Index("ix_backoffice_erasure_subject_id", "subject_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    subject_kind: Mapped[SubjectKind] = mapped_column(choice(SubjectKind))
    subject_id: Mapped[UUID]
    subject_code: Mapped[str]
    reason: Mapped[str]
    found: Mapped[dict[str, Any]] = mapped_column(default=dict)
    state: Mapped[ErasureState] = mapped_column(choice(ErasureState), default=ErasureState.WAITING)
    proposed_by: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    proposed_at: Mapped[datetime]
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    decided_at: Mapped[datetime | None]
