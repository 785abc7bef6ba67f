"""Numbers of slips and lots, handed out in blocks before they are needed and used up one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Invalid
from kernel.ids import new_code
from shop.cooperative.models import Device, SlipNumber

BLOCK = 200  # two busy days of one clerk


def hand_out_numbers(session: Session, device_id: UUID, *, at: datetime) -> Sequence[SlipNumber]:
    """All numbers the phone may still use, filled up to a block. Asking twice hands out no more."""
    device = session.get_one(Device, device_id, with_for_update=True)  # two tabs may ask at once
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


def use_number(session: Session, actor: Actor, organization_id: UUID, slip_code: str, *, key: str, at: datetime) -> SlipNumber:
    """Use a number up for the entry with this key, for good. Raises Invalid (not handed out to this clerk here, used by another entry).

    A number of another phone of the same clerk will do: a saved queue may be sent from the next phone. For an entry that has used it
    already, it comes back as it is: ``used_at`` is then earlier than ``at``.
    """
    number = session.scalar(
        select(SlipNumber)
        .join(Device, Device.id == SlipNumber.device_id)
        .where(SlipNumber.slip_code == slip_code, Device.organization_id == organization_id, Device.person_id == actor.person_id)
        .with_for_update(of=SlipNumber)
    )
    if number is None:
        raise Invalid(
            "交货凭证号“%(code)s”不是发给您的。请联网更新号段后重新记这一笔。", params={"code": slip_code[:20]}, field="slip"
        )
    if number.used_at is None:
        number.used_at, number.entry_key = at, key
        session.flush()
    elif number.entry_key != key:
        raise Invalid("交货凭证号“%(code)s”已经用在另一笔上。", params={"code": slip_code}, field="slip")
    return number
