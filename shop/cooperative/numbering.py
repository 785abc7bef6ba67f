"""Numbers of slips and lots, handed out in blocks before they are needed and used up one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Invalid
from kernel.ids import new_code
from shop.cooperative.models import Device, SlipNumber

GIVEN_UP = "given up"  # no key of an entry: those are 32 hex digits
BLOCK = 200  # two busy days of one clerk


@dataclass(frozen=True)
class Ticket:
    """What every entry of a phone carries: the cooperative it is for, the number it took, the key it is sent with, however often."""

    organization_id: UUID
    slip_code: str
    key: str


def hand_out_numbers(session: Session, device_id: UUID, *, spent: Sequence[str] = (), at: datetime) -> Sequence[SlipNumber]:
    """All numbers the phone may still use, filled up to a block; ``spent`` are those of entries it gave up. Twice hands out no more."""
    device = session.get_one(Device, device_id, with_for_update=True)  # two tabs may ask at once
    _spend(session, device, spent, at)
    unused = select(SlipNumber).where(SlipNumber.device_id == device_id, SlipNumber.used_at.is_(None))
    numbers = list(session.scalars(unused.order_by(SlipNumber.slip_code)))
    fresh = [
        SlipNumber(slip_code=new_code("DLV"), lot_code=new_code("LOT"), device_id=device_id, handed_at=at)
        for _ in range(BLOCK - len(numbers))
    ]
    session.add_all(fresh)
    device.seen_at = at
    session.flush()
    return [*numbers, *fresh]


def _spend(session: Session, device: Device, slip_codes: Sequence[str], at: datetime) -> None:
    """Perhaps of another phone of this clerk: a saved queue may have been read here."""
    unused = update(SlipNumber).where(SlipNumber.device_id.in_(_own_phones(device)), SlipNumber.used_at.is_(None))
    session.execute(unused.where(SlipNumber.slip_code.in_(slip_codes)).values(used_at=at, entry_key=GIVEN_UP))


def _own_phones(device: Device) -> Select[UUID]:
    return select(Device.id).where(Device.organization_id == device.organization_id, Device.person_id == device.person_id)


def list_taken(session: Session, device: Device, slip_codes: Sequence[str]) -> list[tuple[str, datetime]]:
    """Which of these numbers of this clerk an entry used in truth, and when: the phone that gave it up did not hear of it."""
    used = select(SlipNumber.slip_code, SlipNumber.used_at).where(SlipNumber.device_id.in_(_own_phones(device)))
    rows = session.execute(used.where(SlipNumber.slip_code.in_(slip_codes), SlipNumber.entry_key != GIVEN_UP))
    return [(code, used_at) for code, used_at in rows if used_at]


def use_number(session: Session, actor: Actor, ticket: Ticket, *, at: datetime) -> tuple[SlipNumber, bool]:
    """Use a number up for the entry with this key, for good, and say whether that entry had used it before.

    Raises Invalid (not handed out to this clerk here, used by another entry).

    A number of another phone of the same clerk will do: a saved queue may be sent from the next phone.
    """
    number = session.scalar(
        select(SlipNumber)
        .join(Device, Device.id == SlipNumber.device_id)
        .where(
            SlipNumber.slip_code == ticket.slip_code,
            Device.organization_id == ticket.organization_id,
            Device.person_id == actor.person_id,
        )
        .with_for_update(of=SlipNumber)
    )
    if number is None:
        raise Invalid(
            "交货凭证号“%(code)s”不是发给您的。请联网更新号段后重新记这一笔。", params={"code": ticket.slip_code[:20]}, field="slip"
        )
    if number.used_at is None:
        number.used_at, number.entry_key = at, ticket.key
        session.flush()
        return number, False
    if number.entry_key != ticket.key:
        raise Invalid("交货凭证号“%(code)s”已经用在另一笔上。", params={"code": number.slip_code}, field="slip")
    return number, True


def is_waited_for(session: Session, organization_id: UUID, lot_code: str) -> bool:
    """Whether this lot number was handed to a phone of the cooperative and has come back with no entry yet."""
    number = select(SlipNumber.slip_code).join(Device, Device.id == SlipNumber.device_id).where(SlipNumber.lot_code == lot_code)
    waits = number.where(Device.organization_id == organization_id, SlipNumber.used_at.is_(None))
    return session.scalar(waits) is not None
