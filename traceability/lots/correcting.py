"""A delivery that was recorded wrong is declared wrong, never edited: the first entry stays, and one says that it does not hold.

What it had used up comes free again: the household's capacity (but not what the county had granted for it: that ends), the ear tags,
and the lot, which is written off whole. Where something was
already made of the lot that is no longer possible, and the sentence says what is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.queries import list_counties_of
from catalog.parties.roles import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid
from traceability.events.models import TraceEvent
from traceability.events.recording import record_declaration
from traceability.lots import bounding
from traceability.lots.balancing import lock_lots, take
from traceability.lots.confirming import LONGEST, lock_delivery, move_slip
from traceability.lots.harvesting import DeliveryDraft, find_turns, record_delivery
from traceability.lots.models import CapacityUse, EarTag, HouseholdDelivery, Lot
from traceability.lots.states import Flow, SlipState


def correct_delivery(
    session: Session, actor: Actor, delivery_id: UUID, *, reason: str, replacement: DeliveryDraft | None, at: datetime
) -> HouseholdDelivery:
    """Declare a delivery wrong and, when it did happen but otherwise, record it as it was; returns the wrong one.

    A clerk of the cooperative may until the household has confirmed, and again once it disputes; an officer of the county always may.
    Raises NotFound, Forbidden, Invalid (no reason; whatever ``record_delivery`` refuses), Conflict (corrected before, or something was
    made of it).
    """
    if not 2 <= len(" ".join(reason.split())) <= LONGEST:
        raise Invalid("请写明哪里记错了，2 到 300 字。", field="reason")
    _lock_households(session, delivery_id, replacement)
    delivery = lock_delivery(session, delivery_id)
    lot = lock_lots(session, [delivery.lot_id])[delivery.lot_id]
    _must_declare(session, actor, delivery, lot)
    _must_be_untouched(lot)
    move_slip(session, delivery, SlipState.CORRECTED, said_by=actor.label, at=at, words=" ".join(reason.split()))
    counted = bounding.delivered_of(session, delivery)
    _free(session, delivery, lot)
    corrective = []
    if replacement is not None:
        then = delivery.delivered_at  # when it was brought is not what was wrong, and decides season, cap and how fresh the lot is
        draft = replace(replacement, happened_at=replacement.happened_at or then)
        new = record_delivery(session, actor, draft, at, since=then, instead_of=delivery)
        delivery.replaced_by_id = new.id
        corrective.append(_event_of(session, session.get_one(Lot, new.lot_id)))
    bounding.lapse_grants(session, delivery, counted - bounding.delivered_of(session, delivery))
    private = {"household": (delivery.household_id, str(delivery.household_token))}
    record_declaration(session, actor, _event_of(session, lot), corrective=corrective, private=private, at=at)
    session.flush()
    return delivery


def _lock_households(session: Session, delivery_id: UUID, replacement: DeliveryDraft | None) -> None:
    """Capacity is counted under the household's lock (docs/locking.md, step 2c), of two households in the order of their keys."""
    mine = select(HouseholdDelivery.household_id).where(HouseholdDelivery.id == delivery_id).scalar_subquery()
    wanted = Household.id.in_([mine, *([replacement.household_id] if replacement else [])])
    session.execute(select(Household.id).where(wanted).order_by(Household.id).with_for_update(key_share=True)).all()


def _must_declare(session: Session, actor: Actor, delivery: HouseholdDelivery, lot: Lot) -> None:
    if lot.county_code in list_counties_of(session, actor):
        return
    actor.must(Role.clerk, lot.organization_id)
    if delivery.slip_state is SlipState.CONFIRMED:
        raise Forbidden("农户已经确认了这张凭证。请让农户在凭证页写明哪里不对，或请县里更正。")


def _must_be_untouched(lot: Lot) -> None:
    if lot.used or lot.dispatched:
        raise Conflict(
            "批次 %(code)s 已经做成了别的批次，这笔不能整笔更正。"
            "多记的，请在现在的批次上登记损耗；少记的，请补收一笔；记错农户的，请问县里。",
            params={"code": lot.code},
        )


def _free(session: Session, delivery: HouseholdDelivery, lot: Lot) -> None:
    """Give back what the wrong entry used: capacity, ear tags, and the lot itself, of which nothing is left from now on."""
    use = update(CapacityUse).filter_by(household_id=delivery.household_id, material=delivery.material, season=delivery.season)
    session.execute(
        use.values(delivered=CapacityUse.delivered - lot.made).execution_options(synchronize_session=False),
    )
    _release_ear_tags(session, lot, delivery.ear_tags)
    left = lot.left.amount
    if left > Decimal(0):
        take(session, lot.id, left, "lost", delivery.delivered_at, flow=Flow.CORRECTED)  # it never was there


def _release_ear_tags(session: Session, lot: Lot, tags: Sequence[str]) -> None:
    turns = find_turns(session, tags) if tags else {}
    if turns:
        session.execute(insert(EarTag), [{"tag": tag, "turn": turns[tag] + 1, "lot_id": lot.id} for tag in sorted(turns)])


def _event_of(session: Session, lot: Lot) -> TraceEvent:
    """The event that made the lot."""
    query = select(TraceEvent).where(TraceEvent.lot_code == lot.code, TraceEvent.biz_step == "commissioning")
    return session.scalars(query.where(TraceEvent.is_declaration.is_(False)).order_by(TraceEvent.id).limit(1)).one()
