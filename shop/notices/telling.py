"""Tell a person, or whoever is at an address, what another room has to say to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from shop.accounts.confirming import CodeAsked
from shop.accounts.models import SignInCode
from shop.notices.notifying import NoticeDraft, send_notice, send_notices
from shop.notices.wording import SIGN_IN_CODE


class ForAPerson(Protocol):
    """News for one person, of whatever room: notices knows only this shape, and ``wiring`` brings the two together."""

    @property
    def person_id(self) -> UUID: ...
    @property
    def kind(self) -> str: ...
    @property
    def key(self) -> str: ...
    @property
    def params(self) -> Mapping[str, str]: ...
    @property
    def order_code(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...


def tell_person(session: Session, event: ForAPerson) -> None:
    """Reaction: queue the message, once for each key."""
    send_notice(
        session,
        person_id=event.person_id,
        kind=event.kind,
        key=f"{event.kind}:{event.key}",
        params=event.params,
        order_code=event.order_code,
        at=event.at,
    )


def tell_code(session: Session, event: CodeAsked) -> None:
    """Reaction: queue the one-time code. The row names it; its digits are worked out when it is sent."""
    code = session.get(SignInCode, event.code_id)
    if code is None:
        return
    draft = NoticeDraft(None, SIGN_IN_CODE, f"{SIGN_IN_CODE}:{code.id}", {"code_id": str(code.id)}, None, code.contact)
    send_notices(session, [draft], at=event.at)
