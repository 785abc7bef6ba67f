"""The record of staff's acts: one append-only row for each, written in the act's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from catalog.parties.acting import StaffActed
from catalog.parties.models import Actor
from shop.backoffice.models import AuditEntry


def record_act(session: Session, event: StaffActed) -> None:
    """Reaction: what staff did in another room."""
    session.add(
        AuditEntry(
            at=event.at, person_id=event.person_id, actor=event.actor, what=event.what, subject=event.subject, before=event.before,
            after=event.after,
        )
    )  # fmt: skip


def note(
    session: Session,
    actor: Actor,
    what: str,
    subject: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    at: datetime,
) -> AuditEntry:
    """Record that ``actor`` did ``what`` (a word like ``refund.proposed``) to ``subject`` (its code).

    Values are plain (texts, numbers) and nothing personal.
    """
    entry = AuditEntry(
        at=at, person_id=actor.person_id, actor=actor.label, what=what, subject=subject, before=dict(before), after=dict(after)
    )
    session.add(entry)
    session.flush()
    return entry
