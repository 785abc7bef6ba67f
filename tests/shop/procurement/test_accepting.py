"""Acceptance: who may, what is recorded, what goes back to the budget and what is owed then."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from catalog.parties.queries import get_actor
from catalog.parties.registering import add_member
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.outbox import OutboxRow
from kernel.quantity import Unit
from shop.orders.models import OrderDelivered
from shop.orders.states import OrderState
from shop.procurement import accepting, policy, queries
from shop.procurement.accepting import accept_delivered, accept_order, ask_inspectors
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.states import RequestState
from tests.factories.catalog import make_actor
from tests.factories.procurement import Office, deliver_orders, make_office, make_ordered, whole


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def spent(session: Session, request: PurchaseRequest) -> int:
    budget = queries.find_budget(session, request.organization_id, request.year, request.purpose)
    assert budget is not None
    session.refresh(budget)
    return budget.spent_fen


def test_boxes_and_kilograms_are_recorded_and_the_rest_goes_back(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office, 10)
    (order,) = deliver_orders(session, request)
    later = at + timedelta(days=2)
    acceptance = accept_order(
        session, office.inspector, request.code, order.code, whole(order, boxes=8, kg="7.95"), note="两盒破损", at=later
    )
    assert acceptance.found == [
        {"line": order.lines[0].code, "name": order.lines[0].name, "ordered": 10, "boxes": 8, "amount": "7.95", "unit": "kg"}
    ]
    assert (order.state, order.lines[0].accepted_amount, order.lines[0].accepted_unit) == (
        OrderState.ACCEPTED,
        Decimal("7.95"),
        Unit.KG,
    )
    assert (request.state, spent(session, request)) == (RequestState.ACCEPTED, 8 * 12_800)
    (settlement,) = queries.list_settlements(session, request.id)
    assert (settlement.amount_fen, settlement.due_on) == (8 * 12_800, date(2026, 12, 22)), (
        "thirty days from delivery, not from acceptance"
    )
    with pytest.raises(Exception, match="append-only"), session.begin_nested():
        session.execute(text("UPDATE procurement_acceptance SET note = ''"))


def test_twice_or_too_early_is_refused(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office)
    (order,) = queries.list_orders_of_request(session, request)
    with pytest.raises(Conflict):
        accept_order(session, office.inspector, request.code, order.code, whole(order), at=at)
    with pytest.raises(Conflict):
        accept_delivered(session, office.inspector, request.code, at=at)
    deliver_orders(session, request)
    accept_order(session, office.inspector, request.code, order.code, whole(order), at=at)
    with pytest.raises(Conflict):
        accept_order(session, office.inspector, request.code, order.code, whole(order), at=at)


def test_more_than_was_ordered_is_refused(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office, 10)
    (order,) = deliver_orders(session, request)
    for received in (whole(order, boxes=11), whole(order, boxes=-1), whole(order, kg="-1"), {}):
        with pytest.raises(Invalid), session.begin_nested():
            accept_order(session, office.inspector, request.code, order.code, received, at=at)
    assert queries.list_acceptances(session, request.id) == []


def with_second_role(session: Session, office: Office, actor: Actor, at: datetime) -> Actor:
    assert actor.person_id is not None
    add_member(session, SYSTEM, person_id=actor.person_id, organization_id=office.organization.id, role=Role.inspector, at=at)
    return get_actor(session, actor.person_id)


def test_who_asked_or_approved_does_not_accept_even_as_inspector(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office)
    (order,) = deliver_orders(session, request)
    for actor in (office.requester, office.approver):
        with pytest.raises(Forbidden, match="不能验收"):
            accept_order(session, with_second_role(session, office, actor, at), request.code, order.code, whole(order), at=at)
    for actor in (office.requester, office.approver, office.finance):
        with pytest.raises(Forbidden):
            accept_delivered(session, actor, request.code, at=at)
    with pytest.raises(NotFound):
        accept_order(session, make_actor(session, Role.inspector), request.code, order.code, whole(order), at=at)
    with pytest.raises(NotFound):
        accept_order(session, office.inspector, request.code, "ORD-OTHER", whole(order), at=at)


def test_without_the_guard_they_would(session: Session, office: Office, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    request = make_ordered(session, office)
    (order,) = deliver_orders(session, request)
    both = with_second_role(session, office, office.requester, at)
    monkeypatch.setattr(policy, "check_inspector", lambda *_, **__: None)
    accept_order(session, both, request.code, order.code, whole(order), at=at)
    assert request.state is RequestState.ACCEPTED


def test_gifts_are_accepted_together_and_settled_once(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office, 2, people=5)
    deliver_orders(session, request)
    assert accept_delivered(session, office.inspector, request.code, at=at) == 5
    (settlement,) = queries.list_settlements(session, request.id)
    assert len(settlement.parts) == 5
    assert sum(part.amount_fen for part in settlement.parts) == settlement.amount_fen == request.total_fen


def test_a_request_waits_for_its_last_order(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office, 2, people=2)
    first, second = deliver_orders(session, request)
    accept_order(session, office.inspector, request.code, first.code, whole(first), at=at)
    assert (request.state, queries.list_settlements(session, request.id)) == (RequestState.ORDERED, [])
    accept_order(session, office.inspector, request.code, second.code, whole(second), at=at)
    assert request.state is RequestState.ACCEPTED


def test_nothing_accepted_owes_nothing(session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office)
    (order,) = deliver_orders(session, request)
    accept_order(session, office.inspector, request.code, order.code, whole(order, boxes=0, kg="0"), at=at)
    assert (request.state, queries.list_settlements(session, request.id), spent(session, request)) == (RequestState.SETTLED, [], 0)
    assert accepting.not_kept(order).minor == order.total_fen


def test_inspectors_are_told_when_goods_arrive(app: object, session: Session, office: Office, at: datetime) -> None:
    request = make_ordered(session, office)
    code = request.deliveries[0].order_code or ""
    ask_inspectors(session, OrderDelivered(code, at))
    ask_inspectors(session, OrderDelivered("ORD-OTHER", at))
    session.flush()
    rows = session.scalars(select(OutboxRow).where(OutboxRow.event == "PersonTold")).all()
    told = [row.body["person_id"] for row in rows if row.body["kind"] == "goods_to_accept"]
    assert told == [str(office.inspector.person_id)]
