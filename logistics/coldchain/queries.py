"""Temperatures of a shipment in one line, and what staff watch."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, or_, select, true
from sqlalchemy.orm import Session

from catalog.parties.models import Place
from logistics.coldchain.excursions import RANGES
from logistics.coldchain.models import Assignment, ColdClass, Excursion, Logger, Reading


@dataclass(frozen=True)
class Summary:
    """The journey's temperatures: coldest, warmest, how many readings, how many excursions, and the limit in °C."""

    cold_class: ColdClass
    coldest: Decimal
    warmest: Decimal
    readings: int
    excursions: int
    limit: Decimal
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class Watched:
    """A logger, where it is now, and the last it said."""

    logger: Logger
    shipment_code: str | None
    place_name: str | None
    cold_class: ColdClass | None
    last_at: datetime | None
    last_celsius: Decimal | None


def find_summary(session: Session, shipment_code: str) -> Summary | None:
    """What loggers measured on the journey of a shipment; None without any reading."""
    row = session.execute(
        select(
            Assignment.cold_class,
            func.min(Reading.celsius),
            func.max(Reading.celsius),
            func.count(),
            func.min(Reading.at),
            func.max(Reading.at),
        )
        .join(Reading, Reading.logger_id == Assignment.logger_id)
        .where(
            Assignment.shipment_code == shipment_code,
            Reading.at >= Assignment.from_at,
            or_(Assignment.until_at.is_(None), Reading.at < Assignment.until_at),
        )
        .group_by(Assignment.cold_class)
        .order_by(func.count().desc())
        .limit(1)
    ).first()
    if row is None:
        return None
    excursions = session.scalar(
        select(func.count())
        .select_from(Excursion)
        .join(Assignment, Assignment.id == Excursion.assignment_id)
        .where(Assignment.shipment_code == shipment_code, Excursion.withdrawn_at.is_(None))
    )
    cold_class, coldest, warmest, readings, first_at, last_at = row
    return Summary(cold_class, coldest, warmest, readings, excursions or 0, RANGES[cold_class].highest, first_at, last_at)


def list_watched(session: Session, organization_ids: Collection[UUID] | None, limit: int = 100) -> list[Watched]:
    """Loggers of these organisations (None: all) that are in use, newest first."""
    last = (
        select(Reading.at, Reading.celsius)
        .where(Reading.logger_id == Logger.id)
        .order_by(Reading.at.desc())
        .limit(1)
        .correlate(Logger)
        .lateral()
    )
    query = (
        select(Logger, Assignment.shipment_code, Place.name, Assignment.cold_class, last.c.at, last.c.celsius)
        .outerjoin(Assignment, (Assignment.logger_id == Logger.id) & Assignment.until_at.is_(None))
        .outerjoin(Place, Place.id == Assignment.place_id)
        .outerjoin(last, true())
        .where(Logger.retired_at.is_(None))
        .order_by(Logger.id.desc())
        .limit(limit)
    )
    if organization_ids is not None:
        query = query.where(Logger.organization_id.in_(organization_ids))
    return [Watched(*row) for row in session.execute(query)]


def list_excursions(
    session: Session, organization_ids: Collection[UUID] | None, limit: int = 50
) -> Sequence[tuple[Excursion, Assignment, Logger]]:
    """Standing excursions of loggers of these organisations (None: all), newest first."""
    query = (
        select(Excursion, Assignment, Logger)
        .join(Assignment, Assignment.id == Excursion.assignment_id)
        .join(Logger, Logger.id == Assignment.logger_id)
        .where(Excursion.withdrawn_at.is_(None))
        .order_by(Excursion.id.desc())
        .limit(limit)
    )
    if organization_ids is not None:
        query = query.where(Logger.organization_id.in_(organization_ids))
    return [(row[0], row[1], row[2]) for row in session.execute(query)]


def list_places(session: Session, organization_ids: Collection[UUID] | None) -> Sequence[Place]:
    """Places a logger may stand at."""
    query = select(Place).order_by(Place.name, Place.id).limit(200)
    return session.scalars(query if organization_ids is None else query.where(Place.organization_id.in_(organization_ids))).all()
