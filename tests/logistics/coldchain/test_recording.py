"""Readings count once, in any order; excursions follow from all of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel import outbox
from kernel.errors import Conflict, Forbidden, Invalid, Unauthorized
from logistics.coldchain.assigning import assign_logger, retire_logger
from logistics.coldchain.models import ColdClass, Excursion, Reading
from logistics.coldchain.queries import find_summary
from logistics.coldchain.recording import (
    ExcursionFound,
    Measured,
    Receipt,
    TemperatureChanged,
    record_readings,
)
from tests.factories.logistics import make_logger


@pytest.fixture
def token(session: Session, at: datetime) -> str:
    """A logger in the frozen shipment SHP-1 since ``at``."""
    logger, token = make_logger(session)
    assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    return token


def send(session: Session, token: str, at: datetime, *rows: tuple[int, str]) -> Receipt:
    """Readings so many minutes after ``at``, received two hours after it."""
    measured = [Measured(at + timedelta(minutes=minute), Decimal(celsius)) for minute, celsius in rows]
    return record_readings(session, token, measured, at + timedelta(hours=24))


def standing(session: Session) -> list[Excursion]:
    return list(session.scalars(select(Excursion).where(Excursion.withdrawn_at.is_(None)).order_by(Excursion.started_at)))


def test_the_same_reading_counts_once(session: Session, token: str, at: datetime) -> None:
    assert send(session, token, at, (0, "-20"), (5, "-19")) == Receipt(2, 0)
    assert send(session, token, at, (5, "-19"), (10, "-20")) == Receipt(1, 1)
    assert record_readings(session, token, [Measured(at, Decimal(-20))], at) == Receipt(0, 1)
    assert len(session.scalars(select(Reading)).all()) == 3


def test_another_value_for_the_same_moment_is_refused(session: Session, token: str, at: datetime) -> None:
    send(session, token, at, (0, "-20"))
    with pytest.raises(Conflict):
        send(session, token, at, (0, "-21"), (5, "-20"))


def test_excursions_do_not_depend_on_the_order_of_arrival(session: Session, token: str, at: datetime) -> None:
    rows = [(0, "-20"), (10, "-10"), (20, "-9"), (60, "-20"), (70, "-12"), (120, "-20")]
    for row in (rows[4], rows[1], rows[5], rows[0], rows[3], rows[2]):
        send(session, token, at, row)
    assert [(e.started_at, e.ended_at, e.worst_celsius) for e in standing(session)] == [
        (at + timedelta(minutes=10), at + timedelta(minutes=60), Decimal(-9)),
        (at + timedelta(minutes=70), at + timedelta(minutes=120), Decimal(-12)),
    ]


def test_a_late_good_reading_withdraws_an_excursion(session: Session, token: str, at: datetime) -> None:
    send(session, token, at, (0, "-10"), (40, "-10"), (50, "-20"))
    assert len(standing(session)) == 1
    send(session, token, at, (20, "-20"))
    assert standing(session) == []
    summary = find_summary(session, "SHP-1")
    assert summary is not None
    assert (summary.readings, summary.excursions, summary.warmest) == (4, 0, Decimal(-10))


def test_readings_after_the_journey_belong_to_the_next(session: Session, at: datetime) -> None:
    logger, token = make_logger(session)
    assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    assign_logger(session, SYSTEM, logger.code, ColdClass.CHILLED, at + timedelta(minutes=60), shipment_code="SHP-2")
    send(session, token, at, (10, "-20"), (70, "4"))
    one, two = find_summary(session, "SHP-1"), find_summary(session, "SHP-2")
    assert one is not None
    assert two is not None
    assert (one.readings, two.readings, two.excursions) == (1, 1, 0)


def test_news_is_published(session: Session, token: str, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[outbox.Event] = []
    monkeypatch.setattr("logistics.coldchain.recording.publish", lambda _, event, at: told.append(event))
    send(session, token, at, (0, "-10"), (40, "-10"))
    assert [type(event) for event in told] == [ExcursionFound, TemperatureChanged]
    assert told[1] == TemperatureChanged("SHP-1")


def test_only_living_loggers_may_speak(session: Session, at: datetime) -> None:
    with pytest.raises(Unauthorized):
        record_readings(session, "made-up", [Measured(at, Decimal(-20))], at)
    logger, token = make_logger(session)
    retire_logger(session, SYSTEM, logger.code, at)
    with pytest.raises(Forbidden):
        record_readings(session, token, [Measured(at, Decimal(-20))], at)


def test_impossible_readings(session: Session, token: str, at: datetime) -> None:
    with pytest.raises(Invalid):
        record_readings(session, token, [Measured(at, Decimal(500))], at)
    with pytest.raises(Invalid):
        record_readings(session, token, [Measured(at + timedelta(hours=1), Decimal(-20))], at)
    with pytest.raises(Invalid):
        record_readings(session, token, [], at)


def test_a_place_can_be_watched(session: Session, at: datetime) -> None:
    from tests.factories.logistics import make_hub

    hub = make_hub(session)
    logger, token = make_logger(session, hub)
    assign_logger(session, SYSTEM, logger.code, ColdClass.CHILLED, at, place_id=hub.id)
    send(session, token, at, (0, "12"), (45, "12"))
    assert len(standing(session)) == 1
