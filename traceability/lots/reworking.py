"""Open boxes again: a wrong label or a torn carton does not make good food bad. What was in them becomes a lot that can be packed anew."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel import clock
from kernel.errors import Conflict, Invalid
from kernel.quantity import Quantity
from traceability.lots.balancing import lock_items, lock_lots, move_item, must_be_free
from traceability.lots.models import Lot
from traceability.lots.queries import is_blocked
from traceability.lots.states import ItemState, LotKind, Step
from traceability.lots.transforming import OutputDraft, finish
from traceability.lots.units import in_standard_unit


def open_boxes(
    session: Session,
    actor: Actor,
    *,
    lot_id: UUID,
    serials: Sequence[str],
    reason: str,
    at: datetime,
    place_id: UUID | None = None,
) -> Lot:
    """Open these boxes of a pack lot (返工), at ``place_id``: their labels are void, their content is a lot again, of the same households.

    Called by the floor above, on whose shelf they lie (``logistics.stock``), or by the owner before they go there. Raises Forbidden,
    NotFound, Invalid (no reason, no pack lot, boxes not of it), Conflict (recalled or past its date, box gone already).
    """
    lot = lock_lots(session, [lot_id])[lot_id]
    actor.must_any({Role.clerk: lot.organization_id, Role.packer: lot.organization_id, Role.operator: None})
    if not reason.strip():
        raise Invalid("请写明返工的原因，例如“标签印错”。", field="reason")
    if lot.kind is not LotKind.PACK or lot.box_amount is None or lot.box_unit is None:
        raise Invalid("只有装好盒的批次才能拆盒返工。", field="serials")
    if blocked := is_blocked(session, lot.id, clock.today_shanghai(at)):
        raise Conflict("批次 %(code)s 不能返工：%(reason)s", params={"code": lot.code, "reason": blocked})
    items = lock_items(session, lot, serials)
    must_be_free(items)
    for item in items:
        move_item(item, (ItemState.MADE, ItemState.PRINTED, ItemState.ACTIVATED), ItemState.VOID)
        item.voided_at = at
    opened = Quantity(Decimal(len(serials)), lot.unit)
    content = in_standard_unit(Quantity(lot.box_amount * len(serials), lot.box_unit))
    each = content.amount / len(serials)
    draft = OutputDraft(lot.material, content, each, each, product_sku=lot.product_sku, expires_on=lot.expires_on)
    return finish(session, actor, Step.REWORKING, [(lot, opened)], [(draft, LotKind.PROCESSED, content)], place_id, at)[0]
