"""Readings come in, in any order and more than once; excursions are found again around them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.errors import Conflict, Forbidden, Invalid, Unauthorized
from kernel.outbox import Event, publish
from logistics.coldchain.excursions import RANGES, find_spans
from logistics.coldchain.models import Assignment, Excursion, Logger, Reading

LOWEST, HIGHEST = Decimal(-90), Decimal(90)
MOST_READINGS = 1000
AHEAD = timedelta(minutes=5)


@dataclass(frozen=True)
class TemperatureChanged(Event):
    """New readings of a shipment arrived: whoever tells its temperature tells it anew."""

    shipment_code: str


@dataclass(frozen=True)
class ExcursionFound(Event):
    """Goods were out of their range for too long."""

    excursion_id: str
    shipment_code: str | None
    place_id: str | None
    worst_celsius: str


@dataclass(frozen=True)
class Measured:
    """One reading as a logger sends it: moment and degrees Celsius (two decimals)."""

    at: datetime
    celsius: Decimal


@dataclass(frozen=True)
class Receipt:
    """What became of sent readings: new ones, and ones we had already."""

    accepted: int
    repeated: int


def hash_token(token: str) -> str:
    """What is kept of a logger's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def get_logger(session: Session, token: str) -> Logger:
    """The logger that a token belongs to. Raises Unauthorized for an unknown token, Forbidden for a retired logger."""
    logger = session.scalar(select(Logger).where(Logger.token_hash == hash_token(token)))
    if logger is None:
        raise Unauthorized("记录仪的密钥不对，请在冷链页面重新生成。")
    if logger.retired_at is not None:
        raise Forbidden("这台记录仪已停用。")
    return logger


def record_readings(session: Session, token: str, measured: Sequence[Measured], at: datetime) -> Receipt:
    """Keep what a logger measured; the same logger and moment count once.

    Raises Unauthorized, Forbidden, Invalid (too many, impossible degrees, a moment in the future), and Conflict when a moment was
    already reported with other degrees.
    """
    logger = get_logger(session, token)
    _check(measured, at)
    session.execute(select(Logger.id).where(Logger.id == logger.id).with_for_update(key_share=True))
    rows = [{"logger_id": logger.id, "at": m.at, "celsius": m.celsius, "received_at": at} for m in measured]
    new = session.scalars(insert(Reading).on_conflict_do_nothing().returning(Reading.at), rows).all()
    if len(new) < len(measured):
        _refuse_contradictions(session, logger, measured)
    if new:
        for assignment in _assignments_between(session, logger, min(new), max(new)):
            find_excursions(session, assignment, min(new), max(new), at)
            if assignment.shipment_code is not None:
                publish(session, TemperatureChanged(assignment.shipment_code), at=at)
    return Receipt(len(new), len(measured) - len(new))


def _check(measured: Sequence[Measured], at: datetime) -> None:
    if not measured or len(measured) > MOST_READINGS:
        raise Invalid("一次请上传 1 至 %(most)s 条温度记录。", params={"most": MOST_READINGS}, field="readings")
    for reading in measured:
        if not LOWEST <= reading.celsius <= HIGHEST:
            raise Invalid("温度 %(celsius)s 不在可能的范围内。", params={"celsius": reading.celsius}, field="celsius")
        if reading.at > at + AHEAD:
            raise Invalid("记录时间在未来，请校准记录仪的时钟。", field="at")


def _refuse_contradictions(session: Session, logger: Logger, measured: Sequence[Measured]) -> None:
    kept = dict(
        session.execute(
            select(Reading.at, Reading.celsius).where(Reading.logger_id == logger.id, Reading.at.in_([m.at for m in measured]))
        ).all()
    )
    for reading in measured:
        if kept[reading.at] != reading.celsius:
            raise Conflict("同一时间已有另一个温度值，原记录不能改。请检查记录仪。")


def _assignments_between(session: Session, logger: Logger, first: datetime, last: datetime) -> Sequence[Assignment]:
    return session.scalars(
        select(Assignment)
        .where(
            Assignment.logger_id == logger.id,
            Assignment.from_at <= last,
            or_(Assignment.until_at.is_(None), Assignment.until_at > first),
        )
        .order_by(Assignment.from_at)
    ).all()


def find_excursions(session: Session, assignment: Assignment, first: datetime, last: datetime, at: datetime) -> None:
    """Find the excursions around the new readings between ``first`` and ``last`` again.

    The window reaches back to the last good reading before and forward to the first good one after, so a late reading can lengthen,
    split or withdraw an excursion. The caller holds the logger's row lock.
    """
    start, end = _window(session, assignment, first, last)
    own = [Reading.logger_id == assignment.logger_id, *_during(assignment), Reading.at >= start, Reading.at <= end]
    readings = session.execute(select(Reading.at, Reading.celsius).where(*own).order_by(Reading.at)).all()
    spans = {span.started_at: span for span in find_spans(readings, RANGES[assignment.cold_class])}
    known = session.scalars(
        select(Excursion).where(
            Excursion.assignment_id == assignment.id, and_(Excursion.started_at >= start, Excursion.started_at <= end)
        )
    ).all()
    for excursion in known:
        span = spans.pop(excursion.started_at, None)
        if span is None:
            excursion.withdrawn_at = excursion.withdrawn_at or at
        else:
            excursion.ended_at, excursion.worst_celsius, excursion.withdrawn_at = span.ended_at, span.worst_celsius, None
    for span in spans.values():
        _report(session, assignment, Excursion(assignment_id=assignment.id, found_at=at, **vars(span)), at)
    session.flush()


def _window(session: Session, assignment: Assignment, first: datetime, last: datetime) -> tuple[datetime, datetime]:
    within = RANGES[assignment.cold_class]
    good = Reading.celsius <= within.highest
    if within.lowest is not None:
        good = and_(good, Reading.celsius > within.lowest)
    own = [Reading.logger_id == assignment.logger_id, good, *_during(assignment)]
    before: datetime | None = session.execute(select(func.max(Reading.at)).where(*own, Reading.at < first)).scalar_one()
    after: datetime | None = session.execute(select(func.min(Reading.at)).where(*own, Reading.at > last)).scalar_one()
    until = assignment.until_at or datetime.max.replace(tzinfo=first.tzinfo)
    return before or assignment.from_at, after or until


def _during(assignment: Assignment) -> list[ColumnElement[bool]]:
    limits: list[ColumnElement[bool]] = [Reading.at >= assignment.from_at]
    if assignment.until_at is not None:
        limits.append(Reading.at < assignment.until_at)
    return limits


def _report(session: Session, assignment: Assignment, excursion: Excursion, at: datetime) -> None:
    session.add(excursion)
    session.flush()
    publish(
        session,
        ExcursionFound(
            excursion_id=str(excursion.id),
            shipment_code=assignment.shipment_code,
            place_id=str(assignment.place_id) if assignment.place_id else None,
            worst_celsius=str(excursion.worst_celsius),
        ),
        at=at,
    )
