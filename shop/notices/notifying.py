"""Telling people things: queue a message in the transaction that gives the reason; claim and settle it around the sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from kernel.ids import uuid7
from shop.notices.models import Notice, NoticeState
from shop.notices.wording import KINDS

MAX_TRIES = 8
CLAIM_LASTS = timedelta(minutes=2)


def send_notice(
    session: Session, *, person_id: UUID, kind: str, key: str, params: Mapping[str, str], order_code: str | None, at: datetime
) -> None:
    """Queue one message. ``key`` makes it once-only: the same key again changes nothing."""
    send_notices(session, [NoticeDraft(person_id, kind, key, params, order_code)], at=at)


@dataclass(frozen=True)
class NoticeDraft:
    """A message to be queued, as ``send_notice`` takes it; ``address`` in place of a person where nobody is known yet."""

    person_id: UUID | None
    kind: str
    key: str
    params: Mapping[str, str]
    order_code: str | None
    address: str | None = None


def send_notices(session: Session, drafts: Sequence[NoticeDraft], *, at: datetime) -> None:
    """``send_notice`` for many at once, in one statement."""
    assert all(draft.kind in KINDS for draft in drafts), drafts
    if not drafts:
        return
    rows = [
        {
            "id": uuid7(), "key": draft.key, "person_id": draft.person_id, "address": draft.address, "kind": draft.kind,
            "params": dict(draft.params), "order_code": draft.order_code, "state": NoticeState.QUEUED, "tries": 0, "created_at": at,
            "not_before": at,
        }
        for draft in drafts
    ]  # fmt: skip
    session.execute(insert(Notice).values(rows).on_conflict_do_nothing(index_elements=["key"]))


def list_due(session: Session, *, at: datetime, limit: int = 50) -> list[UUID]:
    """Messages to send now, also those whose sender died while sending."""
    return list(
        session.scalars(
            select(Notice.id)
            .where(Notice.state.in_((NoticeState.QUEUED, NoticeState.SENDING)), Notice.not_before <= at)
            .order_by(Notice.not_before)
            .limit(limit)
        )
    )


def claim_notice(session: Session, notice_id: UUID, *, at: datetime) -> Notice | None:
    """Take a due message by compare-and-set; None when somebody else has it or it was sent."""
    taken = session.execute(
        update(Notice)
        .where(
            Notice.id == notice_id,
            or_(Notice.state == NoticeState.QUEUED, Notice.state == NoticeState.SENDING),
            Notice.not_before <= at,
        )
        .values(state=NoticeState.SENDING, not_before=at + CLAIM_LASTS, tries=Notice.tries + 1)
        .returning(Notice.id)
    ).scalar()
    return session.get(Notice, taken) if taken else None


def note_sent(session: Session, notice_id: UUID, *, at: datetime) -> None:
    """Record that the message left."""
    notice = session.get(Notice, notice_id)
    assert notice is not None
    notice.state, notice.sent_at, notice.last_error = NoticeState.SENT, at, None


def note_failed(session: Session, notice_id: UUID, error: str, *, at: datetime, final: bool = False) -> None:
    """Record a failed try; tried again with growing pauses, given up visibly after ``MAX_TRIES`` or at once when ``final``."""
    notice = session.get(Notice, notice_id)
    assert notice is not None
    notice.last_error = error[:500]
    notice.state = NoticeState.FAILED if final or notice.tries >= MAX_TRIES else NoticeState.QUEUED
    notice.not_before = at + timedelta(seconds=min(5 * 2**notice.tries, 3600))


def mark_read(session: Session, person_id: UUID, *, at: datetime) -> None:
    """The person has seen their messages."""
    session.execute(update(Notice).where(Notice.person_id == person_id, Notice.read_at.is_(None)).values(read_at=at))


def forget_unknown(session: Session, *, before: datetime) -> None:
    """Delete what was sent to nobody known: it has done its work, and the address is all that is left of it."""
    session.execute(delete(Notice).where(Notice.address.is_not(None), Notice.created_at < before))
