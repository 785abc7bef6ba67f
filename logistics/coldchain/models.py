"""Tables of the cold chain room: who measures, where it is put, what it measured, what was too warm.

Temperatures are degrees Celsius with two decimals. Records are kept as GB 31605-2020 section 8 asks.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7

CELSIUS = Numeric(6, 2)


class ColdClass(enum.StrEnum):
    """What the goods need (GB/T 24616-2019): frozen at or below -18 °C, chilled above freezing and up to 8 °C."""

    FROZEN = "frozen"
    CHILLED = "chilled"


class Logger(Base):
    """A device that measures; it proves itself by a token of which only the SHA-256 is kept."""

    __tablename__ = "coldchain_logger"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), index=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    calibrated_on: Mapped[date | None]
    retired_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class Assignment(Base):
    """Where a logger travelled or stood, and from when to when; readings that arrive late still find their journey."""

    __tablename__ = "coldchain_assignment"
    __table_args__ = (
        CheckConstraint("(shipment_code IS NULL) <> (place_id IS NULL)", name="one_subject"),
        CheckConstraint("until_at IS NULL OR until_at > from_at", name="forward"),
        Index("ix_coldchain_assignment_logger_id", "logger_id", "from_at"),
        Index("uq_coldchain_assignment_open", "logger_id", unique=True, postgresql_where="until_at IS NULL"),
        Index("ix_coldchain_assignment_shipment_code", "shipment_code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    logger_id: Mapped[UUID] = mapped_column(ForeignKey("coldchain_logger.id"))
    shipment_code: Mapped[str | None]
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_place.id"))
    cold_class: Mapped[ColdClass] = mapped_column(choice(ColdClass))
    from_at: Mapped[datetime]
    until_at: Mapped[datetime | None]


class Reading(Base):
    """One measurement; the same logger and moment arrive once, however often they are sent. Append-only."""

    __tablename__ = "coldchain_reading"

    logger_id: Mapped[UUID] = mapped_column(ForeignKey("coldchain_logger.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(primary_key=True)
    celsius: Mapped[Decimal] = mapped_column(CELSIUS)
    received_at: Mapped[datetime]


append_only(Reading.__table__)


class Excursion(Base):
    """A time span in which the goods were out of their range for longer than allowed; derived from readings, never typed."""

    __tablename__ = "coldchain_excursion"
    __table_args__ = (UniqueConstraint("assignment_id", "started_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    assignment_id: Mapped[UUID] = mapped_column(ForeignKey("coldchain_assignment.id"))
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime]
    worst_celsius: Mapped[Decimal] = mapped_column(CELSIUS)
    found_at: Mapped[datetime]
    # A reading that arrived late showed that the goods were fine in between.
    withdrawn_at: Mapped[datetime | None]
