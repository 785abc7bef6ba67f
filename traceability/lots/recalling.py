"""Which lots must stop, and when they may move again.

One transaction marks a lot and everything made from it. Rows are locked while marking, and whoever works on a lot locks it too, so a lot
that is just being made from a marked one is either found here or refused there.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.errors import Conflict, Invalid
from kernel.ids import new_code
from kernel.outbox import Event, publish
from kernel.quantity import Quantity
from traceability.events.vocabulary import Action
from traceability.lots import describing
from traceability.lots.balancing import lock_items, lock_lots
from traceability.lots.models import Lot, RecallItem, RecallLot, RecallMark, TradeItem
from traceability.lots.queries import get_lot, get_mark, list_downstream_lots
from traceability.lots.states import LotKind, RecallState


@dataclass(frozen=True)
class LotsMarked(Event):
    """Lots were held or recalled."""

    mark_code: str
    lot_codes: list[str]
    state: RecallState
    reason: str


@dataclass(frozen=True)
class LotsLifted(Event):
    """A mark was lifted; the lots named may move again."""

    mark_code: str
    lot_codes: list[str]


def list_affected(session: Session, lot: Lot) -> Sequence[Lot]:
    """The lot and every lot made from it: what a mark would stop (the dry run)."""
    return [lot, *list_downstream_lots(session, lot.id)]


def mark_lots(
    session: Session,
    actor: Actor,
    lot_code: str,
    reason: str,
    at: datetime,
    state: RecallState = RecallState.RECALLED,
    *,
    only: Collection[str] = (),
    left_out_reason: str = "",
) -> RecallMark:
    """Stop a lot and everything made from it: ``held`` while it is looked into, ``recalled`` when it must come back.

    ``only`` narrows it to lots with these codes among them; then ``left_out_reason`` says why the others need not stop. The operator, a
    county officer, and a clerk of the owner may. Raises Forbidden, NotFound, Invalid (no reason, or none of the lots chosen).
    """
    root = get_lot(session, lot_code)
    actor.must_any({Role.operator: None, Role.county_officer: None, Role.clerk: root.organization_id})
    if not reason.strip():
        raise Invalid("请写明召回或停售的原因。", field="reason")
    if state is RecallState.NONE:
        raise Invalid("请选择“暂停”或“召回”。", field="state")
    tree = _lock_affected(session, root)
    lots = [lot for lot in tree if not only or lot.code in only]
    left_out = sorted({lot.code for lot in tree} - {lot.code for lot in lots})
    if not lots:
        raise Invalid("请至少选一个要召回的批次。", field="lots")
    if left_out and not left_out_reason.strip():
        raise Invalid("请写明其余批次为什么不用召回。", field="left_out_reason")
    mark = RecallMark(
        code=new_code("RCL"),
        lot_id=root.id,
        state=state,
        reason=reason.strip()[:500],
        left_out=left_out,
        left_out_reason=left_out_reason.strip()[:500] if left_out else None,
        marked_by=actor.label,
        marked_at=at,
    )
    session.add(mark)
    session.flush()
    session.add_all(RecallLot(mark_id=mark.id, lot_id=lot.id) for lot in lots)
    for lot in lots:
        lot.recall_state = _stronger(lot.recall_state, state)
    session.flush()
    disposition = "recalled" if state is RecallState.RECALLED else "non_sellable_other"
    for lot in _spoken_of(lots, root):
        _say(session, actor, lot, "holding", disposition, mark, at)
    publish(session, LotsMarked(mark.code, [lot.code for lot in lots], state, mark.reason), at=at)
    return mark


def mark_boxes(
    session: Session,
    actor: Actor,
    lot_code: str,
    serials: Collection[str],
    reason: str,
    at: datetime,
    *,
    left_out_reason: str,
    state: RecallState = RecallState.RECALLED,
) -> RecallMark:
    """Stop these boxes of a pack lot and no others; ``left_out_reason`` says why the rest of the lot need not stop.

    The operator, a county officer, and a clerk of the owner may. Raises Forbidden, NotFound, Invalid (no reason, no pack lot, boxes not of
    it).
    """
    lot = get_lot(session, lot_code)
    actor.must_any({Role.operator: None, Role.county_officer: None, Role.clerk: lot.organization_id})
    if lot.kind is not LotKind.PACK:
        raise Invalid("只有装好盒的批次才能按盒召回。", field="serials")
    if not reason.strip():
        raise Invalid("请写明召回或停售的原因。", field="reason")
    if state is RecallState.NONE:
        raise Invalid("请选择“暂停”或“召回”。", field="state")
    if not left_out_reason.strip():
        raise Invalid("请写明这一批其余的盒子为什么不用召回。", field="left_out_reason")
    lot = lock_lots(session, [lot.id])[lot.id]
    items = lock_items(session, lot, list(serials))
    mark = RecallMark(
        code=new_code("RCL"),
        lot_id=lot.id,
        state=state,
        reason=reason.strip()[:500],
        left_out=[lot.code],
        left_out_reason=left_out_reason.strip()[:500],
        marked_by=actor.label,
        marked_at=at,
    )
    session.add(mark)
    session.flush()
    session.add_all(RecallItem(mark_id=mark.id, item_id=item.id) for item in items)
    for item in items:
        item.stopped = _stronger(item.stopped or RecallState.NONE, state)
    session.flush()
    _say(session, actor, lot, "holding", "recalled" if state is RecallState.RECALLED else "non_sellable_other", mark, at, items)
    return mark


def lift(session: Session, actor: Actor, mark_code: str, reason: str, at: datetime) -> RecallMark:
    """Let the lots, or the boxes, of a mark move again, as far as no other mark stops them.

    The operator or a county officer may. Raises Forbidden, NotFound, Invalid (no reason), Conflict (lifted before).
    """
    actor.must_any({Role.operator: None, Role.county_officer: None})
    mark = get_mark(session, mark_code)
    if not reason.strip():
        raise Invalid("请写明解除的原因。", field="reason")
    boxes = session.scalars(select(TradeItem.serial).join(RecallItem).where(RecallItem.mark_id == mark.id)).all()
    stopped = select(RecallLot.lot_id).where(RecallLot.mark_id == mark.id)
    lots = lock_lots(session, [mark.lot_id] if boxes else session.scalars(stopped))
    session.refresh(mark)  # the locked lots queue up whoever lifts the same mark
    if mark.lifted_at is not None:
        raise Conflict("这张召回单已经解除。")
    mark.lifted_by, mark.lifted_at, mark.lift_reason = actor.label, at, reason.strip()[:500]
    session.flush()
    if boxes:
        _let_go(session, actor, lots[mark.lot_id], boxes, mark, at)
        return mark
    for lot in lots.values():
        lot.recall_state = _standing(session, lot.id)
    session.flush()
    for lot in _spoken_of(list(lots.values()), session.get_one(Lot, mark.lot_id)):
        _say(session, actor, lot, "other", "sellable_not_accessible", mark, at)
    free = sorted(lot.code for lot in lots.values() if lot.recall_state is RecallState.NONE)
    publish(session, LotsLifted(mark.code, free), at=at)
    return mark


def _let_go(session: Session, actor: Actor, lot: Lot, serials: Sequence[str], mark: RecallMark, at: datetime) -> None:
    items = lock_items(session, lot, serials)
    others = select(RecallItem.item_id, RecallMark.state).join(RecallMark, RecallMark.id == RecallItem.mark_id)
    others = others.where(RecallItem.item_id.in_([item.id for item in items]), RecallMark.lifted_at.is_(None))
    standing: dict[UUID, RecallState] = {}
    for item_id, state in session.execute(others):
        standing[item_id] = _stronger(standing.get(item_id, RecallState.NONE), state)
    for item in items:
        item.stopped = standing.get(item.id)
    session.flush()
    _say(session, actor, lot, "other", "sellable_not_accessible", mark, at, items)


def _lock_affected(session: Session, root: Lot) -> list[Lot]:
    """Lock until nothing new is found: once all are locked, nothing more can be made from them."""
    known: dict[UUID, Lot] = {}
    while True:
        fresh = {lot.id for lot in list_affected(session, root)} - set(known)
        if not fresh:
            return sorted(known.values(), key=lambda lot: lot.id)
        known.update(lock_lots(session, fresh))


def _spoken_of(lots: Sequence[Lot], root: Lot) -> Sequence[Lot]:
    """The lots events speak of: the one everything else was made from, or each of those chosen when it is not among them."""
    return [root] if any(lot.id == root.id for lot in lots) else lots


def _stronger(one: RecallState, other: RecallState) -> RecallState:
    order = list(RecallState)
    return max(one, other, key=order.index)


def _standing(session: Session, lot_id: UUID) -> RecallState:
    query = select(RecallMark.state).join(RecallLot, RecallLot.mark_id == RecallMark.id)
    states = session.scalars(query.where(RecallLot.lot_id == lot_id, RecallMark.lifted_at.is_(None))).all()
    return max(states, key=list(RecallState).index, default=RecallState.NONE)


def _say(
    session: Session,
    actor: Actor,
    lot: Lot,
    biz_step: str,
    disposition: str,
    mark: RecallMark,
    at: datetime,
    items: Sequence[TradeItem] = (),
) -> None:
    describing.say_of_lot(
        session,
        actor,
        lot,
        at=at,
        action=Action.OBSERVE,
        biz_step=biz_step,
        disposition=disposition,
        quantity=Quantity(Decimal(len(items)) if items else lot.made, lot.unit),
        items=items,
        facts={"recall": mark.code},
        private={"recall": (None, mark.code)},
    )
