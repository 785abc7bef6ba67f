"""Looks at a box are counted after the answer: a row first, the tally from the rows later. No address is kept, and nothing for ever."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from traceability.scan.models import ScanRecord, ScanTally

KEPT = timedelta(days=180)


def hash_visitor(cookie: str) -> str:
    """What is kept of our cookie: its SHA-256. The cookie has 256 random bits, so nobody can guess it back."""
    return sha256(cookie.encode()).hexdigest()


def record_scan(
    session: Session, subject: str, at: datetime, *, visitor: str | None = None, province_code: str | None = None
) -> UUID:
    """Note one look at the page of a box or lot; returns the record's key. The province stays unknown unless somebody knows it."""
    record = ScanRecord(id=uuid7(), subject=subject, at=at, visitor=visitor, province_code=province_code)
    session.add(record)
    session.flush()
    return record.id


def tally_scans(session: Session, at: datetime, *, limit: int = 1000) -> int:
    """Add records that no tally knows yet to the tallies; returns how many. Each is counted once, however often this runs."""
    waiting = (
        select(ScanRecord.id)
        .where(ScanRecord.tallied_at.is_(None))
        .order_by(ScanRecord.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = update(ScanRecord).where(ScanRecord.id.in_(waiting.scalar_subquery())).values(tallied_at=at)
    rows = session.execute(taken.returning(ScanRecord.subject, ScanRecord.at)).all()
    moments: dict[str, list[datetime]] = defaultdict(list)
    for subject, moment in rows:
        moments[subject].append(moment)
    for subject, seen in sorted(moments.items()):  # sorted: two runs never wait for each other in a circle
        added = insert(ScanTally).values(subject=subject, scans=len(seen), first_at=min(seen), last_at=max(seen))
        session.execute(
            added.on_conflict_do_update(
                index_elements=["subject"],
                set_={
                    "scans": ScanTally.scans + added.excluded.scans,
                    "first_at": func.least(ScanTally.first_at, added.excluded.first_at),
                    "last_at": func.greatest(ScanTally.last_at, added.excluded.last_at),
                },
            )
        )
    return len(rows)


def forget_scans(session: Session, at: datetime) -> int:
    """Delete records older than ``KEPT``; the tallies, which know no visitor, stay. Returns how many went."""
    gone = delete(ScanRecord).where(ScanRecord.at < at - KEPT, ScanRecord.tallied_at.is_not(None))
    return len(session.execute(gone.returning(ScanRecord.id)).all())
