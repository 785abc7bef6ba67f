"""Orders from a coming harvest: an order of its own, which waits for its boxes, and ends with all its money back when they do not come."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor
from catalog.products.models import Product
from kernel import outbox
from kernel.errors import Conflict, Invalid, NotFound
from logistics.shipments.models import Shipment
from logistics.stock.announcing import end
from logistics.stock.events import PresaleFailed, PromiseBroken, PromiseServed
from logistics.stock.models import Presale, Promise
from logistics.stock.preselling import SoldOut
from logistics.stock.queries import available
from shop import wiring
from shop.cases.following import open_failed
from shop.cases.models import Case, CaseMessage, CaseSubject
from shop.cases.states import CaseKind
from shop.notices.following_orders import tell_closed, tell_paid, tell_served
from shop.notices.models import Notice
from shop.notices.wording import words_of
from shop.orders.cancelling import HARVEST_SHORT, cancel_broken, cancel_order, expire_orders
from shop.orders.forwarding import forward_order, forward_served
from shop.orders.models import Order, OrderClosed, OrderPaid
from shop.orders.returning import refund_closed
from shop.orders.states import OrderState
from shop.payments.models import Refund
from tests.factories.catalog import make_actor, make_organization
from tests.factories.logistics import make_presale, make_stock
from tests.factories.shop import make_goods, make_order, pay


def product_of(session: Session, presale: Presale) -> Product:
    return session.get_one(Product, presale.product_id)


def order_ahead(session: Session, presale: Presale, boxes: int = 2, actor: Actor | None = None) -> Order:
    """An order from the pre-sale, not paid."""
    return make_order(session, {product_of(session, presale).sku: boxes}, actor, presale=presale.code)


def promise_of(session: Session, order: Order) -> Promise | None:
    query = select(Promise).where(Promise.order_code == order.code, Promise.released_at.is_(None))
    return session.scalar(query.execution_options(populate_existing=True))


def shipments(session: Session, order: Order) -> int:
    return len(session.scalars(select(Shipment).where(Shipment.order_code == order.code)).all())


def test_it_keeps_what_was_promised_and_takes_nothing_from_the_shelf(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    make_stock(session, product_of(session, presale), boxes=3, at=at - timedelta(days=1))
    order = order_ahead(session, presale)
    assert (order.presale_code, order.ship_by) == (presale.code, presale.ship_by)
    assert available(session, [presale.product_id], at) == {presale.product_id: 3}
    assert (presale.promised, presale.served) == (2, 0)
    stock = make_order(session, {product_of(session, presale).sku: 1})
    assert (stock.presale_code, stock.ship_by) == (None, None)


def test_what_is_not_on_offer_is_refused(session: Session, at: datetime) -> None:
    presale, goods = make_presale(session, boxes=3), make_goods(session)
    sku = product_of(session, presale).sku
    for lines, code in (({goods.sku: 1}, presale.code), ({sku: 1}, "PRE-NONE")):
        with pytest.raises(NotFound):
            make_order(session, lines, presale=code)
    with pytest.raises(Invalid, match="单独下单"):
        make_order(session, {sku: 1, goods.sku: 1}, presale=presale.code)
    with pytest.raises(Invalid, match="现货"):
        make_order(session, {sku: 1}, presale=presale.code, buyer_organization_id=make_organization(session).id)
    with pytest.raises(SoldOut):
        order_ahead(session, presale, 4)


def test_it_is_packed_once_paid_and_served_whichever_comes_first(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    first, second = order_ahead(session, presale), order_ahead(session, presale)
    pay(session, first)
    forward_order(session, first.code, at=at)
    assert shipments(session, first) == 0
    make_stock(session, product_of(session, presale), boxes=10)
    forward_served(session, PromiseServed(first.code, at))
    forward_served(session, PromiseServed(second.code, at))
    assert (shipments(session, first), shipments(session, second)) == (1, 0)
    pay(session, second)
    forward_order(session, second.code, at=at)
    assert shipments(session, second) == 1


def test_who_pays_first_stands_first(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    slow, quick = order_ahead(session, presale), order_ahead(session, presale)
    pay(session, quick, at=at + timedelta(minutes=1))
    pay(session, slow, at=at + timedelta(minutes=2))
    make_stock(session, product_of(session, presale), boxes=2)
    served = {order.code: promise.served for order in (slow, quick) if (promise := promise_of(session, order))}
    assert served == {slow.code: 0, quick.code: 2}


def test_unpaid_orders_expire_and_give_the_promise_back(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    order = order_ahead(session, presale)
    make_stock(session, product_of(session, presale), boxes=2)
    assert available(session, [presale.product_id], at) == {presale.product_id: 0}
    assert expire_orders(session, at=at + timedelta(days=4)) == 1
    assert (presale.promised, presale.served) == (0, 0)
    assert available(session, [presale.product_id], at) == {presale.product_id: 2}
    assert promise_of(session, order) is None


def test_late_money_takes_the_promise_again_or_goes_back(session: Session, at: datetime) -> None:
    presale = make_presale(session, boxes=4)
    order, lost = order_ahead(session, presale), order_ahead(session, presale)
    expire_orders(session, at=at + timedelta(days=4))
    order_ahead(session, presale, 2)
    pay(session, order)
    assert (order.state, order.paid_fen) == (OrderState.PAID, order.total_fen)
    again = promise_of(session, order)
    assert again is not None
    assert again.paid_at == at
    pay(session, lost)
    assert (lost.state, lost.paid_fen) == (OrderState.EXPIRED, 0)
    assert (presale.promised, presale.left) == (4, 0)


def test_cancelling_gives_promise_and_boxes_back(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    buyer = make_actor(session)
    order = order_ahead(session, presale, actor=buyer)
    pay(session, order)
    make_stock(session, product_of(session, presale), boxes=2)
    forward_order(session, order.code, at=at)
    for _ in range(2):
        cancel_order(session, buyer, order.code, reason="", at=at)
    session.refresh(presale)
    assert (presale.promised, presale.served) == (0, 0)
    assert available(session, [presale.product_id], at) == {presale.product_id: 2}


def test_a_harvest_that_falls_short_ends_the_order_with_all_its_money_back(session: Session, at: datetime) -> None:
    wiring.register()
    presale = make_presale(session)
    got, short, unpaid = (order_ahead(session, presale) for _ in range(3))
    pay(session, got)
    pay(session, short)
    make_stock(session, product_of(session, presale), boxes=3)
    end(session, SYSTEM, presale.code, note="霜冻减产", at=at)
    session.flush()
    broken = [
        row.body["order_code"] for row in session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == "PromiseBroken"))
    ]
    assert sorted(map(str, broken)) == sorted([short.code, unpaid.code])
    for order in (short, unpaid, short):
        cancel_broken(session, PromiseBroken(order.code, at))
    assert [order.state for order in (got, short, unpaid)] == [OrderState.PAID, OrderState.CANCELLED, OrderState.CANCELLED]
    for order in (short, unpaid):
        refund_closed(session, OrderClosed(order.code, HARVEST_SHORT, at))
        tell_closed(session, OrderClosed(order.code, HARVEST_SHORT, at))
    refunds = session.scalars(select(Refund)).all()
    assert [(refund.amount_fen, refund.reason) for refund in refunds] == [(short.total_fen, HARVEST_SHORT)]
    session.refresh(presale)
    assert (presale.promised, presale.served) == (2, 2)
    told = {row.order_code: row.kind for row in session.scalars(select(Notice))}
    assert told == {short.code: "order_harvest_short", unpaid.code: "order_harvest_short"}
    tell_paid(session, OrderPaid(got.code, got.paid_fen, at))
    tell_served(session, PromiseServed(got.code, at))
    notices = session.scalars(select(Notice).where(Notice.order_code == got.code).order_by(Notice.id)).all()
    assert [notice.kind for notice in notices] == ["order_paid_ahead", "order_served"]
    assert f"不晚于 {got.ship_by}" in words_of(notices[0].kind, notices[0].params, str)[1]


def test_an_order_that_ended_before_is_left_alone(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    order = order_ahead(session, presale)
    expire_orders(session, at=at + timedelta(days=4))
    cancel_broken(session, PromiseBroken(order.code, at))
    assert order.state is OrderState.EXPIRED


def test_somebody_looks_into_it(session: Session, at: datetime) -> None:
    open_failed(session, PresaleFailed("PRE-1", 3, 7, "霜冻减产", at))
    case = session.scalars(select(Case)).one()
    assert case.kind is CaseKind.PRESALE
    assert session.scalars(select(CaseSubject.code)).all() == ["PRE-1"]
    (text,) = session.scalars(select(CaseMessage.text))
    assert "3 张订单、7 盒" in text
    assert "霜冻减产" in text


def test_after_the_last_day_nobody_orders(session: Session, at: datetime) -> None:
    presale = make_presale(session)
    with pytest.raises(Conflict, match="截止"):
        make_order(session, {product_of(session, presale).sku: 1}, presale=presale.code, at=at + timedelta(days=6))
