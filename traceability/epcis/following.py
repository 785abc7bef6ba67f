"""What a partner's event does to lots, where it maps; else it stays what it is, a statement (docs/lots.md, Partners).

Only an owner's word about its own lots counts, and only what wakes boxes or takes away: nothing that comes through this door makes a
lot or adds to one, so that origin cannot be inflated from outside. The guards of lots hold here as everywhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, and_, false, or_, select
from sqlalchemy.orm import Session

from kernel.errors import Problem
from kernel.quantity import Quantity, Unit
from traceability.epcis.capturing import PartnerEventsStored
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.vocabulary import Action, EpcRole, EventType
from traceability.lots.balancing import in_unit_of, lock_lots, take
from traceability.lots.models import Lot, TradeItem
from traceability.lots.serialising import wake_items
from traceability.lots.states import ItemState, LotKind

log = structlog.get_logger()

_BOX = re.compile(r"https://id\.gs1\.org/01/([0-9]{14})/21/([^/]+)")
_UUID = re.compile(r"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_LOT = re.compile(r"https://id\.gs1\.org/01/([0-9]{14})/10/([^/]+)")


def follow_partner(session: Session, news: PartnerEventsStored) -> None:
    """The reaction: each event by itself, so that one that cannot be followed keeps no other from it."""
    mapped = or_(*(and_(TraceEvent.action == action, TraceEvent.biz_step == step) for action, step in _FOLLOWED))
    objects = (TraceEvent.event_type == EventType.OBJECT, ~TraceEvent.is_declaration)
    found = select(TraceEvent).where(TraceEvent.id.in_(news.event_ids), *objects, mapped)
    events = session.scalars(found.order_by(TraceEvent.event_time, TraceEvent.id)).all()
    lock_lots(session, {lot_id for event in events for lot_id in _list_lots(session, event)})
    for event in events:
        try:
            with session.begin_nested():
                _FOLLOWED[_action(event), event.biz_step or ""](session, event)
        except Problem as problem:
            log.info("a partner's event stays a statement", event_id=str(event.id), reason=type(problem).__name__)


def _list_lots(session: Session, event: TraceEvent) -> Iterator[UUID]:
    """The lots an event may change. All lots of a document are locked together, by key (docs/locking.md, step 5): locked event by event,
    two documents that name the same lots the other way round would wait for each other."""
    serials = [unquote(match[2]) for line in _named(session, event, EpcRole.EPC) if (match := _BOX.fullmatch(line.epc))]
    held = select(Lot.id).join(TradeItem, TradeItem.lot_id == Lot.id).where(TradeItem.serial.in_(serials), _own(event))
    yield from session.scalars(held.distinct())
    named = [lot for line in _named(session, event, EpcRole.CLASS) if (lot := _is_lot(line.epc)) is not None]
    yield from session.scalars(select(Lot.id).where(or_(false(), *named), _own(event)))


def _action(event: TraceEvent) -> Action:
    assert event.action is not None
    return event.action


def _named(session: Session, event: TraceEvent, role: EpcRole) -> Sequence[EventEpc]:
    return session.scalars(select(EventEpc).where(EventEpc.event_id == event.id, EventEpc.role == role).order_by(EventEpc.id)).all()


def _wake(session: Session, event: TraceEvent) -> None:
    """The labels are on the boxes, says the line that put them on: boxes of the owner whose labels were printed are activated."""
    found = [match.groups() for line in _named(session, event, EpcRole.EPC) if (match := _BOX.fullmatch(line.epc))]
    gtins = {unquote(serial): gtin for gtin, serial in found}
    boxes = session.execute(
        select(TradeItem.lot_id, TradeItem.serial, TradeItem.gtin)
        .join(Lot, Lot.id == TradeItem.lot_id)
        .where(TradeItem.serial.in_(gtins), TradeItem.state == ItemState.PRINTED, _own(event))
    ).all()
    by_lot: dict[UUID, list[str]] = defaultdict(list)
    for lot_id, serial, gtin in boxes:
        if gtins[serial] == gtin:
            by_lot[lot_id].append(serial)
    lots = lock_lots(session, by_lot)
    for lot_id in sorted(by_lot):
        wake_items(session, lots[lot_id], by_lot[lot_id], event.record_time)


def _write_off(session: Session, event: TraceEvent) -> None:
    """What the owner destroyed is lost to the lot. Boxes are not: they lie in stock, which writes them off itself."""
    lost: list[tuple[UUID, Quantity]] = []
    for line in _named(session, event, EpcRole.CLASS):
        named = _is_lot(line.epc)
        if named is None or not line.quantity:
            continue
        lot = session.scalar(select(Lot).where(named, Lot.kind != LotKind.PACK, _own(event)))
        if lot is not None:
            lost.append((lot.id, Quantity(line.quantity, Unit.from_un_code(line.unit) if line.unit else lot.unit)))
    lots = lock_lots(session, {lot_id for lot_id, _ in lost})
    for lot_id, quantity in lost:
        take(session, lot_id, in_unit_of(lots[lot_id], quantity).amount, "lost", event.event_time)


def _is_lot(epc: str) -> ColumnElement[bool] | None:
    """The lot an identifier names, as ``lots/describing.epc_of`` writes it: by GTIN and lot number, or by a UUID."""
    if match := _LOT.fullmatch(epc):
        return and_(Lot.gtin == match[1], Lot.code == unquote(match[2]))
    if match := _UUID.fullmatch(epc):
        return Lot.id == UUID(match[1])
    return None


def _own(event: TraceEvent) -> ColumnElement[bool]:
    """Guard: nobody's word changes another's lots."""
    return Lot.organization_id == event.organization_id


_FOLLOWED: dict[tuple[Action, str], Callable[[Session, TraceEvent], None]] = {
    (Action.ADD, "commissioning"): _wake,
    (Action.DELETE, "destroying"): _write_off,
}
