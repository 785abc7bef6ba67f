"""A clerk who was erased after leaving: the phone is shut out for good, and its name, which is often its owner's, goes."""

from __future__ import annotations

from sqlalchemy import func, update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import ERASURE
from shop.cooperative.models import Device


def forget_devices(session: Session, event: SubjectErased) -> None:
    """The reaction. Who ended a phone before stays."""
    if event.kind is SubjectKind.PERSON:
        ended = {"ended_at": func.coalesce(Device.ended_at, event.at), "ended_by": func.coalesce(Device.ended_by, ERASURE)}
        session.execute(update(Device).where(Device.person_id == event.subject_id).values(name="—", **ended))
