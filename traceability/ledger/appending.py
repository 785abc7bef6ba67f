"""Putting an entry into the log, in the business transaction and without a lock: the index comes later, from the sequencer."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.orm import Session

from traceability.ledger.canonical import JSON, SALT_SIZE, Entry, commit
from traceability.ledger.copying import copy_rows
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.sealing import seal_field, subject_keys
from traceability.ledger.verify import Disclosure

_ENTRY = {"event_id": "uuid", "kind": "text", "body": "bytea", "leaf_hash": "bytea"}
_INTAKE = {"event_id": "uuid", "leaf_hash": "bytea"}
_SEALED = {"event_id": "uuid", "field": "text", "subject_id": "uuid", "sealed": "bytea"}


class Private(NamedTuple):
    """A value that must not stand in the log in clear, and the person it is about (None: about no person, e.g. a serial)."""

    subject_id: UUID | None
    value: str


class NewEntry(NamedTuple):
    """What happened, for `append_entries`; the fields are those of `append_entry`."""

    event_id: UUID
    kind: str
    at: datetime
    public: Mapping[str, JSON]
    private: Mapping[str, tuple[UUID | None, str]] = {}


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

    Raises NotCanonical for a name, value or size out of bounds, IntegrityError for a second entry of one event.
    """
    append_entries(session, [NewEntry(event_id, kind, at, public, private or {})])


def append_entries(session: Session, entries: Iterable[NewEntry]) -> None:
    """`append_entry` for many at once: all go to the database together."""
    written, waiting, sealed = [], [], []
    key_of = subject_keys(session)
    for entry in entries:
        commitments = {}
        for field, (subject_id, value) in entry.private.items():
            opened = Disclosure(secrets.token_bytes(SALT_SIZE), value)
            commitments[field] = commit(opened.salt, field, value)
            sealed.append((entry.event_id, field, subject_id, seal_field(key_of(subject_id), entry.event_id, field, opened)))
        body = Entry(entry.event_id, entry.kind, entry.at.astimezone(UTC), entry.public, commitments).encode()
        leaf_hash = hash_leaf(body)
        written.append((entry.event_id, entry.kind, body, leaf_hash))
        waiting.append((entry.event_id, leaf_hash))
    copy_rows(session, "ledger_entry", _ENTRY, written)
    copy_rows(session, "ledger_intake", _INTAKE, waiting)
    if sealed:
        copy_rows(session, "ledger_disclosure", _SEALED, sealed)
