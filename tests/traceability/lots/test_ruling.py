"""Each county sets its own rules; a new one ends the old the day before."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, OrganizationKind, Role
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Unit
from tests.factories.catalog import BEGIN, JINGNING, YANCHI, make_actor, make_organization
from traceability.lots import ruling
from traceability.lots.models import CapacityRule, YieldRule
from traceability.lots.queries import find_capacity_rule, list_yield_rules
from traceability.lots.states import Basis, Step

LATER = date(2026, 6, 1)


def capacity(session: Session, actor: Actor, **over: Any) -> CapacityRule:
    values: dict[str, Any] = {
        "material": "苹果", "basis": Basis.LAND_MU, "per_basis": Decimal(2500), "unit": Unit.KG, "valid_from": BEGIN,
        "county_code": YANCHI,
    }  # fmt: skip
    return ruling.set_capacity_rule(session, actor, **(values | over))


def yields(session: Session, actor: Actor, high: str = "0.25", **over: Any) -> YieldRule:
    values: dict[str, Any] = {
        "step": Step.DRYING, "material": "苹果干", "low": Decimal("0.1"), "high": Decimal(high), "unit": Unit.KG,
        "per_unit": Unit.KG, "valid_from": BEGIN, "county_code": YANCHI,
    }  # fmt: skip
    return ruling.set_yield_rule(session, actor, **(values | over))


@pytest.mark.parametrize("set_rule", [capacity, yields])
def test_officers_at_home_only_the_operator_anywhere(session: Session, set_rule: Any) -> None:
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
    elsewhere = make_actor(session, Role.county_officer, office)
    for county in (YANCHI, None):
        with pytest.raises(Forbidden, match="本县"):
            set_rule(session, elsewhere, county_code=county)
    with pytest.raises(Forbidden):
        set_rule(session, make_actor(session, Role.clerk))
    set_rule(session, elsewhere, county_code=JINGNING)
    set_rule(session, make_actor(session, Role.county_officer))
    set_rule(session, make_actor(session, Role.operator), county_code=None)


def test_with_that_guard_off_a_stranger_sets_the_rule(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "_county", lambda _session, _actor, county: county)
    assert capacity(session, make_actor(session)).county_code == YANCHI


@pytest.mark.parametrize("set_rule", [capacity, yields])
def test_a_new_rule_ends_the_old_the_day_before(session: Session, set_rule: Any) -> None:
    old = set_rule(session, SYSTEM)
    new = set_rule(session, SYSTEM, valid_from=LATER)
    assert (old.valid_to, new.valid_to) == (LATER - timedelta(days=1), None)
    for day in (LATER, BEGIN):
        with pytest.raises(Conflict, match=f"已有 {LATER} 起的标准"):
            set_rule(session, SYSTEM, valid_from=day)
    with pytest.raises(Invalid, match="早于第一天"):
        set_rule(session, SYSTEM, valid_from=date(2027, 1, 2), valid_to=date(2027, 1, 1))


def test_when_code_forgets_the_database_keeps_one_rule_a_day(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ruling, "_end_before", lambda *_: None)
    capacity(session, SYSTEM)
    with pytest.raises(IntegrityError, match="ex_lots_capacity_rule_period"), session.begin_nested():
        capacity(session, SYSTEM, valid_from=LATER)
    session.execute(text("ALTER TABLE lots_capacity_rule DROP CONSTRAINT ex_lots_capacity_rule_period"))
    capacity(session, SYSTEM, valid_from=LATER)
    assert len(session.scalars(select(CapacityRule)).all()) == 2


def test_the_countys_own_goes_before_the_general(session: Session) -> None:
    yields(session, SYSTEM, county_code=None)
    own = yields(session, SYSTEM, "0.3")
    assert list_yield_rules(session, Step.DRYING, LATER, YANCHI)[0] is own
    assert [rule.high for rule in list_yield_rules(session, Step.DRYING, LATER, JINGNING)] == [Decimal("0.25")]
    capacity(session, SYSTEM, county_code=None)
    found = find_capacity_rule(session, JINGNING, "苹果", LATER)
    assert found is not None
    assert found.county_code is None


@pytest.mark.parametrize(
    "over", [{"per_basis": Decimal(0)}, {"per_basis": Decimal("1e12")}, {"material": " "}, {"material": "苹" * 81}]
)
def test_nonsense_is_refused(session: Session, over: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        capacity(session, SYSTEM, **over)
