"""A guest whose browser is signed out and who bought and asked nothing left an address behind that nobody needs."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from catalog.parties.erasing import erase_person
from shop.accounts.models import Guest
from shop.accounts.signing import STAYS
from shop.cases.models import Case
from shop.orders.models import Order


def forget_idle_guests(session: Session, *, at: datetime, limit: int = 500) -> int:
    """Erase them; returns how many. The rest comes the next day."""
    idle = select(Guest.person_id).where(
        Guest.created_at <= at - STAYS,
        ~exists().where(Order.buyer_person_id == Guest.person_id),
        ~exists().where(Case.opened_by == Guest.person_id),
    )
    found = session.scalars(idle.order_by(Guest.created_at).limit(limit)).all()
    for person_id in found:
        erase_person(session, person_id, reason="retention_ended", at=at)
    return len(found)
