"""From approval to orders on terms: all or none, only what was approved, and why not."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from catalog.products.listing import take_off_sale
from kernel.errors import Conflict, NotFound
from logistics.stock.queries import available
from shop.orders.cancelling import cancel_order
from shop.orders.models import Order, OrderClosed, Purpose
from shop.orders.states import OrderState
from shop.procurement import approving, drafting, ordering, queries
from shop.procurement.models.budgets import Budget
from shop.procurement.models.requests import PurchaseRequest, RequestApproved
from shop.procurement.ordering import Placed, order_again, place_approved, return_closed
from shop.procurement.quoting import WantedDelivery
from shop.procurement.states import RequestState, StepState
from tests.factories.catalog import make_price, make_product
from tests.factories.logistics import make_stock
from tests.factories.procurement import (
    Office,
    approve,
    make_approved,
    make_draft_request,
    make_office,
    make_ordered,
    make_submitted,
)
from tests.factories.shop import SHANGHAI, set_freight


def the_budget(session: Session, office: Office) -> Budget:
    query = select(Budget).where(Budget.organization_id == office.organization.id, Budget.purpose == Purpose.CANTEEN)
    return session.scalars(query.execution_options(populate_existing=True)).one()


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def count_orders(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Order)) or 0


def approved(request: PurchaseRequest, at: datetime) -> RequestApproved:
    return RequestApproved(request.code, request.round, at)


def test_the_reaction_orders_on_terms(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office, 2, people=3)
    place_approved(session, approved(request, at))
    place_approved(session, approved(request, at))
    orders = queries.list_orders_of_request(session, request)
    assert [order.state for order in orders] == [OrderState.CONFIRMED] * 3
    assert {(order.buyer_organization_id, order.buyer_person_id, order.reference) for order in orders} == {
        (office.organization.id, office.requester.person_id, request.code)
    }
    assert count_orders(session) == 3
    assert (request.state, request.trouble) == (RequestState.ORDERED, None)


def test_deliveries_are_charged_for_the_parcels_they_make_one_after_the_other(session: Session, at: datetime) -> None:
    """Five boxes lie at one hub, the rest at another: what the first delivery takes, the second does not find."""
    office = make_office(session, boxes=5)
    make_stock(session, office.product, boxes=20)
    set_freight(session, office.product)
    request = make_approved(session, office, 3, people=3)
    assert sorted(delivery.freight_fen for delivery in request.deliveries) == [1_400, 1_400, 1_000 + 1_200]
    place_approved(session, approved(request, at))
    assert (request.state, request.trouble) == (RequestState.ORDERED, None)
    orders = queries.list_orders_of_request(session, request)
    assert sum(order.total_fen for order in orders) == request.total_fen
    assert sorted(len(order.sub_orders[0].parcels) for order in orders) == [1, 1, 2]


def test_short_stock_orders_nothing_and_says_why(session: Session, at: datetime) -> None:
    office = make_office(session, budget=10_000_000)
    request = make_approved(session, office, 40, people=3)
    place_approved(session, approved(request, at))
    assert (request.state, count_orders(session)) == (RequestState.APPROVED, 0)
    assert request.trouble is not None
    assert "现在只剩" in request.trouble["message"]
    assert available(session, [office.product.id], at)[office.product.id] == 100, "nothing is held"
    make_stock(session, office.product, boxes=20)
    assert order_again(session, office.requester, request.code, at=at) is Placed.ORDERED
    assert request.trouble is None


def test_a_product_off_the_shelf_is_not_ordered(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    take_off_sale(session, SYSTEM, office.product, at, "下架")
    place_approved(session, approved(request, at))
    assert (request.state, count_orders(session)) == (RequestState.APPROVED, 0)


def test_a_new_price_after_approval_voids_it(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    make_price(session, office.product, 13_000, valid_from=at.date())
    assert order_again(session, office.requester, request.code, at=at) is Placed.VOIDED
    assert (request.state, request.total_fen, count_orders(session)) == (RequestState.DRAFT, 130_000, 0)
    assert {step.state for step in queries.list_steps(session, request)} == {StepState.VOID}
    assert the_budget(session, office).reserved_fen == 0


def tampered(session: Session, office: Office) -> PurchaseRequest:
    """An approved request whose boxes were changed behind the application's back, total and all."""
    request = make_approved(session, office)
    session.execute(
        text("UPDATE procurement_line SET boxes = 11, amount_fen = 140800 WHERE delivery_id = :id"),
        {"id": request.deliveries[0].id},
    )
    session.execute(
        text("UPDATE procurement_delivery SET items_fen = 140800, total_fen = 140800 WHERE id = :id"),
        {"id": request.deliveries[0].id},
    )
    session.execute(text("UPDATE procurement_request SET total_fen = 140800 WHERE id = :id"), {"id": request.id})
    session.expire_all()
    return request


def test_content_changed_by_other_means_is_not_ordered(session: Session, office: Office, at: datetime) -> None:
    request = tampered(session, office)
    assert order_again(session, office.requester, request.code, at=at) is Placed.VOIDED
    assert count_orders(session) == 0
    assert the_budget(session, office).reserved_fen == 0, "what was reserved is let go, not what the rows say now"


def test_without_the_hash_it_would_be(session: Session, office: Office, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    request = tampered(session, office)
    monkeypatch.setattr(ordering, "still_approved", lambda *_: True)
    monkeypatch.setattr(ordering.budgeting, "commit", lambda *_, **__: None)
    order_again(session, office.requester, request.code, at=at)
    assert queries.list_orders_of_request(session, request)[0].items_fen == 140_800


def test_only_the_requester_orders_and_only_what_is_approved(session: Session, office: Office, at: datetime) -> None:
    request = make_submitted(session, office)
    with pytest.raises(Conflict):
        order_again(session, office.requester, request.code, at=at)
    for actor in (office.approver, office.finance, office.inspector):
        with pytest.raises(NotFound):
            order_again(session, actor, request.code, at=at)


def test_an_old_round_orders_nothing(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    place_approved(session, RequestApproved(request.code, request.round - 1, at))
    assert request.state is RequestState.APPROVED


def test_a_cancelled_order_gives_its_money_back_and_the_last_ends_the_request(
    app: Flask, session: Session, office: Office, at: datetime
) -> None:
    request = make_ordered(session, office, 2, people=2)
    codes = [delivery.order_code or "" for delivery in request.deliveries]
    for left, code in zip((25_600, 0), codes, strict=True):
        cancel_order(session, office.requester, code, reason="不要了", at=at)
        for _ in range(2):
            return_closed(session, OrderClosed(code, "不要了", at))
        assert the_budget(session, office).spent_fen == left
    assert request.state is RequestState.CANCELLED
    return_closed(session, OrderClosed("ORD-OTHER", "", at + timedelta(1)))


def test_two_sellers_make_one_order_with_two_parts(session: Session, office: Office, at: datetime) -> None:
    other = make_product(session)
    make_stock(session, other)
    request = make_draft_request(session, office)
    drafting.change_request(
        session, office.requester, request.code, [WantedDelivery(SHANGHAI, {office.product.sku: 1, other.sku: 2})], at=at
    )
    approving.submit_request(session, office.requester, request.code, expected_fen=request.total_fen, at=at)
    approve(session, office.approver, request)
    order_again(session, office.requester, request.code, at=at)
    (order,) = queries.list_orders_of_request(session, request)
    assert len(order.sub_orders) == 2
