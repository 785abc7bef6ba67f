"""Splitting, opening boxes, samples and returns: what each leaves behind and what it refuses."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import make_actor
from tests.factories.lots import heads, kg, make_chain, make_lot
from traceability.events.queries import list_events_of_lot
from traceability.events.vocabulary import NAMESPACE
from traceability.lots import balancing, recalling, returning, reworking, serialising, splitting
from traceability.lots.models import LotYield
from traceability.lots.queries import list_upstream_households
from traceability.lots.states import Custody, ItemState, LotKind


def test_a_part_goes_its_own_way_with_the_same_households(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=1)
    chain.frozen.custody, chain.frozen.expires_on = Custody.MASS_BALANCE, at.date().replace(year=2027)
    session.flush()
    parts = splitting.split_lot(
        session, chain.clerk, lot_id=chain.frozen.id, parts=[kg(20), Quantity(Decimal(10), Unit.JIN)], at=at
    )
    assert [(lot.made, lot.unit, lot.kind) for lot in parts] == [(20, Unit.KG, LotKind.PROCESSED), (5, Unit.KG, LotKind.PROCESSED)]
    assert {(lot.custody, lot.expires_on) for lot in parts} == {(Custody.MASS_BALANCE, chain.frozen.expires_on)}
    assert chain.frozen.left == kg(24)
    for lot in parts:
        assert list_upstream_households(session, lot.id) == list_upstream_households(session, chain.frozen.id)
        assert session.get_one(LotYield, lot.id).given == 25
    event = list_events_of_lot(session, parts[0].code)[-1]
    assert (event.event_type.value, event.biz_step) == ("TransformationEvent", f"{NAMESPACE}splitting")


def test_no_half_sheep_and_no_more_than_there_is(session: Session, at: datetime) -> None:
    lot = make_lot(session, heads(3), material="滩羊（活羊）")
    for parts in ([], [heads(0)], [Quantity(Decimal("1.5"), Unit.HEAD)]):
        with pytest.raises(Invalid):
            splitting.split_lot(session, SYSTEM, lot_id=lot.id, parts=parts, at=at)
    with pytest.raises(Conflict, match="只剩 3 头"):
        splitting.split_lot(session, SYSTEM, lot_id=lot.id, parts=[heads(2), heads(2)], at=at)
    with pytest.raises(Forbidden):
        splitting.split_lot(session, make_actor(session, Role.clerk), lot_id=lot.id, parts=[heads(1)], at=at)


def test_opened_boxes_become_a_lot_again(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=5)
    lot = reworking.open_boxes(session, chain.clerk, lot_id=chain.pack.id, serials=chain.serials[:2], reason="标签印错", at=at)
    assert (lot.made, lot.unit, lot.kind, lot.expires_on) == (2, Unit.KG, LotKind.PROCESSED, chain.pack.expires_on)
    assert chain.pack.left == Quantity(Decimal(3), Unit.BOX)
    assert [item.state for item in chain.items[:3]] == [ItemState.VOID, ItemState.VOID, ItemState.ACTIVATED]
    assert list_upstream_households(session, lot.id) == list_upstream_households(session, chain.pack.id)
    with pytest.raises(Conflict, match="已作废"):
        reworking.open_boxes(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials[:1], reason="标签印错", at=at)
    with pytest.raises(Invalid, match="原因"):
        reworking.open_boxes(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials[2:3], reason=" ", at=at)
    with pytest.raises(Invalid, match="装好盒"):
        reworking.open_boxes(session, SYSTEM, lot_id=chain.frozen.id, serials=["x"], reason="标签印错", at=at)
    recalling.mark_lots(session, SYSTEM, chain.live.code, "检出兽药残留", at)
    with pytest.raises(Conflict, match="已召回"):
        reworking.open_boxes(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials[2:3], reason="标签印错", at=at)


def test_a_box_that_comes_back_is_never_sold_again(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=3)
    with pytest.raises(Conflict, match="标签已启用"):
        returning.take_back_items(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials[:1], reason="拒收", at=at)
    balancing.dispatch_items(session, chain.pack.id, chain.serials[:2], at)
    serialising.receive_items(session, lot_id=chain.pack.id, serials=chain.serials[:1], at=at)
    returning.take_back_items(session, chain.clerk, lot_id=chain.pack.id, serials=chain.serials[:2], reason="拒收", at=at)
    assert (chain.pack.dispatched, chain.pack.left) == (2, Quantity(Decimal(1), Unit.BOX))
    event = list_events_of_lot(session, chain.pack.code)[-1]
    assert (event.biz_step, event.disposition, len(event.body["epcList"])) == ("receiving", "returned", 2)
    with pytest.raises(Conflict, match="已作废"):
        balancing.dispatch_items(session, chain.pack.id, chain.serials[:1], at)
    with pytest.raises(Forbidden):
        returning.take_back_items(
            session, make_actor(session, Role.packer), lot_id=chain.pack.id, serials=chain.serials[2:], reason="拒收", at=at
        )


def test_a_sample_is_no_loss_in_the_event(session: Session, at: datetime) -> None:
    lot = make_lot(session)
    balancing.record_loss(session, SYSTEM, lot_id=lot.id, quantity=kg(1), reason="送县里检测", sample=True, at=at)
    balancing.record_loss(session, SYSTEM, lot_id=lot.id, quantity=kg(1), reason="腐烂", at=at)
    assert [event.biz_step for event in list_events_of_lot(session, lot.code)][1:] == ["sampling", "destroying"]
    assert session.scalars(select(LotYield)).all() == []
