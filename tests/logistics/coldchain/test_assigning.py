"""A logger is in one place at a time."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from logistics.coldchain.assigning import assign_logger, end_assignments, register_logger, retire_logger
from logistics.coldchain.models import Assignment, ColdClass
from logistics.coldchain.queries import list_watched
from tests.factories.catalog import make_actor, make_place
from tests.factories.logistics import make_hub, make_logger


def test_moving_a_logger_ends_where_it_was(session: Session, at: datetime) -> None:
    logger, _ = make_logger(session)
    later = at + timedelta(hours=1)
    first = assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, later, shipment_code="SHP-2")
    assert first.until_at == later
    end_assignments(session, "SHP-2", later + timedelta(hours=1))
    assert session.scalars(select(Assignment).where(Assignment.until_at.is_(None))).all() == []
    (watched,) = list_watched(session, [logger.organization_id])
    assert watched.shipment_code is None


def test_not_backwards(session: Session, at: datetime) -> None:
    logger, _ = make_logger(session)
    assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    with pytest.raises(Conflict):
        assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-2")


def test_a_retired_logger_goes_nowhere(session: Session, at: datetime) -> None:
    logger, _ = make_logger(session)
    retire_logger(session, SYSTEM, logger.code, at)
    with pytest.raises(Conflict):
        assign_logger(session, SYSTEM, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    with pytest.raises(NotFound):
        retire_logger(session, SYSTEM, "LOG-NONE", at)


def test_only_packers_of_the_owner(session: Session, at: datetime) -> None:
    logger, _ = make_logger(session)
    organization = session.get_one(Organization, logger.organization_id)
    stranger, owner = make_actor(session, Role.packer), make_actor(session, Role.packer, organization)
    with pytest.raises(Forbidden):
        assign_logger(session, stranger, logger.code, ColdClass.FROZEN, at, shipment_code="SHP-1")
    with pytest.raises(Forbidden):
        assign_logger(session, owner, logger.code, ColdClass.FROZEN, at, place_id=make_hub(session).id)
    assign_logger(session, owner, logger.code, ColdClass.FROZEN, at, place_id=make_place(session, organization).id)
    with pytest.raises(Invalid):
        register_logger(session, SYSTEM, logger.organization_id, " ", at)
