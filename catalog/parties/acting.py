"""News of what staff did, for the record (操作记录): rooms tell it in the act's own transaction, the back office writes it down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.outbox import Event, publish


@dataclass(frozen=True)
class StaffActed(Event):
    """Who did ``what`` (a word like ``case.taken``) to ``subject`` (its code), and how it was before and after. Nothing personal."""

    person_id: UUID | None
    actor: str
    what: str
    subject: str
    before: dict[str, Any]
    after: dict[str, Any]
    at: datetime


def tell_act(
    session: Session, actor: Actor, what: str, subject: str, before: Mapping[str, Any], after: Mapping[str, Any], *, at: datetime
) -> None:
    """Have an act recorded; what the system does by itself is not staff's."""
    if not actor.system:
        publish(session, StaffActed(actor.person_id, actor.label, what, subject, dict(before), dict(after), at), at=at)
