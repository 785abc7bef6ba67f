"""A person's messages."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from shop.notices.models import Notice


def list_notices(session: Session, person_id: UUID, *, after: UUID | None = None, limit: int = 30) -> Sequence[Notice]:
    """Newest first; ``after`` is the last id of the page before."""
    query = select(Notice).where(Notice.person_id == person_id).order_by(Notice.id.desc()).limit(limit)
    return session.scalars(query.where(Notice.id < after) if after else query).all()


def list_notices_of_order(session: Session, order_code: str) -> Sequence[Notice]:
    """What was told about an order, oldest first."""
    return session.scalars(select(Notice).where(Notice.order_code == order_code).order_by(Notice.id).limit(100)).all()
