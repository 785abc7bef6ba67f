"""Each unsafe request happens once: its key is claimed as a unique row in the same transaction as its effects.

Same key and same request: the first answer again. Same key, other request: 422. First one still running: 409. (IETF draft
"The Idempotency-Key HTTP Header Field", section 2.)
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from kernel.db import Base
from kernel.errors import Conflict, Invalid


class ClaimedKey(Base):
    """One finished request and its answer."""

    __tablename__ = "kernel_claimed_key"

    scope: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    status: Mapped[int]
    headers: Mapped[dict[str, Any]]
    body: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


def fingerprint(*parts: bytes) -> str:
    """SHA-256 over length-prefixed ``parts`` (method, path, body), hex."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


def claim(session: Session, scope: str, key: str, print_: str) -> ClaimedKey | None:
    """Claim ``key`` within ``scope`` (who is asking) or return the earlier answer.

    Raises Conflict while the same key is being worked on, Invalid when it was used for another request. The advisory lock lasts until
    the end of the transaction, so the row that ``remember`` adds cannot be raced.
    """
    locked = session.scalar(select(func.pg_try_advisory_xact_lock(func.hashtextextended(f"{scope}\n{key}", 0))))
    if not locked:
        raise Conflict("上一次提交还在处理，请稍候再试。")
    earlier = session.get(ClaimedKey, (scope, key))
    if earlier is not None and earlier.fingerprint != print_:
        raise Invalid("这个表单已用别的内容提交过，请刷新页面后重新填写。", field="idempotency_key")
    return earlier


def remember(session: Session, claimed: ClaimedKey) -> None:
    """Store the answer beside the effects."""
    session.add(claimed)
    session.flush()


def forget_answers(session: Session, *, before: datetime) -> None:
    """Delete answers nobody asks for again: forms are sent twice within minutes, and an answer may hold what somebody typed."""
    session.execute(delete(ClaimedKey).where(ClaimedKey.created_at < before))
