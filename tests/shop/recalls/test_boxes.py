"""Some boxes of a pack lot are recalled and no others: a broken seal, one pallet. Each guard is switched off and must then let through."""

from __future__ import annotations

import io
import re
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import select, true
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Place, Role
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid
from logistics.shipments import requesting
from logistics.shipments.packing import open_shipments
from logistics.shipments.scanning import scan
from logistics.stock import reserving
from logistics.stock.holding import LONGEST, hold
from logistics.stock.models import StockLot
from logistics.stock.queries import available, find_next_lot, list_offers_today, list_shelf
from logistics.stock.receiving import discard_boxes, open_boxes, receive_pack_lot
from logistics.stock.reserving import deallocate
from shop.notices.models import Notice
from shop.recalls import deciding
from shop.recalls.models import Recall
from shop.recalls.queries import trace_boxes
from tests.factories.catalog import AT, act_as, form, make_actor
from tests.factories.logistics import (
    ADDRESS,
    make_allocations,
    make_carrier,
    make_hub,
    make_packer,
    make_serials,
    make_shipment,
    make_stock,
)
from tests.factories.lots import make_pack_lot
from tests.factories.shop import make_order
from tests.shop.recalls.test_deciding import Sold
from traceability.events.models import EventEpc, TraceEvent
from traceability.lots import balancing, recalling
from traceability.lots.describing import epc_of_item
from traceability.lots.queries import count_stopped, get_mark, list_items, list_marked_items, list_upstream_lots
from traceability.lots.states import ItemState, RecallState
from traceability.pallets import aggregating


class Opened(Sold):
    """Ten boxes on one shelf, two of them bought; two more are in a parcel that waits for its carrier. The first of these is broken."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        make_carrier(session)
        self.stock: StockLot = session.scalars(select(StockLot).where(StockLot.lot_id == self.lot.id)).one()
        self.shipment = make_shipment(session, self.stock)
        self.packer: Actor = make_packer(session, session.get_one(Place, self.stock.place_id))
        self.items = list(list_items(session, self.lot.id))
        self.serials = [item.serial for item in self.items]
        for serial in self.serials[:2]:
            scan(session, self.packer, self.shipment.code, serial, AT)
        self.request = requesting.send_off(session, self.packer, self.shipment.code, "fake", "", AT)

    def recall(self, session: Session, *numbers: int, actor: Actor | None = None, **over: Any) -> Recall:
        serials = [self.serials[number] for number in numbers]
        values = {
            "scope": trace_boxes(session, self.lot, serials).scope, "typed": self.lot.code, "reason": "封口破了。",
            "left_out_reason": "只有这几盒的封口机温度不够。", "serials": serials, "at": AT,
        }  # fmt: skip
        return deciding.confirm_boxes(session, actor or self.operator, self.lot.code, **(values | over))[0]

    def free(self, session: Session) -> int:
        return available(session, [self.product.id], AT)[self.product.id]


@pytest.fixture
def opened(session: Session) -> Opened:
    return Opened(session)


def test_just_these_boxes_stop_and_as_many_are_not_for_sale(session: Session, opened: Opened) -> None:
    assert opened.free(session) == 6
    recall = opened.recall(session, 0, 5, 6)
    assert (opened.free(session), opened.lot.recall_state) == (4, RecallState.NONE), "one of the three has left the shelf"
    assert [item.stopped for item in opened.items] == [
        RecallState.RECALLED if number in (0, 5, 6) else None for number in range(10)
    ]
    assert recall.counts == {
        "lots": 0, "boxes": 3, "boxes_on_hand": 2, "shipments": 1, "shipments_here": 1, "shipments_on_way": 0, "orders": 0, "buyers": 0,
        "organizations": 0,
    }  # fmt: skip
    mark = get_mark(session, recall.mark_code)
    assert (mark.left_out, mark.left_out_reason) == ([opened.lot.code], "只有这几盒的封口机温度不够。")
    (event,) = session.scalars(select(TraceEvent).where(TraceEvent.disposition == "recalled"))
    named = set(session.scalars(select(EventEpc.epc).where(EventEpc.event_id == event.id)))
    assert named == {epc_of_item(opened.items[number]) for number in (0, 5, 6)}
    assert make_order(session, {opened.product.sku: 4}), "the others are still sold"
    with pytest.raises(Conflict):
        make_order(session, {opened.product.sku: 1})


def test_their_parcel_stays_and_goes_by_itself_when_lifted(
    session: Session, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert requesting.list_due(session, AT) == [opened.request.id]
    opened.recall(session, 5)
    assert requesting.list_due(session, AT) == [opened.request.id], "another box of the lot is no reason"
    recall = opened.recall(session, 0)
    assert requesting.list_due(session, AT) == []
    with monkeypatch.context() as without:
        without.setattr(requesting, "not_stopped", lambda: true())
        assert requesting.list_due(session, AT) == [opened.request.id], "the guard is what holds it"
    deciding.lift_recall(session, opened.operator, recall.mark_code, reason="看错了。", at=AT)
    assert requesting.list_due(session, AT) == [opened.request.id]


def test_a_recalled_box_is_neither_packed_nor_sent(session: Session, opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    opened.recall(session, 5)
    waiting = make_shipment(session, opened.stock)
    with pytest.raises(Conflict, match="已被召回"):
        scan(session, opened.packer, waiting.code, opened.serials[5], AT)
    with pytest.raises(Conflict, match="已被召回"):
        balancing.dispatch_items(session, opened.lot.id, [opened.serials[5]], AT, place_id=opened.stock.place_id)
    balancing.dispatch_items(session, opened.lot.id, [opened.serials[6]], AT, place_id=opened.stock.place_id)
    for room in (aggregating, balancing):
        monkeypatch.setattr(room, "must_be_free", lambda _: None)
    scan(session, opened.packer, waiting.code, opened.serials[5], AT)
    balancing.dispatch_items(session, opened.lot.id, [opened.serials[5]], AT, place_id=opened.stock.place_id)


def test_lifting_gives_back_what_no_other_mark_stops(session: Session, opened: Opened) -> None:
    one, other = opened.recall(session, 5, 6), opened.recall(session, 6, 7)
    deciding.lift_recall(session, opened.operator, one.mark_code, reason="看错了。", at=AT)
    assert [opened.items[number].stopped for number in (5, 6, 7)] == [None, RecallState.RECALLED, RecallState.RECALLED]
    deciding.lift_recall(session, opened.operator, other.mark_code, reason="看错了。", at=AT)
    assert [opened.items[number].stopped for number in (5, 6, 7)] == [None] * 3
    assert opened.free(session) == 6
    with pytest.raises(Conflict):
        deciding.lift_recall(session, opened.operator, one.mark_code, reason="再来", at=AT)


def test_boxes_that_were_promised_are_still_kept_back_when_they_are_free_again(
    session: Session, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten boxes, all promised, three recalled: of an order of six that is cancelled three are for sale."""
    order = make_order(session, {opened.product.sku: 6})
    opened.recall(session, 5, 6, 7)
    assert opened.free(session) == 0
    deallocate(session, order.code)
    assert opened.free(session) == 3
    with pytest.raises(Conflict), session.begin_nested():
        make_order(session, {opened.product.sku: 4})
    make_order(session, {opened.product.sku: 3})
    monkeypatch.setattr(reserving, "count_stopped", lambda *_: Counter())
    make_order(session, {opened.product.sku: 3})


def test_a_box_recalled_twice_keeps_one_back(session: Session, opened: Opened) -> None:
    one, other = opened.recall(session, 5), opened.recall(session, 5)
    assert opened.free(session) == 5
    deciding.lift_recall(session, opened.operator, one.mark_code, reason="看错了。", at=AT)
    assert opened.free(session) == 5
    deciding.lift_recall(session, opened.operator, other.mark_code, reason="看错了。", at=AT)
    assert opened.free(session) == 6


def test_the_lot_lies_on_two_shelves_and_more_of_it_arrives(session: Session, opened: Opened) -> None:
    """Three lie on one shelf, seven arrive elsewhere after four were recalled: six are for sale, and one query says so for all rows."""
    lot = make_pack_lot(session, boxes=10)
    first = receive_pack_lot(session, SYSTEM, lot.id, make_hub(session).id, 3, AT)
    opened.lot, opened.serials = lot, [item.serial for item in list_items(session, lot.id)]
    opened.recall(session, 0, 1, 2, 3)
    product = session.get_one(Product, first.product_id)
    assert available(session, [product.id], AT) == {product.id: 0}
    assert find_next_lot(session, product.id, AT) is None
    second = receive_pack_lot(session, SYSTEM, lot.id, make_hub(session).id, 7, AT)
    assert available(session, [product.id], AT) == {product.id: 6}
    assert [(row.stock.id, row.free, row.stock.free) for row in list_shelf(session, None) if row.lot_code == lot.code] == [
        (first.id, 0, 3),
        (second.id, 6, 7),
    ]
    assert [offer.boxes for offer in list_offers_today(session, AT) if offer.product_id == product.id] == [6]
    upcoming = find_next_lot(session, product.id, AT)
    assert upcoming is not None
    assert upcoming.boxes == 6
    with pytest.raises(Conflict), session.begin_nested():
        make_allocations(session, product.id, 7)
    assert [(each.stock_lot_id, each.quantity) for each in make_allocations(session, product.id, 6)] == [(second.id, 6)]
    assert available(session, [product.id], AT) == {product.id: 0}


def test_a_basket_that_was_left_behind_gives_back_no_stopped_box(session: Session, opened: Opened) -> None:
    hold(session, "b1", {opened.product.id: 3}, AT + LONGEST, AT)
    opened.recall(session, 5, 6, 7, 8)
    assert opened.free(session) == 0
    later = AT + LONGEST * 2
    assert available(session, [opened.product.id], later) == {opened.product.id: 2}
    with pytest.raises(Conflict), session.begin_nested():
        make_allocations(session, opened.product.id, 3, at=later)
    make_allocations(session, opened.product.id, 2, at=later)


def test_what_is_destroyed_is_not_kept_back_twice(session: Session, opened: Opened) -> None:
    """Ten boxes, four promised, three recalled: two of these destroyed leave three for sale, and so does the third."""
    recall = opened.recall(session, 5, 6, 7)
    discard_boxes(session, SYSTEM, opened.stock.id, opened.serials[5:7], "封口破了", AT)
    assert opened.free(session) == 3
    discard_boxes(session, SYSTEM, opened.stock.id, [opened.serials[7]], "封口破了", AT)
    assert opened.free(session) == 3
    deciding.lift_recall(session, opened.operator, recall.mark_code, reason="处理完了。", at=AT)
    assert opened.free(session) == 3


def test_good_boxes_that_orders_need_are_not_destroyed(session: Session, opened: Opened) -> None:
    """Ten boxes, seven promised, three recalled: the three that nobody has a claim on are the recalled ones."""
    make_order(session, {opened.product.sku: 3})
    opened.recall(session, 5, 6, 7)
    with pytest.raises(Conflict, match="只有 0 盒"), session.begin_nested():
        discard_boxes(session, SYSTEM, opened.stock.id, [opened.serials[8]], "压坏", AT)
    with pytest.raises(Conflict, match="只有 1 盒"), session.begin_nested():
        discard_boxes(session, SYSTEM, opened.stock.id, [opened.serials[7], opened.serials[8]], "压坏", AT)
    discard_boxes(session, SYSTEM, opened.stock.id, opened.serials[5:8], "封口破了", AT)
    assert opened.free(session) == 0


def test_whoever_has_such_a_box_is_told_and_nobody_else(session: Session, opened: Opened) -> None:
    buyer = opened.buyer.person_id
    own = make_shipment_of(session, opened)
    recall = opened.recall(session, 3)
    assert recall.counts["orders"] == 1
    told = session.execute(select(Notice.person_id, Notice.order_code).where(Notice.kind == "recall")).all()
    assert told == [(buyer, own)]


def make_shipment_of(session: Session, opened: Opened) -> str:
    """The buyer's order is packed with the boxes 2 and 3; returns its code."""
    (shipment,) = open_shipments(session, SYSTEM, order_code=opened.order.code, address=ADDRESS, at=AT)
    for serial in opened.serials[2:4]:
        scan(session, opened.packer, shipment.code, serial, AT)
    return opened.order.code


@pytest.mark.parametrize(
    "over", [{"typed": "LOT"}, {"reason": " "}, {"left_out_reason": ""}, {"serials": []}, {"serials": ["0000000000000"]}]
)
def test_the_code_the_reasons_and_the_right_boxes(session: Session, opened: Opened, over: dict[str, Any]) -> None:
    with pytest.raises(Invalid), session.begin_nested():
        opened.recall(session, 5, **over)
    session.expire_all()
    assert opened.free(session) == 6


def test_what_was_in_an_opened_box_is_recalled_as_the_lot_it_became(session: Session, opened: Opened) -> None:
    discard_boxes(session, SYSTEM, opened.stock.id, [opened.serials[7]], "压坏", AT)
    earlier = open_boxes(session, SYSTEM, opened.stock.id, [opened.serials[8]], "标签印错", AT + timedelta(minutes=1))
    content = open_boxes(session, SYSTEM, opened.stock.id, [opened.serials[9]], "标签印错", AT + timedelta(minutes=2))
    for number, lot in ((8, earlier), (9, content)):
        with pytest.raises(Invalid, match=f"已成为批次 {lot.code}"):
            opened.recall(session, 5, number)
    assert opened.recall(session, 5, 7).counts["boxes_on_hand"] == 1, "one that was destroyed may be named"


def test_a_case_stands_for_the_boxes_in_it(session: Session, app: Flask, client: FlaskClient, opened: Opened) -> None:
    case = aggregating.close_case(session, SYSTEM, place_id=opened.stock.place_id, serials=opened.serials[5:7], at=AT)
    other = aggregating.close_case(
        session, SYSTEM, place_id=opened.stock.place_id, serials=make_serials(session, make_stock(session), 1), at=AT
    )
    act_as(app, opened.operator)
    url = f"/recalls/lots/{opened.lot.code}/boxes"
    page = client.get(url, query_string={"serials": f"{case.name}\n{opened.serials[7]} {opened.serials[5]}"})
    assert page.status_code == 200
    assert trace_boxes(session, opened.lot, opened.serials[5:8]).scope in page.text
    for strange, said in ((other.name, "没有批次"), ("CTN-7K3M-9Q", "箱码")):
        page = client.get(url, query_string={"serials": strange})
        assert (page.status_code, said in page.text) == (422, True)


def test_the_page_names_orders_and_buyers_and_has_the_sheet(
    session: Session, app: Flask, client: FlaskClient, opened: Opened
) -> None:
    order = make_shipment_of(session, opened)
    act_as(app, opened.operator)
    page = client.get(f"/recalls/lots/{opened.lot.code}/boxes", query_string={"serials": opened.serials[3]}).text
    assert page.count(f"/backoffice/orders/{order}") == 2, "beside the box, and in the list of orders"
    for said in ("个人买家", "采购单位", "买方", f"/recalls/lots/{opened.lot.code}/sheet.xlsx"):
        assert said in page
    recall = opened.recall(session, 3)
    assert f"/recalls/lots/{opened.lot.code}/sheet.xlsx" in client.get(f"/recalls/{recall.mark_code}").text


def test_the_sheet_of_some_boxes_speaks_of_them_only(session: Session, app: Flask, client: FlaskClient, opened: Opened) -> None:
    """Two boxes: one in a parcel that waits, one in a case on the shelf. Not the other parcel, case, orders of the lot."""
    mine, other = (
        aggregating.close_case(session, SYSTEM, place_id=opened.stock.place_id, serials=opened.serials[these], at=AT)
        for these in (slice(5, 7), slice(7, 9))
    )
    order = make_shipment_of(session, opened)
    act_as(app, opened.operator)
    url, asked = f"/recalls/lots/{opened.lot.code}/sheet.xlsx", f"{opened.serials[0]}\n{opened.serials[5]}"
    recall = opened.recall(session, 0, 5)
    for query in ({"serials": asked}, {"mark": recall.mark_code}):
        book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(url, query_string=query).data))
        tables = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
        assert book.sheet_names[0] == "召回的盒子"
        boxes = {row[0]: row[3:] for row in tables["召回的盒子"][1:]}
        code = opened.shipment.code
        assert boxes == {opened.serials[0]: [code, opened.shipment.order_code], opened.serials[5]: ["", ""]}
        assert [row[0] for row in tables["发货单"][1:]] == [code]
        assert [(row[0], row[2]) for row in tables["箱和托盘"][1:]] == [(mine.name, 1)]
        assert [row[0] for row in tables["往下涉及批次"][1:]] == [opened.lot.code]
        assert tables["库存"][1][3] == 1, "the other has left the shelf, though not the hub"
        assert order not in str(tables)
        assert other.name not in str(tables)
        assert tables["往上来源农户"][1:]
    whole = CalamineWorkbook.from_filelike(io.BytesIO(client.get(url).data))
    assert {row[0] for row in whole.get_sheet_by_name("箱和托盘").to_python()[1:]} == {mine.name, other.name}
    assert order in str(whole.get_sheet_by_name("订单").to_python())


def test_a_pallet_of_more_boxes_than_one_can_list_is_recalled_at_once(
    session: Session, app: Flask, client: FlaskClient, opened: Opened, count_queries: Any
) -> None:
    """Two cases of three hundred on a pallet: one number, as many questions as for one box; the page shows the first hundred."""
    stock = make_stock(session, boxes=601)
    serials = make_serials(session, stock, 601)
    cases = [
        aggregating.close_case(session, SYSTEM, place_id=stock.place_id, serials=serials[at : at + 300], at=AT) for at in (0, 300)
    ]
    pallet = aggregating.stack_pallet(session, SYSTEM, place_id=stock.place_id, codes=[case.name for case in cases], at=AT)
    act_as(app, opened.operator)
    url = f"/recalls/lots/{session.get_one(type(opened.lot), stock.lot_id).code}/boxes"
    with count_queries() as few:
        assert client.get(url, query_string={"serials": serials[600]}).status_code == 200
    with count_queries() as many:
        page = client.get(url, query_string={"serials": pallet.name}).text
    assert len(many) <= len(few) + 4, "the pallet itself is looked for"
    assert "还有 500 盒" in page
    scope = re.search('name="scope" value="([0-9a-f]+)"', page)
    assert scope
    lot = session.get_one(type(opened.lot), stock.lot_id)
    values = {
        "scope": scope[1],
        "serials": pallet.name,
        "typed": lot.code,
        "reason": "这一托受潮。",
        "left_out_reason": "其余没有。",
    }
    done = client.post(url, data=form(**values))
    assert done.status_code == 302, done.text
    assert count_stopped(session, [lot.id]) == {lot.id: 600}
    assert "还有 500 盒" in client.get(done.location).text
    with count_queries() as asked:
        assert client.post(f"{done.location}/lift", data=form(reason="烘干了。")).status_code == 302
    assert len(asked) < 40, "not one for each box"
    assert count_stopped(session, [lot.id]) == {}


def test_only_those_who_decide_and_only_what_was_looked_at(session: Session, opened: Opened) -> None:
    with pytest.raises(Forbidden):
        opened.recall(session, 5, actor=make_actor(session))
    with pytest.raises(Conflict, match="不一样"), session.begin_nested():
        opened.recall(session, 5, serials=opened.serials[5:7])
    with pytest.raises(Invalid, match="装好盒"):
        recalling.mark_boxes(session, SYSTEM, _bulk(session, opened), ["1"], "封口", AT, left_out_reason="其余没事")


def _bulk(session: Session, opened: Opened) -> str:
    return list_upstream_lots(session, opened.lot.id)[0].code


def test_look_confirm_story_lift_through_the_doors(session: Session, app: Flask, client: FlaskClient, opened: Opened) -> None:
    url = f"/recalls/lots/{opened.lot.code}/boxes"
    act_as(app, make_actor(session, Role.auditor))
    assert client.get(url).status_code == 403
    act_as(app, opened.operator)
    assert url in client.get(f"/recalls/lots/{opened.lot.code}").text
    assert client.get(url).status_code == 200
    page = client.get(url, query_string={"serials": f"{opened.serials[5]}\nnobody"})
    assert (page.status_code, "不属于批次" in page.text, "nobody" in page.text) == (422, True, True)
    seen = client.get(url, query_string={"serials": "\n".join(opened.serials[5:7])}).text
    scope = trace_boxes(session, opened.lot, opened.serials[5:7]).scope
    assert scope in seen
    values = {"scope": scope, "serials": " ".join(opened.serials[5:7]), "typed": opened.lot.code, "reason": "封口破了。"}
    refused = client.post(url, data=form(**values, left_out_reason=""))
    assert (refused.status_code, "封口破了。" in refused.text) == (422, True)
    assert "已召回" not in client.get(f"/t/{opened.serials[5]}").text
    done = client.post(url, data=form(**values, left_out_reason="只有这几盒。"))
    assert done.status_code == 302, done.text
    assert [("封口破了" in client.get(f"/t/{opened.serials[number]}").text) for number in (4, 5, 6)] == [False, True, True]
    recall = client.get(done.location).text
    assert opened.serials[6] in recall
    assert "只有这几盒。" in recall
    mark = get_mark(session, done.location.rsplit("/", 1)[1])
    assert [item.serial for item in list_marked_items(session, mark.id)] == sorted(opened.serials[5:7])
    assert client.post(f"{done.location}/lift", data=form(reason="看错了。")).status_code == 302
    assert "封口破了" not in client.get(f"/t/{opened.serials[5]}").text
    session.expire_all()
    assert opened.items[5].state is ItemState.ACTIVATED
