"""Logging the verifier: an entry with the hash of each of its files, so that a stranger can compare what they were served."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from sqlalchemy.orm import Session

from traceability.ledger.appending import append_entry
from traceability.ledger.models import LogEntry

VERIFIER_KIND = "ledger.verifier"


def verifier_id(origin: str, digests: Mapping[str, str]) -> UUID:
    """The event id of the entry for these files: the same files are one entry, found without a search."""
    return uuid5(NAMESPACE_URL, " ".join([origin, *(f"{name}={digests[name]}" for name in sorted(digests))]))


def digest_files(files: Mapping[str, bytes]) -> dict[str, str]:
    """SHA-256 of each file, in hex."""
    return {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}


def log_verifier(session: Session, origin: str, files: Mapping[str, bytes], at: datetime) -> bool:
    """Put the hashes of the verifier's files into the log unless these very files were logged before; returns whether it did."""
    digests = digest_files(files)
    event_id = verifier_id(origin, digests)
    if session.get(LogEntry, event_id) is not None:
        return False
    append_entry(session, event_id=event_id, kind=VERIFIER_KIND, at=at, public=digests)
    return True
