"""Questions a clerk puts to the county when a rule stands in the way."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from shop.cooperative.states import SheetState


class CountyQuestion(Base):
    """What a clerk asks the county (请县里核定), with the sentence that refused them; answered once, never edited.

    ``household_id`` is whom it is about, if anybody: when that household is erased the words go.
    """

    __tablename__ = "cooperative_county_question"
    __table_args__ = (
        CheckConstraint("(answer IS NULL) = (answered_at IS NULL)", name="answered"),
        Index("ix_cooperative_county_question_open", "county_code", "id", postgresql_where="answered_at IS NULL"),
        Index("ix_cooperative_county_question_county_code", "county_code", "id"),
        Index("ix_cooperative_county_question_organization_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    county_code: Mapped[str]
    household_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_household.id"), index=True)
    refusal: Mapped[str]
    question: Mapped[str]
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    answer: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]


class Device(Base):
    """A clerk's phone that takes deliveries without a network.

    The phone makes its token itself; only the SHA-256 is kept. It opens the doors under ``/cooperative/offline/`` and no other, until it
    runs out or somebody of the cooperative ends it.
    """

    __tablename__ = "cooperative_device"
    __table_args__ = (
        CheckConstraint("(ended_at IS NULL) = (ended_by IS NULL)", name="ended"),
        Index("ix_cooperative_device_organization_id", "organization_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    name: Mapped[str]
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str | None]


class SlipNumber(Base):
    """A slip and a lot number handed out to a phone beforehand, so that the slip can be written before anybody is asked.

    Used once, by one entry: ``entry_key`` is the key that entry is sent with, however often.
    """

    __tablename__ = "cooperative_slip_number"
    __table_args__ = (
        CheckConstraint("(used_at IS NULL) = (entry_key IS NULL)", name="used"),
        Index("ix_cooperative_slip_number_free", "device_id", "slip_code", postgresql_where="used_at IS NULL"),
    )

    slip_code: Mapped[str] = mapped_column(primary_key=True)
    lot_code: Mapped[str] = mapped_column(unique=True)
    device_id: Mapped[UUID] = mapped_column(ForeignKey("cooperative_device.id"))
    handed_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    entry_key: Mapped[str | None]


class DaySheet(Base):
    """An uploaded table of a day's deliveries: the job of taking it in, and what was wrong with it.

    ``done`` rows are tried (or, once all of them hold, recorded), ``new_count`` of them became deliveries. The file is kept (``digest``)
    until it is taken in whole; one with faults for a week, to be given back marked, and then the row goes with it.
    """

    __tablename__ = "cooperative_day_sheet"
    __table_args__ = (
        CheckConstraint("new_count >= 0 AND new_count <= row_count", name="counts"),
        CheckConstraint("done >= 0 AND done <= row_count", name="progress"),
        CheckConstraint("(state = 'done') = (digest IS NULL)", name="done_without_file"),
        Index("ix_cooperative_day_sheet_organization_id", "organization_id", "id"),
        Index("ix_cooperative_day_sheet_kept", "digest", postgresql_where="digest IS NOT NULL"),
        Index("ix_cooperative_day_sheet_under_way", "id", postgresql_where="state IN ('waiting', 'checking', 'recording')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    digest: Mapped[str | None]
    file_name: Mapped[str]
    row_count: Mapped[int]
    new_count: Mapped[int]
    faults: Mapped[list[Any]]
    state: Mapped[SheetState] = mapped_column(choice(SheetState), default=SheetState.WAITING)
    done: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    claimed_at: Mapped[datetime | None]
    imported_by: Mapped[str]
    at: Mapped[datetime]


class ImportedRow(Base):
    """A row that became a delivery; the same row of the same cooperative never becomes a second one."""

    __tablename__ = "cooperative_imported_row"

    organization_id: Mapped[UUID] = mapped_column(
        ForeignKey("parties_organization.id", name="fk_cooperative_imported_row_organization"), primary_key=True
    )
    digest: Mapped[str] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("lots_household_delivery.id"))
