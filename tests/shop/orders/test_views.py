"""The buyer's doors: pay, cancel, confirm; another's order is not there."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.errors import Conflict, NotFound
from shop.orders import cancelling, collecting
from shop.orders.collecting import start_part_payment
from shop.orders.following import mark_delivered, mark_shipped
from shop.orders.models import Order
from shop.orders.queries import list_orders, list_orders_of
from shop.orders.settling import settle_capture
from shop.orders.states import OrderState
from shop.payments import paying
from shop.payments.models import Payment, PaymentCaptured, Provider
from shop.payments.paying import count_capture, lock_payment
from tests.factories.catalog import act_as, form, make_actor, make_organization
from tests.factories.shop import make_goods, make_order, pay


@pytest.fixture
def buyer(app: Flask, session: Session) -> Any:
    actor = make_actor(session)
    act_as(app, actor)
    return actor


def test_one_pays_each_seller_by_itself(client: FlaskClient, session: Session, buyer: Any) -> None:
    order = make_order(session, {make_goods(session).sku: 1, make_goods(session).sku: 1}, buyer)
    for part in order.sub_orders:
        answer = client.post(f"/orders/{order.code}/pay", data=form(part=part.code))
        payment = session.scalars(select(Payment).where(Payment.order_code == part.code)).one()
        assert (payment.amount_fen, payment.seller_id, payment.provider) == (part.payable_fen, part.seller_id, Provider.STRIPE)
        assert answer.location.startswith(f"/pay/{payment.code}?t=")


@pytest.fixture
def cooperatives(session: Session, buyer: Any) -> Order:
    """An order whose seller is a cooperative."""
    return make_order(session, {make_goods(session, seller_id=make_organization(session).id).sku: 1}, buyer)


def test_another_seller_than_the_operator_is_paid_by_transfer(client: FlaskClient, session: Session, cooperatives: Order) -> None:
    """The provider's money lands on the operator's account: taking it there for others would be 二清."""
    (part,) = cooperatives.sub_orders
    refused = client.post(f"/orders/{cooperatives.code}/pay", data=form(part=part.code))
    assert refused.status_code == 409
    assert "用对公转账直接付给销售方" in refused.text
    assert session.scalars(select(Payment)).all() == []
    assert client.post(f"/orders/{cooperatives.code}/pay", data=form(part=part.code, by="bank_transfer")).status_code == 302
    assert session.scalars(select(Payment.provider)).one() is Provider.BANK_TRANSFER


def test_without_that_guard_the_payment_starts(
    client: FlaskClient, session: Session, cooperatives: Order, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    monkeypatch.setattr(paying, "takes_online", lambda _session, sellers: frozenset(sellers))
    answer = client.post(f"/orders/{cooperatives.code}/pay", data=form(part=cooperatives.sub_orders[0].code))
    payment = session.scalars(select(Payment)).one()
    assert (payment.provider, payment.seller_id) == (Provider.STRIPE, cooperatives.sub_orders[0].seller_id)
    assert answer.location.startswith(f"/pay/{payment.code}?t=")


def test_pressing_pay_again_leads_to_the_same_payment(client: FlaskClient, session: Session, buyer: Any) -> None:
    order = make_order(session, None, buyer)
    places = {client.post(f"/orders/{order.code}/pay", data=form(part=order.sub_orders[0].code)).location for _ in range(3)}
    assert len(places) == 1


def test_nothing_is_asked_for_what_is_paid_or_anothers(session: Session, buyer: Any, at: datetime) -> None:
    order = pay(session, make_order(session, None, buyer))
    with pytest.raises(Conflict, match="没有要付"):
        start_part_payment(session, buyer, order.code, order.sub_orders[0].code, Provider.STRIPE, at=at)
    other = make_order(session, None, buyer)
    with pytest.raises(NotFound):
        start_part_payment(session, buyer, other.code, order.sub_orders[0].code, Provider.STRIPE, at=at)


@pytest.mark.parametrize("act", ["pay", "cancel", "receive"])
def test_anothers_order_is_not_there(client: FlaskClient, session: Session, buyer: Any, act: str) -> None:
    order = make_order(session)
    answer = client.post(f"/orders/{order.code}/{act}", data=form(part=order.sub_orders[0].code))
    assert answer.status_code == 404
    assert session.scalars(select(Payment)).all() == []


def test_without_the_buyer_check_one_could_cancel_it(
    client: FlaskClient, session: Session, buyer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    order = make_order(session)
    monkeypatch.setattr(cancelling, "check_buyer", lambda *_: None)
    assert client.post(f"/orders/{order.code}/cancel", data=form()).status_code == 302
    session.refresh(order)
    assert order.state is OrderState.CANCELLED


def test_without_the_buyer_check_one_could_pay_it(
    client: FlaskClient, session: Session, buyer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    order = make_order(session)
    monkeypatch.setattr(collecting, "check_buyer", lambda *_: None)
    assert client.post(f"/orders/{order.code}/pay", data=form(part=order.sub_orders[0].code)).status_code == 302


def test_a_stranger_is_sent_to_sign_in(client: FlaskClient, session: Session) -> None:
    order = make_order(session)
    answer = client.post(f"/orders/{order.code}/cancel", data=form())
    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/")


def test_the_buyer_says_that_it_arrived(client: FlaskClient, session: Session, buyer: Any, at: datetime) -> None:
    order = pay(session, make_order(session, None, buyer))
    mark_shipped(session, order.code, {order.lines[0].code: 2}, at=at)
    mark_delivered(session, order.code, at=at)
    session.flush()
    client.post(f"/orders/{order.code}/receive", data=form())
    session.refresh(order)
    assert order.state is OrderState.COMPLETED


def test_lists_go_page_by_page(session: Session, buyer: Any) -> None:
    product = make_goods(session)
    orders = [make_order(session, {product.sku: 1}, buyer) for _ in range(3)]
    make_order(session)
    page = list_orders_of(session, person_id=buyer.person_id, limit=2)
    rest = list_orders_of(session, person_id=buyer.person_id, after=page[-1].id, limit=2)
    assert [order.code for order in (*page, *rest)] == [order.code for order in reversed(orders)]
    assert len(list_orders(session, state=OrderState.PLACED)) == 4


def test_money_on_its_way_into_the_books_is_not_asked_for_again(session: Session, buyer: Any, at: datetime) -> None:
    """The provider has it, the reaction that counts it on the order has not run yet: paying again would only be given back."""
    order = make_order(session, None, buyer)
    (part,) = order.sub_orders
    payment = start_part_payment(session, buyer, order.code, part.code, Provider.BANK_TRANSFER, at=at)
    count_capture(session, lock_payment(session, payment.id), part.payable_fen - 100, method="bank_transfer", at=at)
    with pytest.raises(Conflict, match="正在入账"):
        start_part_payment(session, buyer, order.code, part.code, Provider.STRIPE, at=at)
    settle_capture(session, PaymentCaptured(payment.id, part.code, part.payable_fen - 100, at))
    assert start_part_payment(session, buyer, order.code, part.code, Provider.STRIPE, at=at).amount_fen == 100
