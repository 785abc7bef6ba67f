"""Ending an order: boxes come back, packers stop, nobody ends another's; unpaid orders end by themselves."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, Role
from kernel.errors import Conflict, Forbidden, NotFound
from kernel.outbox import OutboxRow
from logistics.shipments.models import Shipment
from logistics.shipments.states import ShipmentState
from logistics.stock.models import StockLot
from shop import wiring
from shop.orders import cancelling
from shop.orders.cancelling import cancel_order, confirm_on_terms, expire_orders
from shop.orders.forwarding import forward_order
from shop.orders.models import Order
from shop.orders.placing import PAY_WITHIN
from shop.orders.states import STATES, OrderState
from tests.factories.catalog import make_actor
from tests.factories.shop import make_goods, make_order, pay


def allocated(session: Session) -> int:
    return sum(session.scalars(select(StockLot.allocated).execution_options(populate_existing=True)))


def events(session: Session, name: str) -> list[OutboxRow]:
    return list(session.scalars(select(OutboxRow).where(OutboxRow.event == name)))


def test_the_buyer_cancels_and_the_boxes_are_free(session: Session, at: datetime) -> None:
    wiring.register()
    buyer = make_actor(session)
    order = make_order(session, None, buyer)
    assert allocated(session) == 2
    for _ in range(2):
        cancel_order(session, buyer, order.code, reason="买错了", at=at)
    assert order.state is OrderState.CANCELLED
    assert allocated(session) == 0
    assert {row.body["order_code"] for row in events(session, "OrderClosed")} == {order.code}


def test_nobody_cancels_anothers_order(session: Session, at: datetime) -> None:
    order = make_order(session)
    with pytest.raises(NotFound):
        cancel_order(session, make_actor(session), order.code, reason="", at=at)
    assert order.state is OrderState.PLACED


def test_without_the_buyer_check_they_would(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    order = make_order(session)
    monkeypatch.setattr(cancelling, "check_buyer", lambda *_: None)
    cancel_order(session, make_actor(session), order.code, reason="", at=at)
    assert order.state is OrderState.CANCELLED


def test_a_paid_order_stops_the_packers_too(session: Session, at: datetime) -> None:
    buyer = make_actor(session)
    order = pay(session, make_order(session, None, buyer))
    forward_order(session, order.code, at=at)
    cancel_order(session, buyer, order.code, reason="", at=at)
    assert session.scalars(select(Shipment.state)).all() == [ShipmentState.CANCELLED]
    assert allocated(session) == 0


def test_what_has_left_cannot_be_cancelled(session: Session, at: datetime) -> None:
    buyer = make_actor(session)
    order = pay(session, make_order(session, None, buyer))
    order.lines[0].shipped = 1
    with pytest.raises(Conflict, match="已经发货"):
        cancel_order(session, buyer, order.code, reason="", at=at)
    assert order.state is OrderState.PAID


def test_unpaid_orders_expire_on_the_minute_and_give_their_boxes_back(session: Session, at: datetime) -> None:
    order = make_order(session)
    paid = pay(session, make_order(session))
    assert expire_orders(session, at=at + PAY_WITHIN - timedelta(seconds=1)) == 0
    assert expire_orders(session, at=at + PAY_WITHIN) == 1
    assert expire_orders(session, at=at + PAY_WITHIN) == 0
    assert (order.state, paid.state) == (OrderState.EXPIRED, OrderState.PAID)
    assert allocated(session) == 2, "those of the paid order"


def test_only_orders_on_terms_are_confirmed_unpaid(session: Session, at: datetime) -> None:
    with pytest.raises(Conflict, match="请先付款"):
        confirm_on_terms(session, SYSTEM, make_order(session).code, at=at)
    requester = make_actor(session, Role.requester)
    (organization_id,) = requester.roles
    wants = {make_goods(session).sku: 1}
    order = make_order(session, wants, requester, on_terms=True, buyer_organization_id=organization_id)
    with pytest.raises(Forbidden):
        confirm_on_terms(session, make_actor(session, Role.requester), order.code, at=at)
    for _ in range(2):
        confirm_on_terms(session, requester, order.code, at=at)
    assert order.state is OrderState.CONFIRMED
    assert expire_orders(session, at=at + timedelta(days=90)) == 0 or order.state is OrderState.CONFIRMED


def test_members_of_the_organisation_see_its_order(session: Session) -> None:
    requester = make_actor(session, Role.requester)
    (organization_id,) = requester.roles
    order = make_order(session, {make_goods(session).sku: 1}, requester, buyer_organization_id=organization_id)
    colleague = make_actor(session, Role.finance, session.get_one(Organization, organization_id))
    cancelling.check_buyer(order, colleague)
    with pytest.raises(NotFound):
        cancelling.check_buyer(order, make_actor(session, Role.finance))


@pytest.mark.parametrize("end", [OrderState.COMPLETED, OrderState.CANCELLED])
def test_ends_are_ends(session: Session, end: OrderState) -> None:
    assert not STATES.after(end)
    order = Order(state=end)
    with pytest.raises(Conflict):
        order.move(OrderState.PAID)


@pytest.mark.parametrize("role", [Role.inspector, Role.approver, Role.finance])
def test_only_who_asks_for_goods_cancels_them(session: Session, at: datetime, role: Role) -> None:
    """A colleague may see the order of the organisation, not end it."""
    requester = make_actor(session, Role.requester)
    (organization_id,) = requester.roles
    order = make_order(session, {make_goods(session).sku: 1}, requester, buyer_organization_id=organization_id)
    colleague = make_actor(session, role, session.get_one(Organization, organization_id))
    assert not cancelling.may_cancel(order, colleague)
    with pytest.raises(Forbidden):
        cancel_order(session, colleague, order.code, reason="", at=at)
    other_requester = make_actor(session, Role.requester, session.get_one(Organization, organization_id))
    assert cancelling.may_cancel(order, other_requester)
    assert cancel_order(session, other_requester, order.code, reason="", at=at).state is OrderState.CANCELLED


def test_a_locked_order_is_as_it_is_now(session: Session) -> None:
    """Whoever looked before waiting for the lock must not act on what was true then."""
    order = make_order(session)
    session.execute(text("UPDATE orders_order SET state = 'cancelled' WHERE code = :code"), {"code": order.code})
    assert cancelling.lock_order(session, order.code).state is OrderState.CANCELLED
