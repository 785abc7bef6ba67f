"""What comes in and what is written off: never more on shelves than the lot has."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, Place, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from logistics.stock.dispatching import dispatch
from logistics.stock.queries import list_arriving, list_moves
from logistics.stock.receiving import discard_boxes, open_boxes, receive_pack_lot, take_back_boxes
from tests.factories.catalog import make_actor, make_organization, make_place
from tests.factories.logistics import lot_of, make_allocations, make_hub, make_packer, make_serials, make_stock
from tests.factories.lots import make_lot, make_pack_lot
from traceability.events.queries import list_events_of_lot
from traceability.lots.describing import location_of
from traceability.pallets.aggregating import close_case
from traceability.pallets.queries import list_items_inside


def test_a_lot_may_come_in_parts_and_to_two_places(session: Session, at: datetime) -> None:
    lot, one, two = make_pack_lot(session, boxes=10), make_hub(session), make_hub(session)
    first = receive_pack_lot(session, SYSTEM, lot.id, one.id, 4, at)
    assert receive_pack_lot(session, SYSTEM, lot.id, one.id, 3, at).id == first.id
    receive_pack_lot(session, SYSTEM, lot.id, two.id, 3, at)
    with pytest.raises(Conflict, match="0 盒"):
        receive_pack_lot(session, SYSTEM, lot.id, two.id, 1, at)
    assert [move.quantity for move in list_moves(session, first.id)] == [4, 3]


def test_what_was_dispatched_does_not_come_in_again(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=3)
    discard_boxes(session, SYSTEM, stock.id, make_serials(session, stock, 1), "破损", at)
    with pytest.raises(Conflict):
        receive_pack_lot(session, SYSTEM, stock.lot_id, stock.place_id, 1, at)


def test_what_is_spoilt_at_a_hub_is_noted_there(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=3, place=make_hub(session))
    hub, lot = session.get_one(Place, stock.place_id), lot_of(session, stock)
    assert lot.place_id != hub.id
    discard_boxes(session, SYSTEM, stock.id, make_serials(session, stock, 1), "化冻", at)
    (told,) = [each for each in list_events_of_lot(session, lot.code) if each.biz_step == "destroying"]
    assert told.read_point == location_of(hub)


def test_only_pack_lots_of_a_product(session: Session, at: datetime) -> None:
    hub = make_hub(session)
    with pytest.raises(Invalid):
        receive_pack_lot(session, SYSTEM, make_lot(session).id, hub.id, 1, at)
    with pytest.raises(NotFound):
        receive_pack_lot(session, SYSTEM, uuid7(), hub.id, 1, at)
    with pytest.raises(NotFound):
        receive_pack_lot(session, SYSTEM, make_lot(session).id, uuid7(), 1, at)
    with pytest.raises(Invalid):
        receive_pack_lot(session, SYSTEM, make_lot(session).id, hub.id, 0, at)


def test_only_people_of_the_place(session: Session, at: datetime) -> None:
    lot, hub = make_pack_lot(session), make_hub(session)
    with pytest.raises(Forbidden):
        receive_pack_lot(session, make_actor(session, Role.packer), lot.id, hub.id, 1, at)
    receive_pack_lot(session, make_packer(session, hub), lot.id, hub.id, 1, at)


def test_nobody_takes_in_a_neighbours_boxes(session: Session, at: datetime) -> None:
    lot = make_pack_lot(session, boxes=3)
    neighbour, own = (
        make_place(session, owner) for owner in (make_organization(session), session.get_one(Organization, lot.organization_id))
    )
    with pytest.raises(Forbidden, match="只收本单位的批次"):
        receive_pack_lot(session, make_packer(session, neighbour), lot.id, neighbour.id, 1, at)
    assert lot.code not in {arriving.lot_code for arriving in list_arriving(session, [neighbour.organization_id])}
    receive_pack_lot(session, make_packer(session, own), lot.id, own.id, 1, at)
    receive_pack_lot(session, SYSTEM, lot.id, neighbour.id, 1, at)


def test_spoiled_boxes_leave_shelf_and_lot(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    discard_boxes(session, SYSTEM, stock.id, make_serials(session, stock, 2), "化冻", at)
    session.refresh(stock)
    assert (stock.on_hand, lot_of(session, stock).lost, list_moves(session, stock.id)[-1].reference) == (3, 2, "化冻")


def test_boxes_written_off_or_opened_come_out_of_their_case(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=4)
    first, second, third, _ = make_serials(session, stock, 4)
    case = close_case(session, SYSTEM, place_id=stock.place_id, serials=[first, second, third], at=at)
    discard_boxes(session, SYSTEM, stock.id, [first], "破损", at)
    assert ([each.serial for each in list_items_inside(session, case.id)], case.standing) == ([second, third], True)
    open_boxes(session, SYSTEM, stock.id, [second], "标签印错", at)
    assert ([each.serial for each in list_items_inside(session, case.id)], case.standing) == ([third], True)
    discard_boxes(session, SYSTEM, stock.id, [third], "破损", at)
    assert (case.standing, case.left_at) == (False, None)


def test_promised_boxes_are_not_written_off(session: Session, at: datetime) -> None:
    stock = make_stock(session, boxes=5)
    make_allocations(session, stock.product_id, 4)
    with pytest.raises(Conflict, match="1 盒"):
        discard_boxes(session, SYSTEM, stock.id, make_serials(session, stock, 2), "化冻", at)


@pytest.mark.parametrize(("number", "reason"), [(0, "化冻"), (1, "  ")])
def test_a_discard_says_which_boxes_and_why(session: Session, at: datetime, number: int, reason: str) -> None:
    stock = make_stock(session, boxes=5)
    with pytest.raises(Invalid):
        discard_boxes(session, SYSTEM, stock.id, make_serials(session, stock, number), reason, at)


def test_what_leaves_and_comes_back_is_noted_where_it_happened(session: Session, at: datetime) -> None:
    """The lot was packed at the cooperative's place; the boxes left the hub, and came back there."""
    hub = make_hub(session)
    stock = make_stock(session, boxes=3, place=hub)
    lot = lot_of(session, stock)
    lot.place_id = make_place(session, session.get_one(Organization, lot.organization_id)).id
    serials = make_serials(session, stock, 1)
    allocation = make_allocations(session, stock.product_id, 1)[0]
    dispatch(session, make_packer(session, hub), hub.id, {allocation.line_code: serials}, at)
    take_back_boxes(session, SYSTEM, stock.id, serials, "拒收", at)
    where = {event.biz_step: event.body.get("readPoint") for event in list_events_of_lot(session, lot.code)}
    assert where["shipping"] == where["receiving"] == {"id": location_of(hub)}
