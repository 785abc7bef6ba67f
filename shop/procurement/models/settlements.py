"""After the order: what the inspector found, and what is owed to each seller by when."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from shop.procurement.states import SettlementState


class Acceptance(Base):
    """One order's acceptance (验收单): boxes and weight found for each line. Only added, never changed; one an order."""

    __tablename__ = "procurement_acceptance"
    __table_args__ = (Index("ix_procurement_acceptance_request_id", "request_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    order_code: Mapped[str] = mapped_column(unique=True)
    inspector_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    inspector: Mapped[str]
    found: Mapped[list[Any]]
    note: Mapped[str] = mapped_column(default="")
    at: Mapped[datetime]


append_only(Acceptance.__table__)


class Settlement(Base):
    """What one request owes one seller (结算单): one payment, one invoice, whatever the number of orders."""

    __tablename__ = "procurement_settlement"
    __table_args__ = (
        UniqueConstraint("request_id", "seller_id"),
        CheckConstraint("amount_fen > 0 AND paid_fen >= 0 AND paid_fen <= amount_fen", name="amounts"),
        CheckConstraint("(state = 'paid') = (paid_fen = amount_fen)", name="paid_in_full"),
        Index("ix_procurement_settlement_due", "due_on", postgresql_where="state = 'open'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    amount_fen: Mapped[int]
    paid_fen: Mapped[int] = mapped_column(default=0)
    due_on: Mapped[date]
    state: Mapped[SettlementState] = mapped_column(choice(SettlementState), default=SettlementState.OPEN)
    opened_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]

    parts: Mapped[list[SettlementPart]] = relationship(back_populates="settlement", order_by="SettlementPart.sub_order_code")


class SettlementPart(Base):
    """One sub-order within a settlement: what was accepted of it, and how much of the payment went to it."""

    __tablename__ = "procurement_settlement_part"
    __table_args__ = (
        CheckConstraint("amount_fen > 0 AND paid_fen >= 0 AND paid_fen <= amount_fen", name="amounts"),
        Index("ix_procurement_settlement_part_settlement_id", "settlement_id"),
    )

    sub_order_code: Mapped[str] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_settlement.id"))
    order_code: Mapped[str]
    amount_fen: Mapped[int]
    paid_fen: Mapped[int] = mapped_column(default=0)

    settlement: Mapped[Settlement] = relationship(back_populates="parts")
