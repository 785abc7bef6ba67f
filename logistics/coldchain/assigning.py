"""Loggers are registered, put into a shipment or a cold store, and taken out again."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.parties.queries import get_place
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import new_code, new_token
from logistics.coldchain.models import Assignment, ColdClass, Logger
from logistics.coldchain.recording import hash_token


def register_logger(
    session: Session, actor: Actor, organization_id: UUID, name: str, at: datetime, *, calibrated_on: date | None = None
) -> tuple[Logger, str]:
    """A new logger of an organisation and its token, which is shown this once. Raises Invalid, Forbidden.

    ``calibrated_on``: its last calibration, of which GB 31605-2020 asks for a record.
    """
    actor.must_any({Role.packer: organization_id, Role.operator: None})
    name = name.strip()
    if not 1 <= len(name) <= 60:
        raise Invalid("请给记录仪起一个名字，不超过 60 字。", field="name")
    token = new_token()
    if calibrated_on is not None and calibrated_on > today_shanghai(at):
        raise Invalid("校准日期不能在未来。", field="calibrated_on")
    logger = Logger(
        code=new_code("LOG"),
        name=name,
        organization_id=organization_id,
        token_hash=hash_token(token),
        calibrated_on=calibrated_on,
        created_at=at,
    )
    session.add(logger)
    session.flush()
    return logger, token


def retire_logger(session: Session, actor: Actor, code: str, at: datetime) -> None:
    """From now on the logger's token is refused; what it measured stays."""
    logger = _lock(session, actor, code)
    logger.retired_at = logger.retired_at or at
    _take_out(session, logger, at)


def assign_logger(
    session: Session,
    actor: Actor,
    code: str,
    cold_class: ColdClass,
    at: datetime,
    *,
    shipment_code: str | None = None,
    place_id: UUID | None = None,
) -> Assignment:
    """Put a logger into a shipment or a place from ``at`` on; where it was before ends then.

    Raises NotFound, Forbidden (also for a place of others), and Conflict for a retired logger or a moment before its present place began.
    """
    if (shipment_code is None) == (place_id is None):
        raise ValueError("a logger goes into a shipment or a place")
    logger = _lock(session, actor, code)
    if place_id is not None:
        actor.must_any({Role.packer: get_place(session, place_id).organization_id, Role.operator: None})
    if logger.retired_at is not None:
        raise Conflict("这台记录仪已停用，请换一台。")
    _take_out(session, logger, at)
    assignment = Assignment(
        logger_id=logger.id, shipment_code=shipment_code, place_id=place_id, cold_class=cold_class, from_at=at, until_at=None
    )
    session.add(assignment)
    session.flush()
    return assignment


def end_assignments(session: Session, shipment_code: str, at: datetime) -> None:
    """The shipment arrived: its loggers are free again. What they send later for the time of the journey still counts."""
    query = select(Assignment).where(Assignment.shipment_code == shipment_code, Assignment.until_at.is_(None))
    for assignment in session.scalars(query.with_for_update()):
        if at > assignment.from_at:
            assignment.until_at = at
    session.flush()


def _lock(session: Session, actor: Actor, code: str) -> Logger:
    logger = session.scalar(select(Logger).where(Logger.code == code).with_for_update(key_share=True))
    if logger is None:
        raise NotFound("没有这台记录仪。")
    actor.must_any({Role.packer: logger.organization_id, Role.operator: None})
    return logger


def _take_out(session: Session, logger: Logger, at: datetime) -> None:
    query = select(Assignment).where(Assignment.logger_id == logger.id, Assignment.until_at.is_(None))
    current = session.scalar(query.with_for_update())
    if current is None:
        return
    if at <= current.from_at:
        raise Conflict("这台记录仪刚刚才放进去，请过一会儿再移动它。")
    current.until_at = at
    session.flush()
