"""Page tokens given back before their time."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from traceability.epcis.models import EndedToken
from traceability.epcis.tokens import LIFE, digest_token


def end_token(session: Session, token: str, at: datetime) -> None:
    """From now on nobody goes on from this token; again changes nothing."""
    session.execute(insert(EndedToken).values(digest=digest_token(token), ended_at=at).on_conflict_do_nothing())


def has_ended(session: Session, token: str) -> bool:
    """Whether a token was given back."""
    return session.get(EndedToken, digest_token(token)) is not None


def forget_ended(session: Session, at: datetime) -> None:
    """Let go of tokens whose time is up anyway."""
    session.execute(delete(EndedToken).where(EndedToken.ended_at < at - timedelta(seconds=2 * LIFE)))
