"""Confirm a recall that was looked at, or lift it: marks, word to the buyers and a case, in one transaction.

Boxes are held by the mark itself: allocation, dispatch and the story page read it by calling down, so nothing slips through in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Membership, Role
from kernel.errors import Conflict, Invalid
from shop.cases.handling import open_case
from shop.cases.states import CaseKind
from shop.notices.notifying import send_notice
from shop.recalls.models import Recall
from shop.recalls.queries import Reach, ReachedOrder, get_recall, must_decide, trace_reach
from traceability.lots import recalling
from traceability.lots.queries import get_lot


def confirm_recall(
    session: Session, actor: Actor, lot_code: str, *, scope: str, typed: str, reason: str, at: datetime
) -> tuple[Recall, Reach]:
    """Recall a lot and all made from it.

    ``scope`` is what the dry run showed (``Reach.scope``), ``typed`` the lot code as the person typed it once more. Raises NotFound,
    Forbidden, Invalid (not typed, no reason), Conflict (the lots are no longer those that were looked at).
    """
    root = get_lot(session, lot_code)
    must_decide(session, actor, root.county_code)
    if typed.strip().upper() != root.code:
        raise Invalid("请照原样输入批次号，确认召回的就是这一批。", field="typed")
    mark = recalling.mark_lots(session, actor, root.code, reason, at)
    reach = trace_reach(session, root)
    if not is_as_seen(reach, scope):
        raise Conflict("刚才又有新的批次用到了这一批。请重新查看影响范围，再确认。")
    recall = Recall(
        mark_code=mark.code, lot_code=root.code, county_code=root.county_code, reason=mark.reason, snapshot=reach.snapshot,
        counts=reach.counts, confirmed_by=actor.label, confirmed_at=at,
    )  # fmt: skip
    session.add(recall)
    session.flush()
    _tell_buyers(session, mark.code, reach.orders, at)
    open_case(session, actor, CaseKind.RECALL, subjects=[mark.code, root.code], text=mark.reason, at=at)
    return recall, reach


def is_as_seen(reach: Reach, scope: str) -> bool:
    """Whether exactly the lots that were looked at are being stopped."""
    return reach.scope == scope


def lift_recall(session: Session, actor: Actor, mark_code: str, *, reason: str, at: datetime) -> Recall:
    """Let the lots of a recall move again. Raises NotFound, Forbidden, Invalid (no reason), Conflict (lifted before)."""
    recall = get_recall(session, mark_code)
    must_decide(session, actor, recall.county_code)
    recalling.lift(session, actor, mark_code, reason, at)
    recall.lifted_by, recall.lifted_at = actor.label, at
    session.flush()
    return recall


def _tell_buyers(session: Session, mark_code: str, orders: Iterable[ReachedOrder], at: datetime) -> None:
    """One message for each order and reader; an organisation's order is told to those who ask for goods there."""
    orders = list(orders)
    readers = _readers_of(session, {order.organization_id for order in orders if order.organization_id})
    for order in orders:
        people = readers.get(order.organization_id, set()) if order.organization_id else set()
        if order.person_id:
            people = people | {order.person_id}
        for person_id in sorted(people):
            send_notice(
                session,
                person_id=person_id,
                kind="recall",
                key=f"recall:{mark_code}:{order.code}:{person_id}",
                params={"product": "、".join(order.products), "lot": "、".join(order.lot_codes), "order": order.code},
                order_code=order.code,
                at=at,
            )


def _readers_of(session: Session, organization_ids: set[UUID]) -> dict[UUID, set[UUID]]:
    query = select(Membership.organization_id, Membership.person_id).where(
        Membership.organization_id.in_(organization_ids), Membership.role.in_((Role.requester, Role.inspector))
    )
    found: dict[UUID, set[UUID]] = {}
    for organization_id, person_id in session.execute(query):
        found.setdefault(organization_id, set()).add(person_id)
    return found
