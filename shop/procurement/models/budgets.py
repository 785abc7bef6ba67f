"""What an organisation may spend, what it declared as its quota, and by which rules it approves."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from catalog.parties.models import Role
from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from kernel.periods import Period, no_overlap
from shop.orders.models import Purpose

PURPOSE_LABELS = {
    Purpose.CANTEEN: "食堂采购",
    Purpose.STAFF_GIFT: "职工福利",
    Purpose.UNION: "工会慰问",
}


class Budget(Base):
    """One organisation's money for one purpose in one year; what is reserved (asked for) and spent (ordered) stays within it."""

    __tablename__ = "procurement_budget"
    __table_args__ = (
        UniqueConstraint("organization_id", "year", "purpose"),
        CheckConstraint("reserved_fen >= 0 AND spent_fen >= 0", name="counters"),
        CheckConstraint("reserved_fen + spent_fen <= amount_fen", name="within"),
        CheckConstraint("year BETWEEN 2020 AND 2100", name="year"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    year: Mapped[int]
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose))
    amount_fen: Mapped[int]
    reserved_fen: Mapped[int] = mapped_column(default=0)
    spent_fen: Mapped[int] = mapped_column(default=0)
    set_by: Mapped[str]
    set_at: Mapped[datetime]

    @property
    def free_fen(self) -> int:
        """What can still be asked for."""
        return self.amount_fen - self.reserved_fen - self.spent_fen


class EntryKind(enum.StrEnum):
    """How a budget moves: reserved, taken back, ordered, or given back after an order."""

    RESERVE = "reserve"
    RELEASE = "release"
    COMMIT = "commit"
    GIVE_BACK = "give_back"


ENTRY_LABELS = {
    EntryKind.RESERVE: "占用（提交申请）",
    EntryKind.RELEASE: "释放（退回或作废）",
    EntryKind.COMMIT: "支用（下单）",
    EntryKind.GIVE_BACK: "退还（取消、少收或退款）",
}


class BudgetEntry(Base):
    """One movement of a budget, only added: ``reserved`` and ``spent`` are sums of these. ``key`` is unique, so nothing counts twice."""

    __tablename__ = "procurement_budget_entry"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_procurement_budget_entry_budget_id", "budget_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    budget_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_budget.id"))
    kind: Mapped[EntryKind] = mapped_column(choice(EntryKind))
    amount_fen: Mapped[int]
    request_code: Mapped[str]
    key: Mapped[str] = mapped_column(unique=True)
    at: Mapped[datetime]


append_only(BudgetEntry.__table__)


class Quota(Base):
    """What an organisation declared for a year: its canteen's food total, of which a share is reserved (预留份额); or 无食堂."""

    __tablename__ = "procurement_quota"
    __table_args__ = (CheckConstraint("canteen_total_fen >= 0", name="total"),)

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True)
    canteen_total_fen: Mapped[int]
    no_canteen: Mapped[bool] = mapped_column(default=False)
    declared_by: Mapped[str]
    declared_at: Mapped[datetime]


class Channel(Period, Base):
    """A recognised channel the operator recorded, with its source: only while one holds may a page say that purchases count.

    Without ``organization_id`` it holds for every buying organisation.
    """

    __tablename__ = "procurement_channel"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))
    name: Mapped[str]
    source: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


no_overlap(Channel.__table__, ["coalesce(organization_id::text, '')"])


class ApprovalRule(Base):
    """From ``from_fen`` on, a request needs an approval of this level by somebody with this role; without ``purpose``, every request."""

    __tablename__ = "procurement_approval_rule"
    __table_args__ = (
        UniqueConstraint("organization_id", "purpose", "level", postgresql_nulls_not_distinct=True),
        CheckConstraint("level BETWEEN 1 AND 9", name="level"),
        CheckConstraint("from_fen >= 0", name="from_fen"),
        CheckConstraint("role IN ('approver', 'finance')", name="approving_role"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    purpose: Mapped[Purpose | None] = mapped_column(choice(Purpose))
    from_fen: Mapped[int]
    level: Mapped[int]
    role: Mapped[Role] = mapped_column(choice(Role))
    set_by: Mapped[str]
    set_at: Mapped[datetime]
