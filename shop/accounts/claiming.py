"""Buying without an account, and taking what was bought so into one: by confirming the phone it was bought under."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel.errors import Invalid
from kernel.idempotency import ClaimedKey
from kernel.outbox import Event, publish
from shop.accounts.contact import mask_contact, parse_contact
from shop.accounts.models import Address, Agreement, Guest, SignInSession

_LANDLINE = re.compile(r"0[0-9]{2,3}-?[0-9]{7,8}")


@dataclass(frozen=True)
class GuestClaimed(Event):
    """What guest ``guest_id`` bought is ``person_id``'s from now on; ``same_browser``: the guest and who confirmed the phone are one."""

    guest_id: UUID
    person_id: UUID
    at: datetime
    same_browser: bool = False


def open_guest(session: Session, phone: str, *, at: datetime) -> Person:
    """A person without an account, for orders asked after by ``phone`` (mobile or landline). Raises Invalid."""
    number = parse_contact(phone) if "@" not in phone else None
    if number is None and _LANDLINE.fullmatch(phone.strip()):
        number = phone.strip()
    if number is None:
        raise Invalid("请填写 11 位手机号，或带区号的座机。", field="contact_phone")
    person = Person(name=mask_contact(number), phone=None, email=None, is_demo=False, created_at=at)
    session.add(person)
    session.flush()
    session.add(Guest(person_id=person.id, phone=number, created_at=at))
    session.flush()
    return person


def claim_guests(session: Session, person_id: UUID, phone: str, browser: UUID | None = None, *, at: datetime) -> None:
    """What was bought under this phone without an account becomes the person's, who has just confirmed it.

    A guest never confirmed the phone, so whoever typed it may be a stranger: addresses come along only of ``browser``, the guest that
    the confirming browser was until now, and none of them as the usual one. The rest follows by reactions to ``GuestClaimed``; the
    guest's browsers are signed out and an empty row stays.
    """
    guests = session.scalars(select(Guest).where(Guest.phone == phone).order_by(Guest.person_id).with_for_update()).all()
    for guest in guests:
        same = is_same_browser(guest.person_id, browser)
        if same:
            own = update(Address).where(Address.person_id == guest.person_id)
            session.execute(own.values(person_id=person_id, is_default=False))
        for table in (SignInSession, Agreement, Address):
            session.execute(delete(table).where(table.person_id == guest.person_id))
        session.execute(delete(ClaimedKey).where(ClaimedKey.scope.startswith(f"person:{guest.person_id}|", autoescape=True)))
        shell = session.get_one(Person, guest.person_id)
        shell.name, shell.erased_at = "", at
        publish(session, GuestClaimed(guest.person_id, person_id, at, same), at=at)
        session.delete(guest)
    session.flush()


def is_same_browser(guest_id: UUID, browser: UUID | None) -> bool:
    """Whether the confirming browser was this guest."""
    return guest_id == browser
