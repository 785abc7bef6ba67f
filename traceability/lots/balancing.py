"""The balance of a lot: what was made is used, lost, dispatched or still there, and never more than once. ``accounting`` says where.

Three guards: the rows are locked (sorted, so that two acts never wait for each other, and a recall waits its turn), the UPDATE only
happens where enough is left, and a CHECK refuses a negative balance whatever the code forgot.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from catalog.parties.roles import SYSTEM, Actor, Role
from kernel import clock
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.quantity import Quantity, plain
from traceability.events.vocabulary import Action
from traceability.lots import accounting, describing
from traceability.lots.gating import find_missing_papers
from traceability.lots.models import Lot, TradeItem
from traceability.lots.moments import check_moment
from traceability.lots.photographing import Photo, commit_to, find_owner, keep_photo
from traceability.lots.queries import is_blocked
from traceability.lots.states import ITEM_FLOW, Flow, ItemState, LotKind

Column = Literal["used", "lost", "dispatched"]


def lock_lots(session: Session, lot_ids: Iterable[UUID]) -> dict[UUID, Lot]:
    """The lots, locked until the end of the transaction and read afresh. Raises NotFound when one does not exist."""
    wanted = sorted(set(lot_ids))
    found = {lot.id: lot for lot in _locked(session, wanted)}
    if len(found) != len(wanted):
        raise NotFound("没有这个批次。")
    return found


def _locked(session: Session, lot_ids: Sequence[UUID]) -> Sequence[Lot]:
    """NO KEY UPDATE: who writes a row that refers to a lot holds its key already, and two of them would wait for each other for ever."""
    query = select(Lot).where(Lot.id.in_(lot_ids)).order_by(Lot.id).with_for_update(key_share=True)
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _enough(quantity: Decimal) -> ColumnElement[bool]:
    return Lot.made - Lot.used - Lot.lost - Lot.dispatched >= quantity


def take(
    session: Session,
    lot_id: UUID,
    quantity: Decimal,
    column: Column,
    at: datetime,
    *,
    place_id: UUID | None = None,
    flow: Flow | None = None,
) -> None:
    """Move ``quantity`` (in the lot's unit) of what is left into ``column``; it left ``place_id`` (None: where the lot was made) at ``at``.

    Raises Invalid for nothing or less, Conflict when less than that is left (there), or nothing of it was there yet.
    """
    if not quantity > 0:
        raise Invalid("数量要大于 0。", field="quantity")
    counter = getattr(Lot, column)
    statement = update(Lot).where(Lot.id == lot_id, _enough(quantity)).values({column: counter + quantity})
    taken = session.execute(statement.returning(Lot.id).execution_options(synchronize_session=False)).scalar_one_or_none()
    lot = session.get_one(Lot, lot_id, populate_existing=True)
    if taken is None:
        raise Conflict(
            "批次 %(code)s 只剩 %(left)s %(unit)s，不够 %(wanted)s %(unit)s。",
            params={"code": lot.code, "left": plain(lot.left.amount), "wanted": plain(quantity), "unit": lot.unit.label},
            field="quantity",
        )
    accounting.remove(session, lot, flow or Flow(column), quantity, at, place_id=place_id)


def record_loss(
    session: Session,
    actor: Actor,
    *,
    lot_id: UUID,
    quantity: Quantity,
    reason: str,
    at: datetime,
    serials: Sequence[str] = (),
    sample: bool = False,
    happened_at: datetime | None = None,
    photo: Photo | None = None,
    place_id: UUID | None = None,
) -> Lot:
    """Write off what is spoiled or eaten by the weighing, or taken as a ``sample``. For a pack lot name the boxes, which become void.

    ``happened_at`` is given when it is entered later than it was seen, ``place_id`` when the boxes lay elsewhere than the lot was made.
    Raises Forbidden, NotFound, Invalid (no reason, wrong unit, boxes not named), Conflict (less is left, box already gone).
    """
    recorded_at, at = at, check_moment(happened_at, at)
    lot = lock_lots(session, [lot_id])[lot_id]
    at = accounting.settle_moment(session, [lot], at)
    recorded_at = max(recorded_at, at)
    actor.must_any({Role.clerk: lot.organization_id, Role.packer: lot.organization_id, Role.operator: None})
    if not reason.strip():
        raise Invalid("请写明损耗原因，例如“腐烂”“抽样送检”。", field="reason")
    amount = in_unit_of(lot, quantity).amount
    items: Sequence[TradeItem] = ()
    if lot.kind is LotKind.PACK:
        if len(serials) != amount:
            raise Invalid(
                "请写明是哪几盒：损耗 %(count)s 盒，要有同样多的序列号。", params={"count": plain(amount)}, field="serials"
            )
        items = lock_items(session, lot, serials)
        for item in items:
            move_item(item, (ItemState.MADE, ItemState.PRINTED, ItemState.ACTIVATED), ItemState.VOID)
            item.voided_at = at
    take(session, lot_id, amount, "lost", at, place_id=place_id)
    owner = find_owner(session, [lot_id]) if photo else None
    event = describing.say_of_lot(
        session,
        actor,
        lot,
        at=at,
        action=Action.DELETE,
        biz_step="sampling" if sample else "destroying",
        disposition="non_sellable_other" if sample else "destroyed",
        quantity=Quantity(amount, lot.unit),
        items=items,
        facts={"reason": reason.strip()[:200]},
        private=commit_to(photo, owner),
        recorded_at=recorded_at,
        place_id=place_id,
    )
    keep_photo(session, actor, photo, event_id=event.id, household_id=owner, at=recorded_at)
    return lot


def dispatch_items(
    session: Session, lot_id: UUID, serials: Sequence[str], at: datetime, actor: Actor = SYSTEM, *, place_id: UUID | None = None
) -> Lot:
    """These boxes of a pack lot leave ``place_id``: the lot counts them out, each box becomes sold, and a shipping event says so.

    Raises Invalid (a box that is not of this lot, or named twice), Conflict (recalled, expired, papers missing, box not activated, or
    already gone). The caller, ``logistics.stock``, holds the boxes' own rows.
    """
    lot = lock_lots(session, [lot_id])[lot_id]
    on = clock.today_shanghai(at)
    if blocked := is_blocked(session, lot_id, on):
        raise Conflict("批次 %(code)s 不能发货：%(reason)s", params={"code": lot.code, "reason": blocked})
    if missing := find_missing_papers(session, lot, on):
        errors = [FieldError("papers", paper.reason, paper.params) for paper in missing]
        reasons = "".join(paper.reason_text for paper in missing)
        raise Conflict("批次 %(code)s 不能发货：%(reason)s", params={"code": lot.code, "reason": reasons}, errors=errors)
    items = lock_items(session, lot, serials)
    must_be_free(items)
    for item in items:
        move_item(item, (ItemState.ACTIVATED,), ItemState.SOLD)
        item.sold_at = at
    count = Quantity(Decimal(len(serials)), lot.unit)
    take(session, lot_id, count.amount, "dispatched", at, place_id=place_id)
    describing.say_of_lot(
        session,
        actor,
        lot,
        at=at,
        action=Action.OBSERVE,
        biz_step="shipping",
        disposition="in_transit",
        quantity=count,
        items=items,
        place_id=place_id,
    )
    return lot


def lock_items(session: Session, lot: Lot, serials: Sequence[str]) -> Sequence[TradeItem]:
    """The boxes with these serials, locked. Raises Invalid for none, for one named twice and for one that is not of this lot."""
    if not serials or len(set(serials)) != len(serials):
        raise Invalid("请扫描每一盒的标签，同一盒只扫一次。", field="serials")
    query = select(TradeItem).where(TradeItem.serial.in_(serials), TradeItem.lot_id == lot.id).order_by(TradeItem.id)
    found = session.scalars(query.with_for_update().execution_options(populate_existing=True)).all()
    strange = set(serials) - {item.serial for item in found}
    if strange:
        raise Invalid(
            "盒子 %(serial)s 不属于批次 %(code)s，请核对标签。",
            params={"serial": min(strange), "code": lot.code},
            field="serials",
        )
    return found


def must_be_free(items: Sequence[TradeItem]) -> None:
    """Raises Conflict when a recall stops one of these very boxes."""
    for item in items:
        if item.stopped is not None:
            raise Conflict(
                "编号 %(serial)s 的盒子已被召回或正在核查，请放到一边。", params={"serial": item.serial}, field="serials"
            )


def move_item(item: TradeItem, before: Sequence[ItemState], after: ItemState) -> None:
    """Change the state of a box. Raises Conflict unless it is in one of ``before``."""
    if item.state not in before:
        raise Conflict(
            "盒子 %(serial)s 现在是“%(state)s”，不能这样处理。",
            params={"serial": item.serial, "state": ITEM_FLOW.label(item.state)},
            field="serials",
        )
    item.state = after


def in_unit_of(lot: Lot, quantity: Quantity) -> Quantity:
    """``quantity`` in the unit the lot is counted in. Raises Invalid when they do not measure the same thing."""
    if quantity.dimension is not lot.unit.dimension:
        raise Invalid(
            "批次 %(code)s 按“%(unit)s”计量，请用同类单位填写。",
            params={"code": lot.code, "unit": lot.unit.label},
            field="quantity",
        )
    return quantity.to(lot.unit, places=6)
