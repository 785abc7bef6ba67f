"""The life of a box before it leaves: its label is printed, stuck on and activated, or thrown away; at the end it is received."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel import clock
from kernel.errors import Conflict
from kernel.quantity import Quantity
from traceability.events.vocabulary import Action
from traceability.lots import describing
from traceability.lots.balancing import lock_items, lock_lots, move_item, must_be_free
from traceability.lots.models import Lot, TradeItem
from traceability.lots.queries import is_blocked
from traceability.lots.states import ItemState


def mark_printed(session: Session, actor: Actor, *, lot_id: UUID, serials: Sequence[str], at: datetime) -> Sequence[TradeItem]:
    """Record that labels were printed; printing again changes nothing but the time. Raises Forbidden, Invalid, Conflict."""
    lot = _lot(session, actor, lot_id)
    items = lock_items(session, lot, serials)
    for item in items:
        if item.state is not ItemState.ACTIVATED:
            move_item(item, (ItemState.MADE, ItemState.PRINTED), ItemState.PRINTED)
        item.printed_at = at
    session.flush()
    return items


def activate_items(session: Session, actor: Actor, *, lot_id: UUID, serials: Sequence[str], at: datetime) -> Sequence[TradeItem]:
    """The labels are on the boxes: from now on these serials exist (ObjectEvent ADD, commissioning).

    Raises Forbidden, Invalid (not of this lot), Conflict (recalled or expired, label not printed, activated before).
    """
    lot = _lot(session, actor, lot_id)
    items = wake_items(session, lot, serials, at)
    describing.say_of_lot(
        session,
        actor,
        lot,
        at=at,
        action=Action.ADD,
        biz_step="commissioning",
        disposition="active",
        quantity=Quantity(Decimal(len(items)), lot.unit),
        items=items,
        ilmd=describing.lot_data(lot),
    )
    return items


def wake_items(session: Session, lot: Lot, serials: Sequence[str], at: datetime) -> Sequence[TradeItem]:
    """The same where the event has been said by who did it; ``lot`` is locked. Raises Invalid, Conflict."""
    if blocked := is_blocked(session, lot.id, clock.today_shanghai(at)):
        raise Conflict("批次 %(code)s 不能启用标签：%(reason)s", params={"code": lot.code, "reason": blocked})
    items = lock_items(session, lot, serials)
    must_be_free(items)
    for item in items:
        move_item(item, (ItemState.PRINTED,), ItemState.ACTIVATED)
        item.activated_at = at
    session.flush()
    return items


def receive_items(session: Session, *, lot_id: UUID, serials: Sequence[str], at: datetime) -> Sequence[TradeItem]:
    """The buyer has these boxes. Called by the floor above when a parcel is signed for. Raises Invalid, Conflict."""
    lot = lock_lots(session, [lot_id])[lot_id]
    items = lock_items(session, lot, serials)
    for item in items:
        move_item(item, (ItemState.SOLD,), ItemState.RECEIVED)
        item.received_at = at
    session.flush()
    return items


def _lot(session: Session, actor: Actor, lot_id: UUID) -> Lot:
    lot = lock_lots(session, [lot_id])[lot_id]
    actor.must_any({Role.clerk: lot.organization_id, Role.packer: lot.organization_id, Role.operator: None})
    return lot
