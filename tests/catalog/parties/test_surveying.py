"""What was confirmed counts: raising land, herd or hives needs the county, lowering does not."""

from __future__ import annotations

from decimal import Decimal

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties import registering, surveying
from catalog.parties.models import SYSTEM, Actor, CapacityClaim, ClaimState, Household, OrganizationKind, Role
from kernel.errors import Conflict, Forbidden, Invalid
from tests.factories.catalog import AT, JINGNING, YANCHI, make_actor, make_household, make_organization


class Village:
    """A household with 10 亩 confirmed, its clerk, an officer of its county."""

    def __init__(self, session: Session) -> None:
        self.cooperative = make_organization(session)
        self.household: Household = make_household(session, self.cooperative, capacity={"land_mu": "10"})
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        self.officer: Actor = make_actor(session, Role.county_officer)

    def claim(self, session: Session, amount: str, basis: str = "land_mu") -> CapacityClaim:
        return surveying.claim_capacity(
            session, self.clerk, household_id=self.household.id, basis=basis, amount=Decimal(amount), note="新包了地", at=AT
        )

    def decide(self, session: Session, claim: CapacityClaim, found: str | None) -> CapacityClaim:
        amount = Decimal(found) if found else None
        return surveying.decide_claim(session, self.officer, claim_id=claim.id, found=amount, decision="看过合同", at=AT)


@pytest.fixture
def village(session: Session) -> Village:
    return Village(session)


def test_a_higher_figure_waits_for_the_county(session: Session, village: Village) -> None:
    claim = village.claim(session, "15")
    assert (claim.state, village.household.capacity) == (ClaimState.OPEN, {"land_mu": "10"})
    with pytest.raises(Conflict, match="等核定"):
        village.claim(session, "16")
    village.decide(session, claim, "14.5")
    assert (claim.state, claim.found, village.household.capacity) == (ClaimState.CONFIRMED, Decimal("14.5"), {"land_mu": "14.5"})
    with pytest.raises(Conflict, match="核定过"):
        village.decide(session, claim, "20")
    refused = village.decide(session, village.claim(session, "99"), None)
    assert (refused.state, village.household.capacity) == (ClaimState.REFUSED, {"land_mu": "14.5"})


def test_a_lower_figure_counts_at_once(session: Session, village: Village) -> None:
    claim = village.claim(session, "8")
    assert (claim.state, claim.was, village.household.capacity) == (ClaimState.LOWERED, 10, {"land_mu": "8"})
    with pytest.raises(Conflict, match="一样"):
        village.claim(session, "8.0")


def test_the_first_figures_of_a_household_a_clerk_enters_wait_too(session: Session, village: Village) -> None:
    values = {"cooperative_id": village.cooperative.id, "head_name": "李示例", "county_code": YANCHI, "at": AT}
    household = registering.register_household(session, village.clerk, capacity={"land_mu": "50", "logs": "0"}, **values)  # type: ignore[arg-type]
    assert household.capacity == {}
    (claim,) = session.scalars(select(CapacityClaim).where(CapacityClaim.household_id == household.id))
    assert (claim.basis, claim.amount, claim.claimed_by) == ("land_mu", 50, village.clerk.label)
    entered = registering.register_household(session, SYSTEM, capacity={"cages": "3"}, **values)  # type: ignore[arg-type]
    assert entered.capacity == {"cages": "3"}


def test_who_may(session: Session, village: Village) -> None:
    claim = village.claim(session, "15")
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
    for stranger in (make_actor(session, Role.county_officer, office), village.clerk, make_actor(session, Role.operator)):
        with pytest.raises(Forbidden, match="本县"):
            surveying.decide_claim(session, stranger, claim_id=claim.id, found=Decimal(15), decision="看过", at=AT)
        with pytest.raises(Forbidden):
            surveying.correct_capacity(
                session, stranger, household_id=village.household.id, basis="land_mu", found=Decimal(15), decision="看过", at=AT
            )
    village.clerk = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        village.claim(session, "16")
    claim.claimed_by = village.officer.label
    with pytest.raises(Forbidden, match="不能自己核定"):
        village.decide(session, claim, "15")


def test_the_county_may_correct_by_itself(session: Session, village: Village) -> None:
    claim = surveying.correct_capacity(
        session, village.officer, household_id=village.household.id, basis="heads", found=Decimal(30), decision="清点过", at=AT
    )
    assert (claim.claimed_by, village.household.capacity) == (None, {"land_mu": "10", "heads": "30"})


@pytest.mark.parametrize(("basis", "amount"), [("land_mu", "-1"), ("cars", "2"), ("land_mu", "NaN"), ("heads", "1000001")])
def test_nonsense_is_refused(session: Session, village: Village, basis: str, amount: str) -> None:
    with pytest.raises(Invalid):
        village.claim(session, amount, basis)


def test_a_decision_needs_its_grounds(session: Session, village: Village) -> None:
    claim = village.claim(session, "15")
    with pytest.raises(Invalid, match="依据"):
        surveying.decide_claim(session, village.officer, claim_id=claim.id, found=Decimal(15), decision=" ", at=AT)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("decided_by = claimed_by, decided_at = now(), state = 'confirmed'", "two_people"),
        ("state = 'lowered'", "raising_needs_the_county"),
        ("state = 'confirmed'", "decided"),
    ],
)
def test_the_database_holds_it_when_code_forgets(session: Session, village: Village, change: str, name: str) -> None:
    village.claim(session, "15")
    with pytest.raises(IntegrityError, match=name), session.begin_nested():
        session.execute(text(f"UPDATE parties_capacity_claim SET {change}"))
    session.execute(text(f"ALTER TABLE parties_capacity_claim DROP CONSTRAINT ck_parties_capacity_claim_{name}"))
    session.execute(text(f"UPDATE parties_capacity_claim SET {change}"))
