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
from kernel.outbox import Event, publish
from shop.accounts.contact import mask_contact, parse_contact
from shop.accounts.models import Address, Guest, SignInSession

_LANDLINE = re.compile(r"0[0-9]{2,3}-?[0-9]{7,8}")


@dataclass(frozen=True)
class GuestClaimed(Event):
    """What guest ``guest_id`` bought, asked and wrote is ``person_id``'s from now on."""

    guest_id: UUID
    person_id: UUID
    at: datetime


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


def claim_guests(session: Session, person_id: UUID, phone: str, *, at: datetime) -> None:
    """Everything bought under this phone without an account becomes the person's, who has just confirmed it.

    Addresses at once, the rest by reactions to ``GuestClaimed``; the guest's browsers are signed out and an empty row stays.
    """
    guests = session.scalars(select(Guest).where(Guest.phone == phone).order_by(Guest.person_id).with_for_update()).all()
    for guest in guests:
        session.execute(update(Address).where(Address.person_id == guest.person_id).values(person_id=person_id))
        session.execute(delete(SignInSession).where(SignInSession.person_id == guest.person_id))
        shell = session.get_one(Person, guest.person_id)
        shell.name, shell.erased_at = "", at
        publish(session, GuestClaimed(guest.person_id, person_id, at), at=at)
        session.delete(guest)
    session.flush()
