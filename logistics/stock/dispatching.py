"""Boxes leave a place for good: the promise is kept, the shelf and the lot shrink together, each box by its serial number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Place, Role
from kernel.errors import Conflict
from logistics.stock.guarding import change, lock_stock
from logistics.stock.models import Allocation, MoveKind, StockLot, StockMove
from traceability.lots import balancing, serialising
from traceability.lots.models import TradeItem
from traceability.lots.states import ItemState


def dispatch(
    session: Session,
    actor: Actor,
    place_id: UUID,
    serials_by_line: Mapping[str, Sequence[str]],
    at: datetime,
    *,
    reference: str = "",
) -> None:
    """The boxes with these serials leave ``place_id`` for these order lines. Give all lines that leave together in one call.

    Raises Forbidden, and Conflict when a serial is unknown, its lot was not promised to the line at this place, or more boxes leave than
    were promised; and what ``lots.balancing.dispatch_items`` raises: recalled, past its date, papers not valid today. Then nothing left.
    """
    actor.must(Role.packer, session.get_one(Place, place_id).organization_id)
    lot_of = _lots_of(session, [serial for serials in serials_by_line.values() for serial in serials])
    rows = lock_stock(
        session,
        (StockLot.place_id == place_id)
        & StockLot.id.in_(select(Allocation.stock_lot_id).where(Allocation.line_code.in_(serials_by_line))),
    )
    row_of_lot = {row.lot_id: row for row in rows}
    promised = _promised(session, serials_by_line, [row.id for row in rows])
    leaving: dict[UUID, list[str]] = defaultdict(list)
    for line_code, serials in serials_by_line.items():
        for serial in serials:
            row = row_of_lot.get(lot_of[serial])
            allocation = promised.get((line_code, row.id)) if row else None
            if allocation is None or allocation.open <= 0:
                raise Conflict("编号 %(serial)s 的这盒不属于这一单应发的批次或数量，请换一盒。", params={"serial": serial})
            allocation.dispatched += 1
            leaving[lot_of[serial]].append(serial)
    session.flush()
    for lot_id, serials in sorted(leaving.items()):
        _leave(session, actor, row_of_lot[lot_id], serials, at, reference)


def _lots_of(session: Session, serials: Sequence[str]) -> dict[str, UUID]:
    found = dict(session.execute(select(TradeItem.serial, TradeItem.lot_id).where(TradeItem.serial.in_(serials))).all())
    for serial in serials:
        if serial not in found:
            raise Conflict("没有编号为 %(serial)s 的单品，请核对标签。", params={"serial": serial})
    if len(set(serials)) != len(serials):
        raise Conflict("同一盒被登记了两次，请刷新页面后核对。")
    return found


def _promised(
    session: Session, line_codes: Mapping[str, object], stock_lot_ids: Sequence[UUID]
) -> dict[tuple[str, UUID], Allocation]:
    query = select(Allocation).where(Allocation.line_code.in_(line_codes), Allocation.stock_lot_id.in_(stock_lot_ids))
    found = session.scalars(query.execution_options(populate_existing=True))
    return {(allocation.line_code, allocation.stock_lot_id): allocation for allocation in found}


def _leave(session: Session, actor: Actor, row: StockLot, serials: Sequence[str], at: datetime, reference: str) -> None:
    boxes = len(serials)
    if not change(session, row.id, on_hand=-boxes, allocated=-boxes, dispatched=boxes):
        raise Conflict("库存数量对不上，请先盘点再发货。")
    _activate(session, actor, row.lot_id, serials, at)
    balancing.dispatch_items(session, row.lot_id, serials, at, actor, place_id=row.place_id)
    session.add(
        StockMove(stock_lot_id=row.id, kind=MoveKind.DISPATCHED, quantity=-boxes, reference=reference, actor=actor.label, at=at)
    )


def _activate(session: Session, actor: Actor, lot_id: UUID, serials: Sequence[str], at: datetime) -> None:
    """The packer scanned the printed labels off the boxes, so they are stuck on: from now on these serials exist.

    The hub's packer need not belong to the lot's owner; that the box lies on the hub's shelf gives the right, and was checked above.
    """
    printed = session.scalars(
        select(TradeItem.serial).where(TradeItem.serial.in_(serials), TradeItem.state == ItemState.PRINTED).order_by(TradeItem.id)
    ).all()
    if printed:
        serialising.activate_items(session, replace(actor, system=True), lot_id=lot_id, serials=printed, at=at)
