"""An erased person can no longer sign in, and nothing says where they lived."""

from __future__ import annotations

from sqlalchemy import delete
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from kernel.idempotency import ClaimedKey
from shop.accounts.models import Address, Agreement, Guest, Login, Passkey, SignInSession


def forget_account(session: Session, event: SubjectErased) -> None:
    """The reaction: logins, signed-in browsers, addresses, and the answers kept for forms sent twice."""
    if event.kind is not SubjectKind.PERSON:
        return
    for table in (SignInSession, Login, Passkey, Agreement, Address, Guest):
        session.execute(delete(table).where(table.person_id == event.subject_id))
    session.execute(delete(ClaimedKey).where(ClaimedKey.scope.startswith(f"person:{event.subject_id}|", autoescape=True)))
