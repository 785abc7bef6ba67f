"""Two approvers at one request at the same moment: one result. Each guard of shop.procurement.approving switched off."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from uuid import UUID

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel import outbox
from kernel.db import work
from kernel.errors import Conflict
from shop.orders.models import Order
from shop.procurement import approving, guarding, ordering
from shop.procurement.models.requests import ApprovalStep, HistoryEntry, PurchaseRequest
from shop.procurement.states import RequestState, StepState
from tests.factories.catalog import AT, make_actor
from tests.factories.procurement import Office, make_approved, make_office, make_submitted


def prepare() -> tuple[Office, Actor, str, str]:
    """A submitted request, two approvers, its code and hash, committed."""
    with work() as session:
        office = make_office(session)
        second = make_actor(session, Role.approver, office.organization)
        request = make_submitted(session, office)
        return office, second, request.code, request.content_hash


def decide(actor: Actor, code: str, content_hash: str, approve: bool) -> str:
    try:
        with work() as session:
            approving.decide(session, actor, code, approve=approve, remark="不买", content_hash=content_hash, at=AT)
        return "approved" if approve else "refused"
    except Conflict:
        return "too late"


def both(first: Actor, second: Actor, code: str, content_hash: str) -> Counter[str]:
    barrier = threading.Barrier(2)

    def started(who: tuple[Actor, bool]) -> str:
        barrier.wait(30)
        return decide(who[0], code, content_hash, who[1])

    with ThreadPoolExecutor(2) as pool:
        return Counter(pool.map(started, [(first, True), (second, False)]))


def decisions(code: str) -> int:
    with work() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(HistoryEntry)
                .join(PurchaseRequest, PurchaseRequest.id == HistoryEntry.request_id)
                .where(PurchaseRequest.code == code, HistoryEntry.act.in_(("approved", "refused")))
            )
            or 0
        )


def test_two_approvers_at_once_give_one_result(database: str) -> None:
    for _ in range(5):
        office, second, code, content_hash = prepare()
        outcome = both(office.approver, second, code, content_hash)
        assert outcome["too late"] == 1
        assert decisions(code) == 1


def unlocked(session: Session, code: str) -> PurchaseRequest:
    return session.scalars(select(PurchaseRequest).where(PurchaseRequest.code == code)).one()


def test_without_the_lock_the_step_is_still_taken_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office, second, code, content_hash = prepare()
    barrier, claim = threading.Barrier(2), approving.claim_step

    def together(*args: object, **kwargs: object) -> bool:
        barrier.wait(30)
        return claim(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(guarding, "lock_request", unlocked)
    monkeypatch.setattr(approving, "claim_step", together)
    assert both(office.approver, second, code, content_hash)["too late"] == 1
    assert decisions(code) == 1


def test_without_lock_and_condition_there_are_two_results(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    office, second, code, content_hash = prepare()
    barrier = threading.Barrier(2)

    def careless(session: Session, step_id: UUID, outcome: StepState, person_id: UUID, remark: str, *, at: datetime) -> bool:
        barrier.wait(30)
        values = {"state": outcome, "decided_by": person_id, "decided_at": at, "remark": remark}
        session.execute(update(ApprovalStep).where(ApprovalStep.id == step_id).values(**values))
        return True

    monkeypatch.setattr(guarding, "lock_request", unlocked)
    monkeypatch.setattr(approving, "claim_step", careless)
    assert both(office.approver, second, code, content_hash) == {"approved": 1, "refused": 1}
    assert decisions(code) == 2


def order(office: Office, code: str) -> str:
    try:
        with work() as session:
            return str(ordering.order_again(session, office.requester, code, at=AT).value)
    except Conflict as problem:
        return problem.type


def test_many_clicks_place_the_orders_once(database: str) -> None:
    with work() as session:
        office = make_office(session)
        code = make_approved(session, office, 10, people=3).code
    with ThreadPoolExecutor(8) as pool:
        outcome = Counter(pool.map(lambda _: order(office, code), range(8)))
    assert outcome == {"ordered": 8}
    outbox.deliver_all()
    with work() as session:
        assert session.scalar(select(func.count()).select_from(Order)) == 3
        assert unlocked(session, code).state is RequestState.ORDERED
