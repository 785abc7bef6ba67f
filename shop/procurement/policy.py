"""The rules of buying, pure: which approvals an amount needs, who may give them, who may accept, who sees what.

Separation of duties (不相容岗位分离, 行政事业单位内部控制规范): asking, approving and accepting are three people's work.
What counts is the person, not the role: a second role opens no second door.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from uuid import UUID

from catalog.parties.roles import Role
from kernel.errors import Conflict, Forbidden
from kernel.money import Money
from shop.orders.models import Purpose
from shop.procurement.states import RequestState

PORTAL_ROLES = (Role.requester, Role.approver, Role.finance, Role.inspector)
_AFTER_APPROVAL = {RequestState.APPROVED, RequestState.ORDERED, RequestState.ACCEPTED, RequestState.SETTLED}
_AFTER_ORDER = _AFTER_APPROVAL - {RequestState.APPROVED}


@dataclass(frozen=True)
class Rule:
    """From ``amount`` on (and for ``purpose``; None: any) an approval of ``level`` by somebody with ``role`` is needed."""

    level: int
    role: Role
    amount: Money
    purpose: Purpose | None = None


def needed_steps(rules: Iterable[Rule], purpose: Purpose, amount: Money) -> list[tuple[int, Role]]:
    """(level, role) of the approvals a request needs, in order; never none: without a rule that applies, one approver.

    A rule made for the purpose takes the place of the general rule of that level, also when it asks for less.
    """
    chosen: dict[int, Rule] = {}
    for rule in rules:
        if rule.purpose in (None, purpose) and (rule.level not in chosen or rule.purpose is not None):
            chosen[rule.level] = rule
    steps = [(rule.level, rule.role) for level, rule in sorted(chosen.items()) if amount >= rule.amount]
    return steps or [(1, Role.approver)]


def check_decider(
    person_id: UUID | None, held: Collection[Role], needed: Role, *, requester_id: UUID, decided_before: Collection[UUID]
) -> None:
    """Raises Forbidden unless this person may decide a step that needs ``needed``."""
    if person_id is None or needed not in held:
        raise Forbidden("这一步不归您审批。")
    if person_id == requester_id:
        raise Forbidden("自己提交的申请不能自己审批，换一个角色也不行。请由他人审批。")
    if person_id in decided_before:
        raise Forbidden("您已经审批过这份申请的另一步，这一步要由他人审批。")


def check_inspector(person_id: UUID | None, held: Collection[Role], *, requester_id: UUID, approvers: Collection[UUID]) -> None:
    """Raises Forbidden unless this person may accept the goods of a request."""
    if person_id is None or Role.inspector not in held:
        raise Forbidden("验收要由验收人来做。")
    if person_id == requester_id or person_id in approvers:
        raise Forbidden("申请和审批的人不能验收同一份申请。请由他人验收。")


def may_see(person_id: UUID | None, held: Collection[Role], *, requester_id: UUID, state: RequestState) -> bool:
    """Whether a member with these roles in the buying organisation sees a request: each what is theirs to do or to answer for."""
    if person_id is not None and person_id == requester_id and Role.requester in held:
        return True
    if state is RequestState.DRAFT:
        return False
    if Role.approver in held or Role.finance in held:
        return True
    return Role.inspector in held and state in _AFTER_ORDER


def must_have_deciders(steps: Iterable[tuple[int, Role]], people: Mapping[UUID, Collection[Role]], requester_id: UUID) -> None:
    """Raises Conflict unless different people other than the requester can be found for all steps.

    They can exactly when, for each set of roles, its steps are no more than the people who hold one of them (Hall's theorem).
    """
    wanted = [role for _, role in steps]
    free = [set(roles) for person, roles in people.items() if person != requester_id]
    for size in range(1, len(set(wanted)) + 1):
        for some in combinations(sorted(set(wanted)), size):
            if sum(role in some for role in wanted) > sum(not held.isdisjoint(some) for held in free):
                raise Conflict("单位里没有足够的审批人：每一步都要由申请人以外的不同的人审批。请先请管理员添加审批人。")
