"""Boxes come back from a buyer. They are noted and never sold again: nobody knows how food was kept while it was away."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.errors import Invalid
from kernel.quantity import Quantity
from traceability.events.vocabulary import Action
from traceability.lots import describing
from traceability.lots.balancing import lock_items, lock_lots, move_item
from traceability.lots.models import Lot
from traceability.lots.states import ItemState


def take_back_items(
    session: Session,
    actor: Actor,
    *,
    lot_id: UUID,
    serials: Sequence[str],
    reason: str,
    at: datetime,
    place_id: UUID | None = None,
) -> Lot:
    """Note that these boxes came back, to ``place_id``. The lot's count stays as it is, since they left; their labels are void from now on.

    Those of the owner and the operator may; for a hub the floor above asks (``logistics.stock``). Raises Forbidden, NotFound, Invalid (no
    reason, boxes not of this lot), Conflict (box never left, or came back before).
    """
    lot = lock_lots(session, [lot_id])[lot_id]
    actor.must_any({Role.clerk: lot.organization_id, Role.packer: lot.organization_id, Role.operator: None})
    if not reason.strip():
        raise Invalid("请写明退回的原因，例如“拒收”“包装破损”。", field="reason")
    items = lock_items(session, lot, serials)
    for item in items:
        move_item(item, (ItemState.SOLD, ItemState.RECEIVED), ItemState.VOID)
        item.voided_at = at
    describing.say_of_lot(
        session,
        actor,
        lot,
        at=at,
        action=Action.OBSERVE,
        biz_step="receiving",
        disposition="returned",
        quantity=Quantity(Decimal(len(items)), lot.unit),
        items=items,
        facts={"reason": reason.strip()[:200]},
        place_id=place_id,
    )
    session.flush()
    return lot
