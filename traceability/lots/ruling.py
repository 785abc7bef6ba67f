"""County officers record what is credible: how much a 亩, a head or a hive can give, and what a step can yield."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from catalog.areas.queries import get_area
from catalog.parties.roles import Actor, Role
from kernel.errors import Invalid
from kernel.quantity import Unit
from traceability.lots.models import CapacityRule, YieldRule
from traceability.lots.states import Basis, Step


def set_capacity_rule(
    session: Session,
    actor: Actor,
    *,
    material: str,
    basis: Basis,
    per_basis: Decimal,
    unit: Unit,
    valid_from: date,
    valid_to: date | None = None,
    county_code: str | None = None,
) -> CapacityRule:
    """From a day on, one ``basis`` (亩, head, hive) gives at most ``per_basis`` of ``unit`` in a season.

    Without a county the rule holds where no county has its own. Raises Forbidden, Invalid, NotFound (county); a second rule for the
    same days fails at flush (IntegrityError).
    """
    actor.must_any({Role.county_officer: None, Role.operator: None})
    if per_basis <= 0:
        raise Invalid("产能标准要大于 0。", field="per_basis")
    rule = CapacityRule(
        county_code=get_area(session, county_code).code if county_code else None,
        material=material.strip(),
        basis=basis,
        per_basis=per_basis,
        unit=unit,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=actor.label,
    )
    session.add(rule)
    session.flush()
    return rule


def set_yield_rule(
    session: Session,
    actor: Actor,
    *,
    step: Step,
    material: str,
    low: Decimal,
    high: Decimal,
    unit: Unit,
    per_unit: Unit,
    valid_from: date,
    valid_to: date | None = None,
) -> YieldRule:
    """From a day on, ``step`` gives ``low`` to ``high`` of ``unit`` of ``material`` for one ``per_unit``. Raises as above."""
    actor.must_any({Role.county_officer: None, Role.operator: None})
    if not 0 <= low <= high or high <= 0:
        raise Invalid("出品率范围不对：下限不能大于上限，也不能小于 0。", field="high")
    rule = YieldRule(
        step=step,
        material=material.strip(),
        low=low,
        high=high,
        unit=unit,
        per_unit=per_unit,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=actor.label,
    )
    session.add(rule)
    session.flush()
    return rule
