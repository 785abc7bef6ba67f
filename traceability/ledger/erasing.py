"""Erasing a person (PIPL art. 47, GDPR art. 17): their key, salts and values go; the log stays whole and says what went."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased
from kernel.ids import uuid7
from traceability.ledger.appending import append_entry
from traceability.ledger.models import Erasure, Scrub, SealedField
from traceability.ledger.sealing import forget_key

ERASURE_KIND = "ledger.erased"
REASONS = ("request", "consent_withdrawn", "retention_ended")
_PER_ENTRY = 200  # an entry must stay below 65,535 bytes


def erase_subject(session: Session, subject_id: UUID, at: datetime, *, reason: str = "request") -> list[UUID]:
    """Make every private field about this person unreadable for ever; returns the events concerned.

    Proofs of those and all other entries still verify. The erasure itself becomes entries of the log; they hold the erased events
    only as commitments, since a list in clear would tie one person's events together. The bytes that stay on the disk after a DELETE
    are the scrubber's part; a row asks for it. An act about this person that is under way is waited for and erased with the rest; one
    that comes later begins with a new key. Raises ValueError for a reason not in REASONS: it is public.
    """
    if reason not in REASONS:
        raise ValueError(f"not a reason code: {reason!r}")
    known = forget_key(session, subject_id)
    fields: dict[UUID, list[str]] = defaultdict(list)
    rows = select(SealedField.event_id, SealedField.field).where(SealedField.subject_id == subject_id)
    for event_id, field in session.execute(rows.order_by(SealedField.event_id, SealedField.field)):
        fields[event_id].append(field)
    session.execute(delete(SealedField).where(SealedField.subject_id == subject_id))
    if known or fields:
        session.add(Scrub(asked_at=at))
    events = list(fields)
    for start in range(0, len(events), _PER_ENTRY):
        _record(session, {event: fields[event] for event in events[start : start + _PER_ENTRY]}, at, reason)
    return events


def erase_logged(session: Session, event: SubjectErased) -> None:
    """The reaction: nothing of an erased household or person can be opened in the log any more."""
    erase_subject(session, event.subject_id, event.at, reason=event.reason)


def _record(session: Session, fields: dict[UUID, list[str]], at: datetime, reason: str) -> None:
    """One entry for up to _PER_ENTRY events: event_0 … as commitments, how many and why in clear."""
    erased_by = uuid7()
    append_entry(
        session,
        event_id=erased_by,
        kind=ERASURE_KIND,
        at=at,
        public={"events": len(fields), "reason": reason},
        private={f"event_{number}": (None, str(event_id)) for number, event_id in enumerate(fields)},
    )
    session.add_all(Erasure(event_id=event, erased_by=erased_by, fields=names, at=at) for event, names in fields.items())
