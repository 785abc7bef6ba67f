"""What land, herd or hives a household has: the cooperative reports it, the county confirms it (核定).

One rule: what was confirmed counts. A lower figure counts at once; a higher one, and the first of a new household, counts when an
officer of its county has looked. Otherwise whoever types the harvest could also type the land that bears it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import CapacityClaim, ClaimState, Household
from catalog.parties.queries import list_counties_of
from catalog.parties.roles import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound

CAPACITY_LABELS = {
    "land_mu": "耕地（亩）",
    "heads": "存栏（只、头）",
    "hives": "蜂群（群）",
    "logs": "菌棒（棒）",
    "cages": "网箱（箱）",
}
BASIS_LABELS = {"land_mu": "亩", "heads": "头", "hives": "群", "logs": "棒", "cages": "箱"}
LONGEST = 200


def claim_capacity(
    session: Session, actor: Actor, *, household_id: UUID, basis: str, amount: Decimal, note: str, at: datetime
) -> CapacityClaim:
    """Report what a household has; a clerk of its cooperative may. More than counts now waits for the county.

    Raises Forbidden, NotFound, Invalid (unknown basis, no such amount), Conflict (the same as before, or one waits already).
    """
    household = _locked(session, household_id)
    actor.must(Role.clerk, household.cooperative_id)
    amount = parse_amount(basis, amount)
    was = confirmed_amount(household, basis)
    if amount == was:
        raise Conflict("这个数和现在核定的一样，不用再报。", field="amount")
    open_one = select(CapacityClaim.id).filter_by(household_id=household.id, basis=basis, state=ClaimState.OPEN)
    if amount > was and session.scalar(open_one) is not None:
        raise Conflict("这一项已经报给县里，等核定后再改。", field="amount")
    claim = _claim(household, basis, amount, at)
    claim.note, claim.claimed_by = note.strip()[:LONGEST], actor.label
    if amount < was:
        claim.state, claim.found = ClaimState.LOWERED, amount
        _set(household, basis, amount)
    session.add(claim)
    session.flush()
    return claim


def decide_claim(
    session: Session, actor: Actor, *, claim_id: UUID, found: Decimal | None, decision: str, at: datetime
) -> CapacityClaim:
    """Confirm what was reported, or set what the county ``found`` instead; None refuses it. An officer of that county may.

    Raises NotFound, Forbidden (other county, or the one who reported it), Conflict (decided before), Invalid (no reason).
    """
    claim = session.get(CapacityClaim, claim_id)
    if claim is None:
        raise NotFound("没有这条核定申请。")
    household = _locked(session, claim.household_id)
    _must_decide(session, actor, household)
    session.refresh(claim, with_for_update=True)
    if claim.claimed_by == actor.label:
        raise Forbidden("报数的人不能自己核定，请由另一位核定。")
    if claim.state is not ClaimState.OPEN:
        raise Conflict("这条申请已经核定过了。")
    _decide(claim, actor, decision, at)
    if found is None:
        claim.state = ClaimState.REFUSED
    else:
        claim.state, claim.found = ClaimState.CONFIRMED, parse_amount(claim.basis, found)
        _set(household, claim.basis, claim.found)
    session.flush()
    return claim


def correct_capacity(
    session: Session, actor: Actor, *, household_id: UUID, basis: str, found: Decimal, decision: str, at: datetime
) -> CapacityClaim:
    """The county itself records what a household has. Raises Forbidden, NotFound, Invalid (basis, amount, no reason)."""
    household = _locked(session, household_id)
    _must_decide(session, actor, household)
    found = parse_amount(basis, found)
    claim = _claim(household, basis, found, at)
    _decide(claim, actor, decision, at)
    claim.state, claim.found = ClaimState.CONFIRMED, found
    _set(household, basis, found)
    session.add(claim)
    session.flush()
    return claim


def confirmed_amount(household: Household, basis: str) -> Decimal:
    """What counts of ``basis``: nothing before somebody confirmed it."""
    try:
        return Decimal(str(household.capacity.get(basis, "0")))
    except InvalidOperation:
        return Decimal(0)


def parse_amount(basis: str, amount: object) -> Decimal:
    """An amount of a known basis. Raises Invalid (its field is the basis)."""
    try:
        number = Decimal(str(amount))
    except InvalidOperation:
        number = Decimal(-1)
    if basis not in CAPACITY_LABELS or not number.is_finite() or not 0 <= number <= 1_000_000:
        raise Invalid("土地、牲畜或蜂群的数量不对，请填写不小于 0 的数字。", field=basis)
    return number.quantize(Decimal("0.000001")).normalize() + 0


def parse_capacity(given: Mapping[str, str | Decimal | int]) -> dict[str, Decimal]:
    """Amounts by known basis, e.g. {"land_mu": 12.5}. Raises Invalid."""
    return {basis: parse_amount(basis, amount) for basis, amount in given.items()}


def as_text(amount: Decimal) -> str:
    """An amount as ``Household.capacity`` keeps it."""
    return f"{amount:f}"


def open_claims(household: Household, amounts: Mapping[str, Decimal], by: str, at: datetime) -> list[CapacityClaim]:
    """What a cooperative says of a household it has just entered: all of it waits for the county."""
    claims = [_claim(household, basis, amount, at) for basis, amount in amounts.items() if amount > 0]
    for claim in claims:
        claim.claimed_by = by
    return claims


def _claim(household: Household, basis: str, amount: Decimal, at: datetime) -> CapacityClaim:
    return CapacityClaim(
        household_id=household.id,
        county_code=household.county_code,
        basis=basis,
        was=confirmed_amount(household, basis),
        amount=amount,
        state=ClaimState.OPEN,
        claimed_at=at,
    )


def _set(household: Household, basis: str, amount: Decimal) -> None:
    household.capacity = {**household.capacity, basis: as_text(amount)}


def _decide(claim: CapacityClaim, actor: Actor, decision: str, at: datetime) -> None:
    if not decision.strip():
        raise Invalid("请写明依据，例如“看过承包合同”。", field="decision")
    claim.decided_by, claim.decided_at, claim.decision = actor.label, at, decision.strip()[:LONGEST]


def _must_decide(session: Session, actor: Actor, household: Household) -> None:
    if household.county_code not in list_counties_of(session, actor):
        raise Forbidden("只有本县的工作人员可以核定。")


def _locked(session: Session, household_id: UUID) -> Household:
    """The household, locked against deliveries that count on its land meanwhile. Raises NotFound."""
    household = session.get(Household, household_id, with_for_update={"key_share": True}, populate_existing=True)
    if household is None:
        raise NotFound("没有这户。")
    return household
