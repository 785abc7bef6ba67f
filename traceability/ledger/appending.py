"""Putting an entry into the log, in the business transaction and without a lock: the index comes later, from the sequencer."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from traceability.ledger.canonical import JSON, SALT_SIZE, Entry, commit
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import Intake, LogEntry
from traceability.ledger.sealing import seal_field
from traceability.ledger.verify import Disclosure


class Private(NamedTuple):
    """A value that must not stand in the log in clear, and the person it is about (None: about no person, e.g. a serial)."""

    subject_id: UUID | None
    value: str


def append_entry(
    session: Session,
    *,
    event_id: UUID,
    kind: str,
    at: datetime,
    public: Mapping[str, JSON],
    private: Mapping[str, tuple[UUID | None, str]] | None = None,
) -> None:
    """Record that `kind` happened at `at`; the entry is in the log if and only if this transaction commits.

    `public` is for everybody for ever: nothing personal, no floats. Each private field enters as a commitment under 32 fresh
    random bytes, so that equal values (one household twice) cannot be linked. Field names are lower-case with _ and dots.

    Raises NotCanonical for a name, value or size out of bounds; a second entry of one event fails at flush (IntegrityError).
    """
    commitments = {}
    for field, (subject_id, value) in (private or {}).items():
        opened = Disclosure(secrets.token_bytes(SALT_SIZE), value)
        commitments[field] = commit(opened.salt, field, value)
        seal_field(session, event_id, field, subject_id, opened)
    body = Entry(event_id=event_id, kind=kind, at=at.astimezone(UTC), public=public, commitments=commitments).encode()
    leaf_hash = hash_leaf(body)
    session.add(LogEntry(event_id=event_id, kind=kind, body=body, leaf_hash=leaf_hash))
    session.add(Intake(event_id=event_id, leaf_hash=leaf_hash))
