"""Beyond the cap the county decides: a clerk asks with a reason, an officer of that county raises the household's cap of the season or not.

Two people, always: whoever asked does not decide. What was granted counts from then on in ``bounding``, so the clerk brings the delivery in
as any other; nothing is taken in by the decision itself. It has ``bounding.GRANT_STANDS`` to do so.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.queries import get_household, list_counties_of
from catalog.parties.roles import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.quantity import Quantity, plain
from traceability.lots import bounding
from traceability.lots.models import Asked, CapacityRequest
from traceability.lots.moments import check_moment
from traceability.lots.states import Verdict
from traceability.lots.units import in_standard_unit

SHORTEST, LONGEST = 4, 300


def request_capacity(
    session: Session,
    actor: Actor,
    *,
    household_id: UUID,
    material: str,
    quantity: Quantity,
    reason: str,
    at: datetime,
    happened_at: datetime | None = None,
) -> CapacityRequest:
    """Ask the county to let a household bring ``quantity`` more than its cap allows (请县里核定), or to have brought it at ``happened_at``.

    What is missing is measured here, not taken from a page. Raises Forbidden, NotFound, Invalid (no rule, no reason, brought too long ago),
    Conflict (it fits, or the county has been asked already).
    """
    household = _locked(session, household_id)
    actor.must(Role.clerk, household.cooperative_id)
    brought = check_moment(happened_at, at)
    wanted, season = in_standard_unit(quantity), bounding.season_of(brought)
    room = bounding.measure_room(session, household, material, season, wanted, brought, heard=at)
    bounding.end_grants(session, room, at)
    if room.so_far + wanted.amount <= room.cap:
        raise Conflict("没有超出上限，直接收货就行。", field="quantity")
    key = {"household_id": household.id, "material": material, "season": season, "verdict": Verdict.OPEN}
    if session.scalar(select(CapacityRequest.id).filter_by(**key)) is not None:
        raise Conflict("这户的“%(material)s”已经请县里核定，请等答复。", params={"material": material})
    request = CapacityRequest(
        organization_id=household.cooperative_id,
        county_code=household.county_code,
        household_id=household.id,
        material=material,
        season=season,
        unit=room.unit,
        wanted=wanted.amount,
        cap=room.cap,
        so_far=room.so_far,
        reason=checked_reason(reason),
        asked_by=actor.label,
        asked_at=at,
    )
    session.add(request)
    session.flush()
    return request


def decide_capacity(
    session: Session, actor: Actor, *, request_id: UUID, granted: Decimal | None, decision: str, at: datetime
) -> CapacityRequest:
    """Raise the cap by ``granted`` (at most what is missing by now of what was asked), or refuse (None), with a reason either way.

    An officer of that county may, never the one who asked. Raises NotFound, Forbidden, Conflict (decided before), Invalid (amount, reason).
    """
    request = session.get(CapacityRequest, request_id)
    if request is None:
        raise NotFound("没有这条核定申请。")
    # The household's row is the lock that deliveries take too: none is counted against a cap that is just changing.
    household = _locked(session, request.household_id)
    session.refresh(request, with_for_update=True)
    if request.county_code not in list_counties_of(session, actor):
        raise Forbidden("只有本县的工作人员可以核定。")
    missing = measure_missing(session, household, request, at)
    if granted is not None and not 0 < granted <= missing:
        raise Invalid(
            "核增数量要大于 0，最多 %(most)s %(unit)s。",
            params={"most": plain(missing), "unit": request.unit.label},
            field="granted",
        )
    settle(request, actor, Verdict.REFUSED if granted is None else Verdict.APPROVED, decision, at)
    request.cap, request.granted = request.so_far + request.wanted - missing, granted
    bounding.add_grant(session, request)
    session.flush()
    return request


def measure_missing(session: Session, household: Household, request: CapacityRequest, at: datetime) -> Decimal:
    """What the cap is short of what was asked: while it is open by the cap of now, if that is lower, for an older grant may have ended."""
    cap = request.cap
    if request.verdict is Verdict.OPEN:
        room = bounding.find_room(session, household, request.material, request.season, request.asked_at, judged=at)
        cap = min(cap, room.cap) if room else cap
    return request.so_far + request.wanted - cap


def settle(request: Asked, actor: Actor, verdict: Verdict, decision: str, at: datetime) -> None:
    """Write the decision. Raises Forbidden (the one who asked), Conflict (decided before), Invalid (no reason)."""
    if request.asked_by == actor.label:
        raise Forbidden("提出的人不能自己核定，请由另一位核定。")
    if request.verdict is not Verdict.OPEN:
        raise Conflict("这条申请已经处理过了。")
    if not decision.strip():
        raise Invalid("请写明理由。", field="decision")
    request.verdict, request.decided_by, request.decided_at = verdict, actor.label, at
    request.decision = decision.strip()[:LONGEST]


def checked_reason(reason: str) -> str:
    """Why somebody asks. Raises Invalid when it says nothing."""
    tidy = " ".join(reason.split())
    if not SHORTEST <= len(tidy) <= LONGEST:
        raise Invalid("请写明原因，%(least)s 到 %(most)s 字。", params={"least": SHORTEST, "most": LONGEST}, field="reason")
    return tidy


def _locked(session: Session, household_id: UUID) -> Household:
    household = get_household(session, household_id)
    session.refresh(household, with_for_update={"key_share": True})
    return household
