"""What a phone kept while it had no network becomes deliveries: each entry once, however often it is sent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from shop.cooperative.numbering import use_number
from traceability.lots.harvesting import DeliveryDraft, mark_paid, record_delivery
from traceability.lots.models import HouseholdDelivery


@dataclass(frozen=True)
class Entry:
    """One delivery as it was typed on the phone, with the number of the slip that the household took home."""

    draft: DeliveryDraft
    slip_code: str
    paid: bool
    key: str


def sync_delivery(session: Session, actor: Actor, entry: Entry, *, at: datetime) -> HouseholdDelivery:
    """Take the entry in under its own number; the delivery that stands if it was taken in before.

    ``@once`` repeats an answer as long as answers are kept; after that the number remembers the entry's key. Raises what
    ``use_number`` and ``record_delivery`` raise.
    """
    number = use_number(session, actor, entry.draft.organization_id, entry.slip_code, key=entry.key, at=at)
    standing = session.scalar(select(HouseholdDelivery).where(HouseholdDelivery.slip_code == number.slip_code))
    if standing is not None:
        return standing
    draft = replace(entry.draft, slip_code=number.slip_code, lot_code=number.lot_code)
    delivery = record_delivery(session, actor, draft, at)
    if entry.paid:
        mark_paid(session, actor, delivery_id=delivery.id, at=delivery.delivered_at)
    return delivery
