"""Budgets that hold: two of 60 % at once, random histories, and what each guard is worth."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.ids import uuid7
from kernel.money import Money
from shop.orders.models import OrderRefunded, Purpose
from shop.procurement import approving, budgeting, drafting, ordering, queries
from shop.procurement.approving import submit_request
from shop.procurement.budgeting import OverBudget
from shop.procurement.models.budgets import Budget, BudgetEntry, EntryKind
from shop.procurement.states import RequestState
from tests.factories.catalog import AT, make_actor
from tests.factories.procurement import (
    Office,
    approve,
    make_approved,
    make_draft_request,
    make_office,
    make_ordered,
    make_submitted,
    set_budget,
    wanted,
)

WITHIN = "ALTER TABLE procurement_budget DROP CONSTRAINT ck_procurement_budget_within"


def totals(session: Session, budget_id: UUID) -> tuple[int, int]:
    """Reserved and spent as the entries say."""
    reserved = spent = 0
    for entry in session.scalars(select(BudgetEntry).where(BudgetEntry.budget_id == budget_id)):
        first, second = budgeting.SIGNS[entry.kind]
        reserved += first * entry.amount_fen
        spent += second * entry.amount_fen
    return reserved, spent


def the_budget(session: Session, office: Office) -> Budget:
    query = select(Budget).where(Budget.organization_id == office.organization.id, Budget.purpose == Purpose.CANTEEN)
    return session.scalars(query.execution_options(populate_existing=True)).one()


def test_a_budget_goes_through_its_life(session: Session, at: datetime) -> None:
    office = make_office(session)
    request = make_ordered(session, office, 10)
    budget = the_budget(session, office)
    assert (budget.reserved_fen, budget.spent_fen, budget.free_fen) == (0, 128_000, 872_000)
    budgeting.give_back(session, request, 12_800, "back-1", at=at)
    budgeting.give_back(session, request, 12_800, "back-1", at=at)
    session.refresh(budget)
    assert budget.spent_fen == 115_200
    assert totals(session, budget.id) == (0, 115_200)
    kinds = [entry.kind for entry in queries.list_entries(session, budget.id)]
    assert kinds == [EntryKind.GIVE_BACK, EntryKind.COMMIT, EntryKind.RESERVE]


def test_a_refund_may_be_spent_again_and_counts_once(session: Session, at: datetime) -> None:
    office = make_office(session)
    request = make_ordered(session, office)
    event = OrderRefunded(request.deliveries[0].order_code or "", uuid7(), 5_000, at)
    budgeting.return_refund(session, event)
    budgeting.return_refund(session, event)
    budgeting.return_refund(session, OrderRefunded("ORD-OTHER", uuid7(), 5_000, at))
    assert the_budget(session, office).spent_fen == 123_000


def test_who_sets_a_budget_and_to_what(session: Session, at: datetime) -> None:
    office = make_office(session)
    make_submitted(session, office)
    for actor in (office.requester, office.approver, make_actor(session, Role.finance)):
        with pytest.raises(Forbidden):
            budgeting.set_budget(
                session, actor, organization_id=office.organization.id, year=2026, purpose=Purpose.CANTEEN, amount=Money(1), at=at
            )
    set_budget(session, office, 128_000)
    with pytest.raises(Conflict, match="不能少于"):
        set_budget(session, office, 127_999)
    with pytest.raises(Invalid):
        set_budget(session, office, -1)
    with pytest.raises(Invalid):
        set_budget(session, office, 1, purpose=Purpose.PERSONAL)


def prepare(boxes: tuple[int, ...], budget: int = 1_000_000) -> tuple[Office, list[str]]:
    """Drafts of one office that ask for so many boxes each, committed."""
    with work() as session:
        office = make_office(session, budget=budget, boxes=500)
        return office, [make_draft_request(session, office, count).code for count in boxes]


def submit(office: Office, code: str) -> str:
    try:
        with work() as session:
            request = queries.get_request(session, code, office.requester)
            approving.submit_request(session, office.requester, code, expected_fen=request.total_fen, at=AT)
        return "submitted"
    except OverBudget:
        return "over budget"
    except IntegrityError:
        return "check"


def at_once(office: Office, codes: list[str]) -> Counter[str]:
    barrier = threading.Barrier(len(codes))

    def started(code: str) -> str:
        barrier.wait(30)
        return submit(office, code)

    with ThreadPoolExecutor(len(codes)) as pool:
        return Counter(pool.map(started, codes))


def test_two_requests_of_60_percent_at_once(database: str) -> None:
    for _ in range(3):
        office, codes = prepare((47, 47))
        assert at_once(office, codes) == {"submitted": 1, "over budget": 1}
        with work() as session:
            budget = the_budget(session, office)
            assert totals(session, budget.id) == (budget.reserved_fen, budget.spent_fen) == (601_600, 0)


def test_twenty_requests_for_a_budget_of_seven(database: str) -> None:
    office, codes = prepare((10,) * 20, budget=7 * 128_000)
    assert at_once(office, codes) == {"submitted": 7, "over budget": 13}


def without_condition(barrier: threading.Barrier) -> Callable[[Session, UUID, int, int], bool]:
    """What a careless shop does: read, look, write."""

    def change(session: Session, budget_id: UUID, reserved: int, spent: int) -> bool:
        budget = session.get_one(Budget, budget_id)
        if budget.free_fen < reserved + spent:
            return False
        barrier.wait(30)
        session.execute(
            update(Budget)
            .where(Budget.id == budget_id)
            .values(reserved_fen=Budget.reserved_fen + reserved, spent_fen=Budget.spent_fen + spent)
        )
        return True

    return change


def test_without_the_condition_the_check_still_refuses(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office, codes = prepare((47, 47))
    monkeypatch.setattr(budgeting, "change", without_condition(threading.Barrier(2)))
    assert at_once(office, codes) == {"submitted": 1, "check": 1}


def test_without_condition_and_check_the_budget_is_overdrawn(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office, codes = prepare((47, 47))
    with work() as session:
        session.execute(text(WITHIN))
    monkeypatch.setattr(budgeting, "change", without_condition(threading.Barrier(2)))
    assert at_once(office, codes) == {"submitted": 2}
    with work() as session:
        budget = the_budget(session, office)
        assert budget.reserved_fen > budget.amount_fen


@pytest.mark.parametrize("seed", range(3))
def test_counters_are_the_sum_of_their_entries_after_any_history(session: Session, seed: int) -> None:
    random, office = Random(seed), make_office(session, budget=600_000, boxes=1000)
    steps: list[Callable[[], object]] = [
        lambda: make_submitted(session, office, random.randint(1, 20)),
        lambda: make_approved(session, office, random.randint(1, 20)),
        lambda: make_ordered(session, office, random.randint(1, 20)),
        lambda: approve(session, office.approver, pick(RequestState.SUBMITTED), approve=False, remark="不需要"),
        lambda: drafting.withdraw_request(session, office.requester, pick(RequestState.APPROVED).code, at=AT),
        lambda: drafting.change_request(session, office.requester, pick(RequestState.SUBMITTED).code, wanted(office, 3), at=AT),
        lambda: drafting.cancel_request(session, office.requester, pick(RequestState.SUBMITTED).code, at=AT),
        lambda: ordering.order_again(session, office.requester, pick(RequestState.APPROVED).code, at=AT),
    ]

    def pick(state: RequestState):  # type: ignore[no-untyped-def]
        found = queries.list_requests(session, office.requester, states=[state])
        if not found:
            raise Conflict("none")
        return random.choice(found)

    for _ in range(20):
        try:
            with session.begin_nested():
                random.choice(steps)()
        except Conflict:
            pass
        budget = the_budget(session, office)
        assert totals(session, budget.id) == (budget.reserved_fen, budget.spent_fen)
        held = [
            request.total_fen
            for request in queries.list_requests(session, office.requester, limit=500)
            if request.state in drafting.RESERVING
        ]
        assert budget.reserved_fen == sum(held)
        assert budget.free_fen >= 0


def test_a_draft_of_last_year_is_paid_from_the_year_it_is_submitted_in(session: Session, at: datetime) -> None:
    """A draft may lie over New Year; last year's money is not spent in this one."""
    office = make_office(session)
    request = make_draft_request(session, office, at=at)
    new_year = datetime(2026, 12, 31, 16, 30, tzinfo=UTC)  # half past midnight in China
    with pytest.raises(Conflict, match="还没有今年"):
        submit_request(session, office.requester, request.code, expected_fen=request.total_fen, at=new_year)
