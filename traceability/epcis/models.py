"""Capture jobs: what a partner sent, and what became of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from traceability.epcis.states import ErrorBehaviour


class CaptureJob(Base):
    """One document that was posted. ``waiting`` holds its valid events until they are stored, with their place in the document.

    EPCIS 2.0 section 12.6.1: ``rollback`` stores all events or none, ``proceed`` stores those that are right.
    """

    __tablename__ = "epcis_capture_job"
    __table_args__ = (
        Index("ix_epcis_capture_job_organization", "organization_id", "id"),
        CheckConstraint("running = (finished_at IS NULL)", name="finished"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    key_name: Mapped[str]
    key_label: Mapped[str]
    behaviour: Mapped[ErrorBehaviour] = mapped_column(choice(ErrorBehaviour))
    context: Mapped[list[Any]]
    waiting: Mapped[list[Any]]
    total: Mapped[int]
    stored: Mapped[int] = mapped_column(default=0)
    errors: Mapped[list[Any]]
    running: Mapped[bool] = mapped_column(default=True)
    success: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
