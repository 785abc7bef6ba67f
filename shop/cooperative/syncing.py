"""What a phone kept while it had no network is taken in: each entry once, however often it is sent, in the order it was typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, Invalid
from kernel.quantity import Quantity
from shop.cooperative.models import SlipNumber
from shop.cooperative.numbering import Ticket, is_waited_for, use_number
from traceability.lots.balancing import record_loss
from traceability.lots.harvesting import DeliveryDraft, record_delivery
from traceability.lots.mixing import mix_lots
from traceability.lots.models import HouseholdDelivery, Lot
from traceability.lots.photographing import Photo


@dataclass(frozen=True)
class Mixing:
    """Lots of these numbers, each with all that is left of it, became one; ``averaged`` and ``certified`` as in ``mix_lots``."""

    lot_codes: Sequence[str]
    averaged: bool
    certified: bool
    happened_at: datetime | None


@dataclass(frozen=True)
class Loss:
    """So much of a lot is spoilt, or was taken as a sample."""

    lot_code: str
    quantity: Quantity
    reason: str
    sample: bool
    happened_at: datetime | None


def sync_delivery(
    session: Session, actor: Actor, ticket: Ticket, draft: DeliveryDraft, *, paid: bool, at: datetime
) -> HouseholdDelivery:
    """Take a delivery in under its own number; the delivery that stands if it was taken in before.

    ``@once`` repeats an answer as long as answers are kept; after that the number remembers the entry's key. Raises what
    ``use_number`` and ``record_delivery`` raise.
    """
    number, known = use_number(session, actor, ticket, at=at)
    if known:
        return session.scalars(select(HouseholdDelivery).where(HouseholdDelivery.slip_code == number.slip_code)).one()
    paid_at = draft.happened_at if paid else None
    draft = replace(draft, slip_code=number.slip_code, lot_code=number.lot_code, paid_at=paid_at)
    return record_delivery(session, actor, draft, at)


def sync_mixing(
    session: Session, actor: Actor, ticket: Ticket, mixing: Mixing, *, at: datetime, photo: Photo | None = None
) -> SlipNumber:
    """Mix lots into one of the entry's own lot number. Raises what ``use_number`` and ``mix_lots`` raise, Conflict for a lot that waits."""
    number, known = use_number(session, actor, ticket, at=at)
    if known:
        return number
    lots = _find_lots(session, ticket, mixing.lot_codes)
    mix_lots(
        session,
        actor,
        inputs=[(lot.id, lot.left) for lot in lots],
        material=lots[0].material,
        product_sku=lots[0].product_sku,
        averaged=mixing.averaged,
        certified=mixing.certified,
        happened_at=mixing.happened_at,
        lot_code=number.lot_code,
        photo=photo,
        at=at,
    )
    return number


def sync_loss(
    session: Session, actor: Actor, ticket: Ticket, loss: Loss, *, at: datetime, photo: Photo | None = None
) -> SlipNumber:
    """Write a loss or a sample off. Raises what ``use_number`` and ``record_loss`` raise, Conflict for a lot that waits."""
    number, known = use_number(session, actor, ticket, at=at)
    if not known:
        (lot,) = _find_lots(session, ticket, [loss.lot_code])
        record_loss(
            session,
            actor,
            lot_id=lot.id,
            quantity=loss.quantity,
            reason=loss.reason,
            sample=loss.sample,
            happened_at=loss.happened_at,
            photo=photo,
            at=at,
        )
    return number


def _find_lots(session: Session, ticket: Ticket, codes: Sequence[str]) -> list[Lot]:
    """Lots of the cooperative by number. Raises Conflict for one whose own entry was not taken in yet, so that this one stays till then."""
    own = select(Lot).where(Lot.code.in_(codes), Lot.organization_id == ticket.organization_id)
    found = {lot.code: lot for lot in session.scalars(own)}
    for code in codes:
        if code not in found and is_waited_for(session, ticket.organization_id, code):
            raise Conflict(
                "批次 %(code)s 自己的那一笔还没有收下。那一笔收下后，这一笔会自动再试。", params={"code": code}, field="lots"
            )
        if code not in found:
            raise Invalid("没有批次“%(code)s”。", params={"code": code[:20]}, field="lots")
        if not found[code].left.amount:
            raise Invalid("批次 %(code)s 已经用完了，没有剩下的。", params={"code": code}, field="lots")
    return [found[code] for code in codes]
