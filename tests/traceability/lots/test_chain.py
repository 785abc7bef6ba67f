"""From household to box and back: the whole chain, its genealogy, its shares, its events."""

from __future__ import annotations

from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.factories.lots import make_chain
from traceability.events.models import TraceEvent
from traceability.events.queries import list_events_of, list_events_of_lot
from traceability.ledger.models import LogEntry
from traceability.lots import describing
from traceability.lots.queries import (
    find_item,
    list_downstream_lots,
    list_upstream_households,
    list_upstream_lots,
)


def test_from_a_box_to_the_households_and_back(session: Session) -> None:
    chain = make_chain(session)
    item = find_item(session, chain.serials[0])
    assert item is not None
    upstream = {lot.id for lot in list_upstream_lots(session, item.lot_id)}
    assert upstream == {delivery.lot_id for delivery in chain.deliveries} | {
        lot.id for lot in (chain.live, chain.carcass, chain.leg, chain.frozen)
    }
    shares = dict(list_upstream_households(session, item.lot_id))
    assert shares == {
        household.id: Decimal(share) for household, share in zip(chain.households, ("0.2", "0.3", "0.5"), strict=True)
    }
    downstream = {lot.id for lot in list_downstream_lots(session, chain.deliveries[0].lot_id)}
    assert downstream == {
        lot.id for lot in (chain.live, chain.carcass, chain.hides, chain.leg, chain.trimmings, chain.frozen, chain.pack)
    }


def test_every_act_wrote_one_event_and_one_ledger_entry(session: Session) -> None:
    chain = make_chain(session)
    steps = [(event.event_type.value, event.biz_step) for event in list_events_of_lot(session, chain.pack.code)]
    assert steps == [("TransformationEvent", "packing"), ("ObjectEvent", "commissioning")]
    first = list_events_of_lot(session, session.get_one(type(chain.live), chain.deliveries[0].lot_id).code)
    assert [(event.biz_step, event.action) for event in first] == [("commissioning", "ADD")]
    assert first[0].body["ilmd"]["cbvmda:lotNumber"].startswith("LOT-")
    events = session.scalar(select(func.count()).select_from(TraceEvent))
    entries = session.scalar(select(func.count()).select_from(LogEntry))
    assert events == entries == 3 + 1 + 3 + 1 + 1


def test_events_of_a_box_and_of_its_lot_are_found_by_identifier(session: Session) -> None:
    chain = make_chain(session, boxes=2)
    box = describing.epc_of_item(chain.items[0])
    assert [event.biz_step for event in list_events_of(session, box)] == ["commissioning"]
    lot = describing.epc_of(chain.pack)
    assert [event.biz_step for event in list_events_of(session, lot)] == ["packing"]


def test_a_circle_of_edges_ends(session: Session) -> None:
    """Edges cannot form a circle through the acts; were one written, walking would still end."""
    from traceability.lots.models import LotEdge

    chain = make_chain(session)
    event = list_events_of_lot(session, chain.pack.code)[0]
    session.add(
        LotEdge(from_lot_id=chain.pack.id, to_lot_id=chain.live.id, quantity=Decimal(1), unit=chain.pack.unit, event_id=event.id)
    )
    session.flush()
    assert chain.frozen.id in {lot.id for lot in list_upstream_lots(session, chain.pack.id)}
    assert chain.pack.id not in {lot.id for lot in list_downstream_lots(session, chain.pack.id)}
