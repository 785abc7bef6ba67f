"""A clerk asks the county; a county officer of that county answers once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Role
from catalog.parties.queries import get_household, list_counties_of
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shop.cooperative.models import CountyQuestion


def ask_county(
    session: Session,
    actor: Actor,
    organization_id: UUID,
    *,
    refusal: str,
    question: str,
    at: datetime,
    household_id: UUID | None = None,
) -> CountyQuestion:
    """Put a question to the county of the cooperative, about one of its households or in general.

    Raises Forbidden, NotFound (household), Invalid (nothing asked, not a member).
    """
    actor.must(Role.clerk, organization_id)
    if household_id is not None and get_household(session, household_id).cooperative_id != organization_id:
        raise Invalid("这一户不是本合作社的社员。", field="member_no")
    organization = session.get_one(Organization, organization_id)
    if not 4 <= len(question.strip()) <= 500:
        raise Invalid("请写清楚要县里核定什么，4 到 500 字。", field="question")
    row = CountyQuestion(
        organization_id=organization_id,
        county_code=organization.county_code or "",
        household_id=household_id,
        refusal=refusal.strip()[:500],
        question=question.strip(),
        asked_by=actor.label,
        asked_at=at,
    )
    session.add(row)
    session.flush()
    return row


def answer_question(session: Session, actor: Actor, question_id: UUID, answer: str, *, at: datetime) -> CountyQuestion:
    """Answer as an officer of that county. Raises NotFound, Forbidden, Conflict (answered before), Invalid."""
    row = session.get(CountyQuestion, question_id, with_for_update=True)
    if row is None:
        raise NotFound("没有这个问题。")
    if row.county_code not in list_counties_of(session, actor):
        raise Forbidden("只有本县的工作人员可以答复。")
    if row.answered_at is not None:
        raise Conflict("这个问题已经答复过了。")
    if not 2 <= len(answer.strip()) <= 500:
        raise Invalid("请填写答复，2 到 500 字。", field="answer")
    row.answer, row.answered_by, row.answered_at = answer.strip(), actor.label, at
    session.flush()
    return row
