"""Erase a household or a consumer by two people: an operator or the consumer proposes; an operator, another one, decides.

The second looks at the same dry run and types the code. What is personal in the registers goes in this transaction; every other room
reacts to ``SubjectErased`` (``shop/wiring.py``).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectKind, erase_household, erase_person
from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.ids import new_code
from shop.backoffice import auditing
from shop.backoffice.models import ErasureRequest, ErasureState
from shop.backoffice.queries import get_erasure
from shop.backoffice.tracing import Footprint, find_footprint

REASON_LABELS = {"request": "本人要求", "consent_withdrawn": "撤回同意", "retention_ended": "保存期满"}


def propose_erasure(
    session: Session, actor: Actor, kind: SubjectKind, subject_id: UUID, *, reason: str, at: datetime
) -> ErasureRequest:
    """Ask for somebody to be erased.

    Raises Forbidden, NotFound, Invalid (reason), Conflict (something stands in the way, or asked before).
    """
    actor.must(Role.operator)
    if reason not in REASON_LABELS:
        raise Invalid("请选择删除的理由。", field="reason")
    return _propose(session, actor, kind, subject_id, reason, at)


def ask_own_erasure(session: Session, actor: Actor, *, sure: bool, at: datetime) -> ErasureRequest:
    """Ask to be erased oneself; an operator is the second person then.

    Raises Invalid without the tick, Conflict (something stands in the way, or asked before).
    """
    assert actor.person_id is not None
    if not sure:
        raise Invalid("请先看过会删什么、会留什么，再勾选。", field="sure")
    return _propose(session, actor, SubjectKind.PERSON, actor.person_id, "request", at)


def _propose(session: Session, actor: Actor, kind: SubjectKind, subject_id: UUID, reason: str, at: datetime) -> ErasureRequest:
    assert actor.person_id is not None
    footprint = find_footprint(session, kind, subject_id)
    _refuse_obstacles(footprint)
    waiting = select(ErasureRequest.id).where(ErasureRequest.subject_id == subject_id, ErasureRequest.state == ErasureState.WAITING)
    if session.scalar(waiting) is not None:
        raise Conflict("已经有一张删除申请在等复核。")
    request = ErasureRequest(
        code=new_code("ERS"), subject_kind=kind, subject_id=subject_id, subject_code=footprint.code, reason=reason,
        found=footprint.counts, state=ErasureState.WAITING, proposed_by=actor.person_id, proposed_at=at,
    )  # fmt: skip
    session.add(request)
    session.flush()
    auditing.note(session, actor, "erasure.proposed", request.code, {}, {"kind": kind.value, "reason": reason}, at)
    return request


def decide_erasure(session: Session, actor: Actor, code: str, *, agree: bool, typed: str, at: datetime) -> ErasureRequest:
    """The second person erases, or refuses.

    Raises NotFound, Forbidden (the same person), Invalid (code not typed), Conflict (decided, or something stands in the way by now).
    """
    actor.must(Role.operator)
    request = get_erasure(session, code, lock=True)
    if not is_second(request, actor):
        raise Forbidden("删除不能撤销，要由另一位运营人员复核。")
    if request.state is not ErasureState.WAITING:
        raise Conflict("这张删除申请已经处理过了。")
    request.decided_by, request.decided_at, request.state = actor.person_id, at, ErasureState.REFUSED
    if agree:
        if typed.strip().upper() != request.subject_code:
            raise Invalid("请照原样输入编号，确认删除的就是这一位。", field="typed")
        _erase(session, request, at)
    session.flush()
    what = "erasure.decided" if agree else "erasure.refused"
    auditing.note(session, actor, what, request.code, {"state": "waiting"}, {"state": request.state.value}, at)
    return request


def is_second(request: ErasureRequest, actor: Actor) -> bool:
    """Whether the actor is somebody else than the one who proposed it."""
    return actor.person_id is not None and actor.person_id != request.proposed_by


def _erase(session: Session, request: ErasureRequest, at: datetime) -> None:
    footprint = find_footprint(session, request.subject_kind, request.subject_id)
    _refuse_obstacles(footprint)
    request.found, request.state = footprint.counts, ErasureState.DECIDED
    erase = erase_household if request.subject_kind is SubjectKind.HOUSEHOLD else erase_person
    erase(session, request.subject_id, reason=request.reason, at=at)


def _refuse_obstacles(footprint: Footprint) -> None:
    if footprint.obstacle is not None:
        raise Conflict(footprint.obstacle)
