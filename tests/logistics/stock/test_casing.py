"""Whose boxes go into whose cases, and who may handle a case that was brought."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Place
from kernel.errors import Conflict, Forbidden
from logistics.shipments.scanning import scan
from logistics.stock.casing import close_case, find_place, open_container, stack_pallet
from logistics.stock.models import StockLot
from logistics.stock.receiving import receive_pack_lot
from tests.factories.catalog import AT, make_place
from tests.factories.logistics import make_hub, make_packer, make_serials, make_shipment, make_stock
from tests.factories.lots import Chain, make_chain
from traceability.lots import serialising
from traceability.lots.states import ItemState
from traceability.pallets.models import Container
from traceability.pallets.queries import list_containers


class Houses:
    """A cooperative with six boxes in two cases of two, and a hub nearby with its packer."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.chain: Chain = make_chain(session, boxes=6)
        self.home: Place = make_place(session, self.chain.cooperative)
        self.hub: Place = make_hub(session)
        self.packer: Actor = make_packer(session, self.hub)
        self.cases = [self.close(n) for n in (0, 2)]

    def close(self, first: int) -> Container:
        serials = self.chain.serials[first : first + 2]
        return close_case(self.session, self.chain.clerk, place_id=self.home.id, serials=serials, at=AT)

    def stack(self, *cases: Container) -> Container:
        return stack_pallet(self.session, self.chain.clerk, place_id=self.home.id, codes=[case.code for case in cases], at=AT)

    def receive(self, boxes: int, place: Place | None = None) -> StockLot:
        return receive_pack_lot(self.session, SYSTEM, self.chain.pack.id, (place or self.hub).id, boxes, AT)

    def places(self, *containers: Container) -> list[Place]:
        return [self.session.get_one(Place, each.place_id) for each in containers]


@pytest.fixture
def houses(session: Session) -> Houses:
    """A cooperative and a hub."""
    return Houses(session)


def test_a_hub_cases_only_what_lies_on_its_shelf(session: Session, at: datetime) -> None:
    chain = make_chain(session, boxes=3, activated=False)
    serialising.mark_printed(session, SYSTEM, lot_id=chain.pack.id, serials=chain.serials, at=at)
    hub, elsewhere = make_hub(session), make_hub(session)
    receive_pack_lot(session, SYSTEM, chain.pack.id, elsewhere.id, 1, at)
    with pytest.raises(Forbidden, match="不在这里的货架上"):
        close_case(session, make_packer(session, hub), place_id=hub.id, serials=chain.serials[:2], at=at)
    assert {item.state for item in chain.items} == {ItemState.PRINTED}
    receive_pack_lot(session, SYSTEM, chain.pack.id, hub.id, 2, at)
    case = close_case(session, make_packer(session, hub), place_id=hub.id, serials=chain.serials[:2], at=at)
    assert (case.place_id, chain.items[0].state) == (hub.id, ItemState.ACTIVATED)


def test_what_arrives_brings_its_cases(session: Session, houses: Houses, at: datetime) -> None:
    first, second = houses.cases
    with pytest.raises(Forbidden):
        open_container(session, houses.packer, first.code, at)
    houses.receive(6)
    assert houses.places(first, second) == [houses.hub] * 2
    assert first.organization_id == houses.chain.cooperative.id
    listed = list_containers(session, [houses.hub.organization_id], "standing")
    assert {each.container for each in listed} == {first, second}
    assert list_containers(session, [houses.chain.cooperative.id], "standing") == []
    with pytest.raises(Forbidden):
        open_container(session, houses.chain.clerk, second.code, at)
    pallet = stack_pallet(session, houses.packer, place_id=houses.hub.id, codes=[first.name, second.name], at=at)
    open_container(session, houses.packer, pallet.code, at)
    open_container(session, houses.packer, first.code, at)
    again = close_case(session, houses.packer, place_id=houses.hub.id, serials=houses.chain.serials[:2], at=at)
    assert (again.standing, again.organization_id) == (True, houses.hub.organization_id)


def test_of_a_part_nobody_knows_which_cases_came_until_one_is_scanned(session: Session, houses: Houses, at: datetime) -> None:
    third = houses.close(4)
    pallet = houses.stack(third)
    houses.receive(4)
    assert houses.places(*houses.cases, third, pallet) == [houses.home] * 4
    first, second = houses.cases
    assert find_place(session, first, [houses.hub.organization_id]) == houses.hub.id
    open_container(session, houses.packer, first.code, at)
    stack_pallet(session, houses.packer, place_id=houses.hub.id, codes=[second.code], at=at)
    assert houses.places(first, second) == [houses.hub] * 2
    shipment = make_shipment(session, session.scalars(select(StockLot)).one(), 2)
    scan(session, houses.packer, shipment.code, pallet.code, at)
    assert houses.places(third, pallet) == [houses.hub] * 2


def test_what_lies_on_the_cooperatives_own_shelf_stays_there(session: Session, houses: Houses, at: datetime) -> None:
    houses.receive(4, houses.home)
    houses.receive(2)
    assert houses.places(*houses.cases) == [houses.home] * 2
    with pytest.raises(Forbidden):
        open_container(session, houses.packer, houses.cases[0].code, at)
    with pytest.raises(Forbidden, match="别的单位"):
        stack_pallet(session, houses.packer, place_id=houses.hub.id, codes=[houses.cases[0].code], at=at)


def test_a_case_that_lies_elsewhere_goes_into_no_parcel(session: Session, houses: Houses, at: datetime) -> None:
    stock, far = houses.receive(4), make_hub(session)
    houses.receive(2, far)
    case = close_case(session, make_packer(session, far), place_id=far.id, serials=houses.chain.serials[4:], at=at)
    shipment = make_shipment(session, stock, 2)
    assert shipment.from_place_id == houses.hub.id
    with pytest.raises(Conflict, match=f"{far.name}.*不在这里"):
        scan(session, houses.packer, shipment.code, case.code, at)
    assert scan(session, houses.packer, shipment.code, houses.cases[0].code, at).boxes == 2


def test_a_case_waits_for_all_lots_in_it(session: Session, houses: Houses, at: datetime) -> None:
    other = make_stock(session, boxes=2, place=make_hub(session))
    serials = [houses.chain.serials[4], *make_serials(session, other, 1)]
    mixed = close_case(session, SYSTEM, place_id=houses.home.id, serials=serials, at=at)
    houses.receive(6)
    assert houses.places(*houses.cases, mixed) == [houses.hub, houses.hub, houses.home]
