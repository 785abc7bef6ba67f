"""Submitting and deciding: reservation, steps, content that may not change, and each guard switched off."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Role
from catalog.parties.queries import get_actor
from catalog.parties.registering import add_member
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from kernel.outbox import OutboxRow
from shop.notices.models import Notice
from shop.notices.telling import tell_person
from shop.orders.models import Purpose
from shop.procurement import approving, drafting, policy, queries, ruling
from shop.procurement.budgeting import OverBudget
from shop.procurement.models.budgets import Budget
from shop.procurement.models.requests import PersonTold, PurchaseRequest
from shop.procurement.states import RequestState, StepState
from tests.factories.catalog import make_actor, make_price
from tests.factories.procurement import Office, approve, make_approved, make_draft_request, make_office, make_submitted, wanted

TOTAL = 128_000


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def budget(session: Session, office: Office) -> tuple[int, int]:
    found = session.scalars(
        select(Budget)
        .where(Budget.organization_id == office.organization.id, Budget.purpose == Purpose.CANTEEN)
        .execution_options(populate_existing=True)
    ).one()
    return found.reserved_fen, found.spent_fen


def news(session: Session, kind: str) -> list[dict[str, object]]:
    rows = session.scalars(select(OutboxRow).where(OutboxRow.event == "PersonTold")).all()
    return [row.body for row in rows if row.body["kind"] == kind]


def test_submitting_reserves_the_budget_and_asks_the_approver(app: object, session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    assert (request.state, request.total_fen, request.round) == (RequestState.SUBMITTED, TOTAL, 1)
    assert budget(session, office) == (TOTAL, 0)
    assert [(step.level, step.role, step.state) for step in queries.list_steps(session, request)] == [
        (1, Role.approver, StepState.WAITING)
    ]
    (asked,) = news(session, "approval_asked")
    assert asked["person_id"] == str(office.approver.person_id)
    tell_person(
        session,
        PersonTold(
            office.approver.person_id, "approval_asked", "k", {"request": request.code, "amount": "¥1"}, None, request.created_at
        ),
    )  # type: ignore[arg-type]
    assert session.scalars(select(Notice)).one().kind == "approval_asked"


def test_submitting_twice_changes_nothing(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    assert approving.submit_request(session, office.requester, request.code, expected_fen=TOTAL, at=request.created_at)
    assert budget(session, office) == (TOTAL, 0)


def test_a_moved_price_is_shown_before_it_is_submitted(session: Session, office: Office, at: datetime) -> None:
    request = make_draft_request(session, office)
    make_price(session, office.product, 13_000, valid_from=at.date())
    assert not approving.submit_request(session, office.requester, request.code, expected_fen=TOTAL, at=at)
    assert (request.state, request.total_fen) == (RequestState.DRAFT, 130_000)
    assert not approving.submit_request(session, office.requester, request.code, expected_fen=TOTAL, at=at), "the page was old"
    assert approving.submit_request(session, office.requester, request.code, expected_fen=130_000, at=at)


def test_no_budget_no_submission(session: Session, office: Office, at: datetime) -> None:
    request = make_draft_request(session, office, 79)
    with pytest.raises(OverBudget) as caught, session.begin_nested():
        approving.submit_request(session, office.requester, request.code, expected_fen=79 * 12_800, at=at)
    assert caught.value.params["left"] == "¥10,000.00"
    session.execute(text("DELETE FROM procurement_budget"))
    with pytest.raises(Conflict, match="预算"), session.begin_nested():
        approving.submit_request(session, office.requester, request.code, expected_fen=79 * 12_800, at=at)


def test_an_empty_request_is_not_submitted(session: Session, office: Office, at: datetime) -> None:
    request = drafting.create_request(
        session, office.requester, organization_id=office.organization.id, purpose=Purpose.CANTEEN, title="空", at=at
    )
    with pytest.raises(Invalid):
        approving.submit_request(session, office.requester, request.code, expected_fen=0, at=at)


def test_without_an_approver_nothing_can_be_submitted(session: Session, office: Office) -> None:
    session.execute(text("DELETE FROM parties_membership WHERE role = 'approver'"))
    with pytest.raises(Conflict, match="审批人"):
        make_submitted(session, office)


def test_approval_needs_every_step_by_different_people(session: Session, office: Office, at: datetime) -> None:
    for level, role in ((1, Role.approver), (2, Role.finance)):
        ruling.set_rule(
            session, office.finance, organization_id=office.organization.id, level=level, role=role, amount=Money(0), at=at
        )
    request = make_submitted(session, office)
    with pytest.raises(Forbidden):
        approve(session, office.finance, request)
    approve(session, office.approver, request)
    assert request.state is RequestState.SUBMITTED
    approve(session, office.finance, request)
    assert request.state is RequestState.APPROVED
    assert budget(session, office) == (TOTAL, 0)


def second_role(session: Session, office: Office, at: datetime) -> PurchaseRequest:
    """The requester gets the approver's role too, and submits."""
    assert office.requester.person_id is not None
    add_member(
        session, SYSTEM, person_id=office.requester.person_id, organization_id=office.organization.id, role=Role.approver, at=at
    )
    return make_submitted(session, office)


def test_a_second_role_does_not_let_one_approve_ones_own(session: Session, office: Office, at: datetime) -> None:
    request = second_role(session, office, at)
    assert office.requester.person_id is not None
    both = get_actor(session, office.requester.person_id)
    assert both.has(Role.approver, office.organization.id)
    with pytest.raises(Forbidden, match="自己"):
        approve(session, both, request)
    assert request not in queries.list_waiting(session, both)


def test_without_the_guard_one_would(session: Session, office: Office, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    request = second_role(session, office, at)
    assert office.requester.person_id is not None
    monkeypatch.setattr(policy, "check_decider", lambda *_, **__: None)
    approve(session, get_actor(session, office.requester.person_id), request)
    assert request.state is RequestState.APPROVED


def test_other_roles_do_not_approve(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    for role in (Role.requester, Role.inspector, Role.finance):
        with pytest.raises((Forbidden, NotFound)):
            approve(session, make_actor(session, role, office.organization), request)


def test_other_organisations_find_nothing(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    for role in (Role.requester, Role.approver, Role.finance, Role.inspector):
        stranger = make_actor(session, role)
        with pytest.raises(NotFound):
            approve(session, stranger, request)
        with pytest.raises(NotFound):
            queries.get_request(session, request.code, stranger)
        assert queries.list_requests(session, stranger) == []


def test_refusing_needs_a_reason_and_frees_the_budget(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    with pytest.raises(Invalid):
        approve(session, office.approver, request, approve=False)
    approve(session, office.approver, request, approve=False, remark="太贵")
    assert request.state is RequestState.REFUSED
    assert budget(session, office) == (0, 0)
    with pytest.raises(Conflict):
        approve(session, office.approver, request)


def test_a_refused_request_can_be_mended_and_submitted_again(session: Session, office: Office, at: datetime) -> None:
    request = make_submitted(session, office)
    approve(session, office.approver, request, approve=False, remark="太多")
    drafting.change_request(session, office.requester, request.code, wanted(office, 5), at=at)
    assert approving.submit_request(session, office.requester, request.code, expected_fen=64_000, at=at)
    approve(session, office.approver, request)
    assert (request.state, request.round) == (RequestState.APPROVED, 2)
    assert budget(session, office) == (64_000, 0)


def test_a_change_after_approval_voids_it(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    drafting.change_request(session, office.requester, request.code, wanted(office, 10, street="别的路 2 号"), at=at)
    assert request.state is RequestState.DRAFT
    assert budget(session, office) == (0, 0)
    assert [step.state for step in queries.list_steps(session, request)] == [StepState.VOID]


def test_what_changed_since_it_was_shown_is_not_decided(session: Session, office: Office, at: datetime) -> None:
    request = make_submitted(session, office)
    shown = request.content_hash
    drafting.change_request(session, office.requester, request.code, wanted(office, 20), at=at)
    approving.submit_request(session, office.requester, request.code, expected_fen=2 * TOTAL, at=at)
    with pytest.raises(Conflict, match="变化"):
        approve(session, office.approver, request, content_hash=shown)


def tamper(session: Session, request: PurchaseRequest) -> None:
    """Somebody changes an address behind the application's back."""
    session.execute(
        text('UPDATE procurement_delivery SET address = address || \'{"street": "别人家 9 号"}\' WHERE request_id = :id'),
        {"id": request.id},
    )
    session.expire_all()


def test_rows_changed_by_other_means_are_not_decided(session: Session, office: Office) -> None:
    request = make_submitted(session, office)
    tamper(session, request)
    with pytest.raises(Conflict, match="变化"):
        approve(session, office.approver, request)


def test_without_the_hash_they_would_be(session: Session, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    request = make_submitted(session, office)
    tamper(session, request)
    monkeypatch.setattr(approving, "seen_content", lambda *_: True)
    approve(session, office.approver, request)
    assert request.state is RequestState.APPROVED


def test_withdrawing_and_cancelling_free_the_budget(session: Session, office: Office, at: datetime) -> None:
    request = make_approved(session, office)
    with pytest.raises(NotFound):
        drafting.withdraw_request(session, office.approver, request.code, at=at)
    drafting.withdraw_request(session, office.requester, request.code, at=at)
    assert (request.state, budget(session, office)) == (RequestState.DRAFT, (0, 0))
    with pytest.raises(Conflict):
        drafting.withdraw_request(session, office.requester, request.code, at=at)
    other = make_submitted(session, office)
    drafting.cancel_request(session, office.requester, other.code, at=at)
    assert (other.state, budget(session, office)) == (RequestState.CANCELLED, (0, 0))


def test_the_list_and_the_rule_agree_on_who_sees_what(session: Session, office: Office, at: datetime) -> None:
    requests = [make_draft_request(session, office), make_submitted(session, office), make_approved(session, office)]
    everybody = [
        office.requester,
        office.approver,
        office.finance,
        office.inspector,
        make_actor(session, Role.requester, office.organization),
    ]
    for actor in [*everybody, make_actor(session, Role.approver), make_actor(session)]:
        listed = {request.code for request in queries.list_requests(session, actor)}
        assert listed == {request.code for request in requests if queries.is_visible(request, actor)}


def test_history_tells_who_did_what(session: Session, office: Office) -> None:
    request = make_approved(session, office)
    acts = [(entry.act, entry.by) for entry in queries.list_history(session, request.id)]
    name = office.requester.name
    assert acts == [("created", name), ("changed", name), ("submitted", name), ("approved", office.approver.name)]
    with pytest.raises(Exception, match="append-only"), session.begin_nested():
        session.execute(text("UPDATE procurement_history SET by = '别人'"))


def test_a_long_list_is_read_in_few_queries(session: Session, office: Office, at: datetime, count_queries: Any) -> None:
    request = make_submitted(session, office, 1, people=20)
    session.expire_all()
    with count_queries() as asked:
        approve(session, office.approver, request, content_hash=request.content_hash)
    assert len([each for each in asked if "procurement_line" in each]) == 1
