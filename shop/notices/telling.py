"""Tell a person what another room has to say to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from shop.notices.notifying import send_notice


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
