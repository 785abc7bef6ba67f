"""Questions a clerk puts to the county when a rule stands in the way."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7


class CountyQuestion(Base):
    """What a clerk asks the county (请县里核定), with the sentence that refused them; answered once, never edited."""

    __tablename__ = "cooperative_county_question"
    __table_args__ = (
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        Index("ix_cooperative_county_question_open", "county_code", "id", postgresql_where="answered_at IS NULL"),
        Index("ix_cooperative_county_question_organization_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    county_code: Mapped[str]
    refusal: Mapped[str]
    question: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
