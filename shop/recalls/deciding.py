"""Confirm a recall that was looked at, or lift it: marks, word to the buyers and a case, in one transaction.

Boxes are held by the mark itself: allocation, dispatch and the story page read it by calling down, so nothing slips through in between.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from itertools import islice
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Membership, Role
from kernel.errors import Conflict, Invalid
from logistics.stock.guarding import lock_stock
from logistics.stock.models import StockLot
from shop.cases.handling import open_case
from shop.cases.states import CaseKind
from shop.notices.notifying import NoticeDraft, send_notices
from shop.recalls.models import Recall
from shop.recalls.queries import (
    BoxReach,
    Reach,
    ReachedOrder,
    each_reached_order,
    get_recall,
    must_decide,
    trace_boxes,
    trace_reach,
)
from traceability.lots import recalling
from traceability.lots.queries import get_lot


def confirm_recall(
    session: Session,
    actor: Actor,
    lot_code: str,
    *,
    scope: str,
    typed: str,
    reason: str,
    at: datetime,
    only: Collection[str] = (),
    left_out_reason: str = "",
) -> tuple[Recall, Reach]:
    """Recall a lot and all made from it, or ``only`` some of these lots (codes), saying why the others are left out.

    ``scope`` is what the dry run showed (``Reach.scope``), ``typed`` the lot code as the person typed it once more. Raises NotFound,
    Forbidden, Invalid (not typed, no reason), Conflict (the lots are no longer those that were looked at).
    """
    root = get_lot(session, lot_code)
    must_decide(session, actor, root.county_code)
    if typed.strip().upper() != root.code:
        raise Invalid("请照原样输入批次号，确认召回的就是这一批。", field="typed")
    chosen = {code.strip().upper() for code in only if code.strip()}
    mark = recalling.mark_lots(session, actor, root.code, reason, at, only=chosen, left_out_reason=left_out_reason)
    reach = trace_reach(session, root, chosen)
    if not is_as_seen(reach, scope):
        raise Conflict("刚才又有新的批次用到了这一批。请重新查看影响范围，再确认。")
    recall = Recall(
        mark_code=mark.code, lot_code=root.code, county_code=root.county_code, reason=mark.reason, snapshot=reach.snapshot,
        counts=reach.counts, confirmed_by=actor.label, confirmed_at=at,
    )  # fmt: skip
    session.add(recall)
    session.flush()
    tell_buyers(session, mark.code, reach, at)
    open_case(session, actor, CaseKind.RECALL, subjects=[mark.code, root.code], text=mark.reason, at=at)
    return recall, reach


def confirm_boxes(
    session: Session,
    actor: Actor,
    lot_code: str,
    *,
    scope: str,
    typed: str,
    serials: Collection[str],
    reason: str,
    left_out_reason: str,
    at: datetime,
) -> tuple[Recall, BoxReach]:
    """Recall single boxes of a pack lot: a broken seal, one pallet. As many of the lot as have not left are no longer for sale.

    The marks themselves say so: whoever counts or takes free boxes takes them off (``stock.reserving.Shelf``). Raises as
    ``confirm_recall``.
    """
    lot = get_lot(session, lot_code)
    must_decide(session, actor, lot.county_code)
    if typed.strip().upper() != lot.code:
        raise Invalid("请照原样输入批次号，确认召回的就是这一批。", field="typed")
    lock_stock(session, StockLot.lot_id == lot.id)  # shelves before lots (docs/locking.md)
    chosen = sorted({serial.strip() for serial in serials if serial.strip()})
    mark = recalling.mark_boxes(session, actor, lot.code, chosen, reason, at, left_out_reason=left_out_reason)
    reach = trace_boxes(session, lot, chosen)
    if reach.scope != scope:
        raise Conflict("召回的盒子和刚才看的不一样。请重新查看影响范围，再确认。")
    recall = Recall(
        mark_code=mark.code, lot_code=lot.code, county_code=lot.county_code, reason=mark.reason, snapshot=reach.snapshot,
        counts=reach.counts, confirmed_by=actor.label, confirmed_at=at,
    )  # fmt: skip
    session.add(recall)
    session.flush()
    _tell(session, mark.code, iter(reach.orders), at)
    open_case(session, actor, CaseKind.RECALL, subjects=[mark.code, lot.code], text=mark.reason, at=at)
    return recall, reach


def is_as_seen(reach: Reach, scope: str) -> bool:
    """Whether exactly the lots that were looked at are being stopped."""
    return reach.scope == scope


def lift_recall(session: Session, actor: Actor, mark_code: str, *, reason: str, at: datetime) -> Recall:
    """Let the lots, or the boxes, of a recall move again. Raises NotFound, Forbidden, Invalid (no reason), Conflict (lifted before)."""
    recall = get_recall(session, mark_code)
    must_decide(session, actor, recall.county_code)
    recalling.lift(session, actor, mark_code, reason, at)
    recall.lifted_by, recall.lifted_at = actor.label, at
    session.flush()
    return recall


def tell_buyers(session: Session, mark_code: str, reach: Reach, at: datetime) -> int:
    """One message for each order and reader; an organisation's order is told to those who ask for goods there. Returns how many readers.

    A thousand orders at a time, so that a lot that half a county bought does not fill the memory.
    """
    return _tell(session, mark_code, each_reached_order(session, reach.lot_ids), at)


def _tell(session: Session, mark_code: str, orders: Iterator[ReachedOrder], at: datetime) -> int:
    told = 0
    while page := list(islice(orders, 1000)):
        readers = _readers_of(session, {order.organization_id for order in page if order.organization_id})
        rows = [(order, person) for order in page for person in sorted(_people_of(order, readers))]
        send_notices(session, [_notice(mark_code, order, person) for order, person in rows], at=at)
        told += len(rows)
    return told


def _people_of(order: ReachedOrder, readers: Mapping[UUID, set[UUID]]) -> set[UUID]:
    people = readers.get(order.organization_id, set()) if order.organization_id else set()
    return people | ({order.person_id} if order.person_id else set())


def _notice(mark_code: str, order: ReachedOrder, person_id: UUID) -> NoticeDraft:
    return NoticeDraft(
        person_id=person_id,
        kind="recall",
        key=f"recall:{mark_code}:{order.code}:{person_id}",
        params={"product": "、".join(order.products), "lot": "、".join(order.lot_codes), "order": order.code},
        order_code=order.code,
    )


def _readers_of(session: Session, organization_ids: set[UUID]) -> dict[UUID, set[UUID]]:
    query = select(Membership.organization_id, Membership.person_id).where(
        Membership.organization_id.in_(organization_ids), Membership.role.in_((Role.requester, Role.inspector))
    )
    found: dict[UUID, set[UUID]] = {}
    for organization_id, person_id in session.execute(query):
        found.setdefault(organization_id, set()).add(person_id)
    return found
