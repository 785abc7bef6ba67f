"""The buyer's own orders: list and page, tracking and scan links for their eyes only."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from kernel import clock
from logistics.shipments.models import PackingTask, Shipment
from logistics.shipments.packing import close_shipment
from logistics.shipments.queries import Tracking
from logistics.shipments.states import ShipmentState
from logistics.stock.models import StockLot
from shop.orders import queries as order_queries
from shop.orders.cancelling import cancel_order
from shop.orders.forwarding import forward_order
from shop.orders.models import Order
from shop.orders.settling import settle_capture
from shop.payments.models import PaymentCaptured
from shop.payments.paying import note_read
from shop.storefront.timeline import tell_order
from tests.factories.catalog import act_as, make_actor, make_organization
from tests.factories.logistics import fill_shipment
from tests.factories.payments import make_open, truth_of
from tests.factories.shop import make_goods, make_order, pay


@pytest.fixture
def buyer(app: Flask, session: Session) -> Actor:
    actor = make_actor(session)
    act_as(app, actor)
    return actor


def pack(session: Session, order: Order, at: datetime) -> list[str]:
    """Pay, pack and close; returns the serials of the boxes."""
    pay(session, order)
    forward_order(session, order.code, at=at)
    shipment = session.scalars(select(Shipment).where(Shipment.order_code == order.code)).one()
    task = session.scalars(select(PackingTask).where(PackingTask.shipment_id == shipment.id)).one()
    stock = session.scalars(select(StockLot).where(StockLot.lot_id == task.lot_id)).one()
    serials = fill_shipment(session, shipment, stock, task.quantity, at=at)
    close_shipment(session, SYSTEM, shipment.code, at)
    session.flush()
    return serials


def test_the_page_of_an_unpaid_order(client: FlaskClient, session: Session, buyer: Actor) -> None:
    order = make_order(session, None, buyer)
    page = client.get(f"/orders/{order.code}").text
    for text in (order.code, "待付款", "¥256.00", "去付款", "取消订单", "139****0000", "示例路 1 号"):
        assert text in page, text
    assert "13900000000" not in page, "the phone is masked"


def test_the_page_says_what_to_do_while_money_is_on_its_way(client: FlaskClient, session: Session, buyer: Actor) -> None:
    order = make_order(session, None, buyer)
    part, url = order.sub_orders[0], f"/orders/{order.code}"
    opened = make_open(session, part.payable_fen, order_code=part.code, seller_id=part.seller_id, at=clock.now())
    session.flush()
    page = client.get(url).text
    assert "去付款" in page
    assert f"/pay/{opened.code}/return?t=" in page, "who has paid there asks from here"
    note_read(session, opened.id, truth_of(opened, captured=part.payable_fen), at=clock.now())
    session.flush()
    page = client.get(url).text
    assert "正在入账" in page
    assert "去付款" not in page, "nobody is asked to pay what has come"
    settle_capture(session, PaymentCaptured(opened.id, part.code, part.payable_fen, clock.now()))
    session.flush()
    assert "正在入账" not in client.get(url).text
    cancel_order(session, buyer, order.code, reason="", at=clock.now())
    session.flush()
    assert "正在原路退回" in client.get(url).text


def test_the_page_offers_what_each_seller_takes(client: FlaskClient, session: Session, buyer: Actor) -> None:
    """Online for the operator's own goods, a transfer for another's: each button leads on, and none is offered that would be refused."""
    cooperative = make_organization(session)
    own, others = make_goods(session), make_goods(session, seller_id=cooperative.id)
    order = make_order(session, {own.sku: 1, others.sku: 1}, buyer)
    page = client.get(f"/orders/{order.code}").text
    assert (page.count("去付款</button>"), page.count("转账付款</button>")) == (1, 1)
    assert "支付宝、微信支付、银行卡都可以" in page
    assert "货款直接到销售方" in page
    sent = forms(page, f"/orders/{order.code}/pay")
    assert [("by" in fields) for fields in sent] == [part.seller_id == cooperative.id for part in order.sub_orders]
    assert [client.post(f"/orders/{order.code}/pay", data=fields).status_code for fields in sent] == [302, 302]
    alone = client.get(f"/orders/{make_order(session, {others.sku: 1}, buyer).code}").text
    assert "去付款" not in alone
    assert "支付宝" not in alone
    assert cooperative.name in alone


def forms(page: str, action: str) -> list[dict[str, str]]:
    """The fields of each form on the page that goes there."""
    bodies = re.findall(rf'<form method="post" action="{re.escape(action)}"(.*?)</form>', page, re.DOTALL)
    return [dict(re.findall(r'name="([^"]+)" value="([^"]*)"', body)) for body in bodies]


def test_each_box_leads_to_its_story(client: FlaskClient, session: Session, buyer: Actor, at: datetime) -> None:
    order = make_order(session, None, buyer)
    serials = pack(session, order, at)
    page = client.get(f"/orders/{order.code}").text
    assert len(serials) == 2
    for serial in serials:
        assert f"/21/{serial}" in page
    assert "已装箱" in page
    assert "去付款" not in page


def test_a_product_without_gtin_links_by_serial(client: FlaskClient, session: Session, buyer: Actor, at: datetime) -> None:
    order = make_order(session, {make_goods(session, gtin=None).sku: 1}, buyer)
    (serial,) = pack(session, order, at)
    assert f'href="/t/{serial}"' in client.get(f"/orders/{order.code}").text


def test_anothers_order_is_not_there(client: FlaskClient, session: Session, buyer: Actor) -> None:
    order = make_order(session)
    assert client.get(f"/orders/{order.code}").status_code == 404
    assert order.code not in client.get("/orders").text


def test_without_the_buyer_check_it_would_be_shown(
    client: FlaskClient, session: Session, buyer: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    order = make_order(session)
    monkeypatch.setattr(order_queries, "check_buyer", lambda *_: None)
    assert "示例路 1 号" in client.get(f"/orders/{order.code}").text


def test_the_operator_sees_it(app: Flask, client: FlaskClient, session: Session) -> None:
    order = make_order(session)
    act_as(app, make_actor(session, Role.operator))
    assert client.get(f"/orders/{order.code}").status_code == 200


def test_a_stranger_is_sent_to_sign_in_and_back(client: FlaskClient, session: Session) -> None:
    order = make_order(session)
    assert client.get(f"/orders/{order.code}").location == f"/sign-in?next=/orders/{order.code}"


def test_the_list_goes_page_by_page(client: FlaskClient, session: Session, buyer: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    from shop.storefront.views import orders as door

    monkeypatch.setattr(door, "PAGE", 2)
    product = make_goods(session)
    codes = [make_order(session, {product.sku: 1}, buyer).code for _ in range(3)]
    first = client.get("/orders").text
    assert codes[2] in first
    assert codes[0] not in first
    assert "下一页" in first
    assert client.get("/orders?after=nonsense").status_code == 200


def test_lists_ask_a_fixed_number_of_questions(client: FlaskClient, session: Session, buyer: Actor, count_queries: Any) -> None:
    product = make_goods(session, boxes=40)
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_order(session, {product.sku: 1}, buyer)
        session.flush()
        session.expunge_all()
        with count_queries() as statements:
            client.get("/orders")
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 6


def test_the_timeline_tells_what_was_and_what_is_to_come(session: Session, buyer: Actor, at: datetime) -> None:
    order = make_order(session, None, buyer)
    assert [entry["title"] for entry in tell_order(order, [], str, english=False)] == ["已下单", "付款", "打包发货", "签收"]
    pay(session, order)
    later = at + timedelta(days=1)
    parcel = Tracking("SHP-1", ShipmentState.DISPATCHED, "fake", "示例快递", "Example Express", "SF1", later, later, None, [], [])
    told = tell_order(order, [parcel], str, english=True)
    assert [entry["title"] for entry in told][:4] == ["已下单", "已付款", "已装箱", "已发货"]
    assert told[3]["text"] == "Example Express SF1"
    closed = make_order(session, None, buyer)
    cancel_order(session, buyer, closed.code, reason="", at=at)
    assert [entry["title"] for entry in tell_order(closed, [], str, english=False)] == ["已下单", "已取消"]
