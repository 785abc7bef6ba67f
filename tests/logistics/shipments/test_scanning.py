"""The packer's hand chooses; the system says whether the choice is right, and why not."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.gs1 import make_gln, make_sscc
from kernel.ids import new_serial
from logistics.shipments.models import ParcelItem, Shipment
from logistics.shipments.packing import close_shipment
from logistics.shipments.queries import list_boxes, map_cases
from logistics.shipments.scanning import Scanned, remove, scan
from logistics.stock.casing import close_case, open_container, stack_pallet
from logistics.stock.models import StockLot
from tests.factories.catalog import AT, make_actor, make_product
from tests.factories.logistics import fill_shipment, lot_of, make_hub, make_packer, make_serials, make_shipment, make_stock
from traceability.lots.models import TradeItem
from traceability.lots.recalling import mark_lots
from traceability.lots.states import ItemState

GLN = str(make_gln("952", 4714))


class Table:
    """A packer, a shipment of two boxes, and the lot they come from."""

    def __init__(self, session: Session) -> None:
        self.session, self.hub, self.product = session, make_hub(session, gln=GLN), make_product(session)
        self.stock: StockLot = make_stock(session, self.product, place=self.hub, boxes=5)
        self.shipment: Shipment = make_shipment(session, self.stock)
        self.packer: Actor = make_packer(session, self.hub)

    def scan(self, text: str) -> Scanned:
        return scan(self.session, self.packer, self.shipment.code, text, AT)


@pytest.fixture
def table(session: Session) -> Table:
    """The packing table."""
    return Table(session)


def test_any_box_of_the_promised_lot_will_do(session: Session, table: Table) -> None:
    serials = make_serials(session, table.stock, 5)
    assert table.scan(serials[4]).name == serials[4]
    assert table.scan(f"https://shop.example.cn/t/{serials[1]}").name == serials[1]


def test_too_many(session: Session, table: Table) -> None:
    serials = make_serials(session, table.stock, 3)
    table.scan(serials[0])
    table.scan(serials[1])
    with pytest.raises(Conflict, match="已经够了"):
        table.scan(serials[2])


def test_another_lot_of_the_same_product(session: Session, table: Table) -> None:
    other = make_stock(session, table.product, place=table.hub, boxes=1)
    with pytest.raises(Conflict) as problem:
        table.scan(make_serials(session, other, 1)[0])
    assert lot_of(session, table.stock).code in str(problem.value)
    assert lot_of(session, other).code in str(problem.value)


def test_another_product(session: Session, table: Table) -> None:
    other = make_stock(session, make_product(session, name="静宁苹果"), place=table.hub, boxes=1)
    with pytest.raises(Conflict, match="静宁苹果"):
        table.scan(make_serials(session, other, 1)[0])


def test_the_same_box_twice(session: Session, table: Table) -> None:
    (serial,) = make_serials(session, table.stock, 1)
    table.scan(serial)
    with pytest.raises(Conflict, match="已经装进"):
        table.scan(serial)


def test_a_box_that_was_sent_to_somebody_else(session: Session, table: Table, at: datetime) -> None:
    serials = fill_shipment(session, table.shipment, table.stock)
    close_shipment(session, table.packer, table.shipment.code, at)
    second = make_shipment(session, table.stock)
    with pytest.raises(Conflict, match="已经发给别人"):
        scan(session, table.packer, second.code, serials[0], at)


@pytest.mark.parametrize(("state", "word"), [(ItemState.VOID, "作废"), (ItemState.MADE, "还没有打印")])
def test_a_box_whose_label_is_not_good(session: Session, table: Table, state: ItemState, word: str) -> None:
    (serial,) = make_serials(session, table.stock, 1)
    session.scalars(select(TradeItem).where(TradeItem.serial == serial)).one().state = state
    session.flush()
    with pytest.raises(Conflict, match=word):
        table.scan(serial)


def test_a_label_that_contradicts_itself(session: Session, table: Table) -> None:
    """Somebody printed a real serial under another product, or another lot."""
    serial, _ = make_serials(session, table.stock, 2)
    lot, gtin = lot_of(session, table.stock), table.product.gtin
    foreign = make_product(session).gtin
    for label in (f"/01/{foreign}/21/{serial}", f"/01/{gtin}/10/LOT-OTHER/21/{serial}"):
        with pytest.raises(Conflict, match="贴错或是仿造"):
            table.scan(label)
    assert table.scan(f"https://shop.example.cn/01/{gtin}/10/{lot.code}/21/{serial}").name == serial


def test_a_recalled_lot(session: Session, table: Table, at: datetime) -> None:
    mark_lots(session, SYSTEM, lot_of(session, table.stock).code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"):
        table.scan(make_serials(session, table.stock, 1)[0])


def test_no_such_box_and_no_box_at_all(table: Table) -> None:
    with pytest.raises(NotFound):
        table.scan(new_serial())
    with pytest.raises(Invalid):
        table.scan(" ")


def test_a_box_can_come_out_again(session: Session, table: Table) -> None:
    (serial,) = make_serials(session, table.stock, 1)
    table.scan(serial)
    remove(session, table.packer, table.shipment.code, serial)
    table.scan(serial)
    with pytest.raises(NotFound):
        remove(session, table.packer, table.shipment.code, new_serial())


def test_other_peoples_tables(session: Session, table: Table, at: datetime) -> None:
    with pytest.raises(Forbidden):
        scan(session, make_packer(session, make_hub(session)), table.shipment.code, "x", at)
    with pytest.raises(Forbidden):
        scan(session, make_actor(session), table.shipment.code, "x", at)


def test_a_case_goes_in_whole_and_once(session: Session, table: Table) -> None:
    serials = make_serials(session, table.stock, 2)
    case = close_case(session, table.packer, place_id=table.hub.id, serials=serials, at=AT)
    assert table.scan(case.name) == Scanned(case.name, 2)
    assert table.scan(f"https://shop.example.cn/00/{case.sscc}") == Scanned(case.name, 0, again=True)
    assert [box.serial for box in list_boxes(session, table.shipment.id)] == sorted(serials, key=serials.index)
    assert map_cases(session, table.shipment.id) == dict.fromkeys(serials, case.name)
    assert remove(session, table.packer, table.shipment.code, case.name) == 2
    assert list_boxes(session, table.shipment.id) == []


def test_what_is_in_already_stays_and_the_rest_of_the_case_follows(session: Session, table: Table) -> None:
    serials = make_serials(session, table.stock, 2)
    case = close_case(session, table.packer, place_id=table.hub.id, serials=serials, at=AT)
    table.scan(serials[1])
    assert table.scan(case.name).boxes == 1
    assert len(list_boxes(session, table.shipment.id)) == 2


def test_a_pallet_goes_in_whole(session: Session, table: Table) -> None:
    cases = [
        close_case(session, table.packer, place_id=table.hub.id, serials=[serial], at=AT).name
        for serial in make_serials(session, table.stock, 2)
    ]
    pallet = stack_pallet(session, table.packer, place_id=table.hub.id, codes=cases, at=AT)
    assert table.scan(pallet.name).boxes == 2


def test_a_case_that_does_not_fit_stays_outside_whole(session: Session, table: Table, at: datetime) -> None:
    serials = make_serials(session, table.stock, 5)
    three = close_case(session, table.packer, place_id=table.hub.id, serials=serials[:3], at=AT)
    other = make_stock(session, table.product, place=table.hub, boxes=1)
    mixed = close_case(session, table.packer, place_id=table.hub.id, serials=[serials[3], *make_serials(session, other, 1)], at=AT)
    opened = close_case(session, table.packer, place_id=table.hub.id, serials=serials[4:], at=AT)
    open_container(session, table.packer, opened.name, at)
    for code, sentence in ((three.name, "已经够了"), (mixed.name, "请换一盒"), (opened.name, "已经拆开")):
        with pytest.raises(Conflict, match=sentence), session.begin_nested():
            table.scan(code)
    assert list_boxes(session, table.shipment.id) == []
    with pytest.raises(NotFound, match="没有箱码"):
        table.scan(str(make_sscc("952", 1)))


def test_a_void_or_recalled_box_keeps_its_case_outside(session: Session, table: Table, at: datetime) -> None:
    serials = make_serials(session, table.stock, 2)
    case = close_case(session, table.packer, place_id=table.hub.id, serials=serials, at=AT)
    session.execute(update(TradeItem).where(TradeItem.serial == serials[1]).values(state=ItemState.VOID))
    with pytest.raises(Conflict, match="作废"), session.begin_nested():
        table.scan(case.name)
    session.execute(update(TradeItem).where(TradeItem.serial == serials[1]).values(state=ItemState.ACTIVATED))
    mark_lots(session, SYSTEM, lot_of(session, table.stock).code, "抽检不合格", at)
    with pytest.raises(Conflict, match="召回"), session.begin_nested():
        table.scan(case.name)


def _race(same_serial: bool) -> tuple[list[str], int]:
    """Two packers at two tables at once: the same box for two shipments, or two boxes for the last place of one shipment."""
    with work() as session:
        table = Table(session)
        second = make_shipment(session, table.stock)
        serials = make_serials(session, table.stock, 3)
        if not same_serial:
            table.scan(serials[2])
        tries = [(table.shipment.code, serials[0]), (second.code, serials[0])]
        if not same_serial:
            tries[1] = (table.shipment.code, serials[1])
    barrier = threading.Barrier(2)

    def act(attempt: tuple[str, str]) -> str:
        barrier.wait(20)
        try:
            with work() as session:
                scan(session, table.packer, *attempt, AT)
            return "in"
        except Conflict:
            return "refused"

    with ThreadPoolExecutor(2) as pool:
        outcome = sorted(pool.map(act, tries))
    with work() as session:
        return outcome, len(session.scalars(select(ParcelItem)).all())


def test_one_box_two_packers(database: str) -> None:
    assert _race(same_serial=True) == (["in", "refused"], 1)


def test_last_place_two_packers(database: str) -> None:
    assert _race(same_serial=False) == (["in", "refused"], 2)


def test_the_unique_box_is_the_guard(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the constraint one box goes into two parcels."""
    from sqlalchemy.dialects.postgresql import Insert

    with work() as session:
        session.execute(text("ALTER TABLE shipments_parcel_item DROP CONSTRAINT uq_shipments_parcel_item_trade_item_id"))
    monkeypatch.setattr(Insert, "on_conflict_do_nothing", lambda self, **_: self)
    assert _race(same_serial=True) == (["in", "in"], 2)
