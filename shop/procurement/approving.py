"""Submit a request and decide it: budget reserved, steps by the organisation's rules, each decision bound to the content that was seen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from catalog.parties.queries import list_members
from kernel.clock import today_shanghai
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.outbox import publish
from shop.procurement import budgeting, policy
from shop.procurement.drafting import refresh_quote, void_steps
from shop.procurement.guarding import content_of, lock_own, lock_visible, note_act, people_with, tell
from shop.procurement.models.requests import ApprovalStep, PurchaseRequest, RequestApproved
from shop.procurement.queries import list_rules, list_steps
from shop.procurement.states import RequestState, StepState


def submit_request(session: Session, actor: Actor, code: str, *, expected_fen: int, at: datetime) -> bool:
    """Submit a request for approval at the total its requester saw; False when prices have moved: it then shows the new ones.

    Raises NotFound, Conflict (state, budget, nobody to approve), Invalid (empty, or something can no longer be had).
    """
    request = lock_own(session, actor, code)
    if request.state is RequestState.SUBMITTED:
        return True
    if request.state is RequestState.REFUSED:
        request.move(RequestState.DRAFT)
    request.year = today_shanghai(at).year  # a draft may lie over New Year; it is paid from the year in which it is asked for
    if not request.deliveries:
        raise Invalid("请至少选一种商品，并填写盒数。", field="lines")
    if refresh_quote(session, request, at=at) or request.total_fen != expected_fen:
        return False
    request.move(RequestState.SUBMITTED)
    request.round += 1
    request.submitted_at = at
    request.content_hash = content_of(request)
    budgeting.reserve(session, request, at=at)
    _open_steps(session, request)
    note_act(session, request, "submitted", actor, at=at)
    _ask_next(session, request, at=at)
    return True


def _open_steps(session: Session, request: PurchaseRequest) -> None:
    rules = [
        policy.Rule(rule.level, rule.role, Money(rule.from_fen), rule.purpose)
        for rule in list_rules(session, request.organization_id)
    ]
    needed = policy.needed_steps(rules, request.purpose, Money(request.total_fen))
    people = {person.id: roles for person, roles in list_members(session, request.organization_id)}
    policy.must_have_deciders(needed, people, request.requester_id)
    session.add_all(
        ApprovalStep(request_id=request.id, round=request.round, level=level, role=role, content_hash=request.content_hash)
        for level, role in needed
    )
    session.flush()


def _ask_next(session: Session, request: PurchaseRequest, *, at: datetime) -> None:
    step = next(step for step in list_steps(session, request) if step.state is StepState.WAITING)
    params = {"request": request.code, "amount": Money(request.total_fen).format()}
    key = f"{request.code}:{request.round}:{step.level}:asked"
    tell(session, people_with(session, request, step.role), "approval_asked", key, params, at=at)


def decide(
    session: Session, actor: Actor, code: str, *, approve: bool, remark: str, content_hash: str, at: datetime
) -> PurchaseRequest:
    """Approve or refuse the next step of a request, for exactly the content that was shown (``content_hash``).

    Raises NotFound, Forbidden (own request, second step, wrong role), Conflict (changed since, decided by somebody else), Invalid.
    """
    request = lock_visible(session, actor, code)
    steps = list_steps(session, request)
    step = next((step for step in steps if step.state is StepState.WAITING), None)
    if request.state is not RequestState.SUBMITTED or step is None:
        raise Conflict("这份申请现在不在审批中，可能刚由别人处理了。请刷新后查看。")
    check_duty(request, steps, step, actor)
    if not seen_content(request, step, content_hash):
        raise Conflict("申请内容在您打开以后有变化，请刷新后重新审阅。")
    if not approve and not remark.strip():
        raise Invalid("退回要写明原因。", field="remark")
    assert actor.person_id is not None
    outcome = StepState.APPROVED if approve else StepState.REFUSED
    if not claim_step(session, step.id, outcome, actor.person_id, remark.strip()[:300], at=at):
        raise Conflict("这一步刚由别人处理了。请刷新后查看。")
    session.refresh(step)
    if approve:
        _approved(session, request, actor, remark, at=at)
    else:
        _refused(session, request, actor, remark, at=at)
    return request


def check_duty(request: PurchaseRequest, steps: Sequence[ApprovalStep], step: ApprovalStep, actor: Actor) -> None:
    """Separation of duties. Raises Forbidden."""
    policy.check_decider(
        actor.person_id,
        actor.roles.get(request.organization_id, frozenset()),
        step.role,
        requester_id=request.requester_id,
        decided_before=[each.decided_by for each in steps if each.decided_by is not None],
    )


def seen_content(request: PurchaseRequest, step: ApprovalStep, shown: str) -> bool:
    """Whether what was shown, what was submitted and what the rows say now are one and the same."""
    return shown == step.content_hash == request.content_hash == content_of(request)


def claim_step(session: Session, step_id: UUID, outcome: StepState, person_id: UUID, remark: str, *, at: datetime) -> bool:
    """Decide a waiting step by compare-and-set; False when somebody was faster."""
    result = session.execute(
        update(ApprovalStep)
        .where(ApprovalStep.id == step_id, ApprovalStep.state == StepState.WAITING)
        .values(state=outcome, decided_by=person_id, decided_at=at, remark=remark)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _approved(session: Session, request: PurchaseRequest, actor: Actor, remark: str, *, at: datetime) -> None:
    note_act(session, request, "approved", actor, at=at, note=remark.strip()[:300])
    if any(step.state is StepState.WAITING for step in list_steps(session, request)):
        _ask_next(session, request, at=at)
        return
    request.move(RequestState.APPROVED)
    key = f"{request.code}:{request.round}:given"
    tell(session, [request.requester_id], "approval_given", key, {"request": request.code}, at=at)
    publish(session, RequestApproved(request.code, request.round, at), at=at)


def _refused(session: Session, request: PurchaseRequest, actor: Actor, remark: str, *, at: datetime) -> None:
    request.move(RequestState.REFUSED)
    void_steps(session, request)
    budgeting.release(session, request, at=at)
    note_act(session, request, "refused", actor, at=at, note=remark.strip()[:300])
    params = {"request": request.code, "reason": remark.strip()[:300]}
    tell(session, [request.requester_id], "approval_refused", f"{request.code}:{request.round}:refused", params, at=at)
