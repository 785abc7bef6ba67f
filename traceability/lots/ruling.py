"""County officers record what is credible: how much a 亩, a head or a hive can give, and what a step can yield.

Each for the own county; the operator for any, and for all that have no rule of their own. A new rule ends the one before it on the day
before it begins, so that every day has its rule and the old one stays readable.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import TypeVar

from sqlalchemy import ColumnElement, Select, or_, select
from sqlalchemy.orm import Session

from catalog.areas.queries import get_area
from catalog.parties.queries import list_counties_of
from catalog.parties.roles import Actor
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Unit
from traceability.lots.models import CapacityRule, YieldRule
from traceability.lots.states import Basis, Step

MOST = Decimal(1_000_000)
T = TypeVar("T", CapacityRule, YieldRule)


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
    """From a day on, one ``basis`` (亩, head, hive, log, cage) gives at most ``per_basis`` of ``unit`` in a season.

    Without a county the rule holds where no county has its own. Raises Forbidden, Invalid, NotFound (county), Conflict (there is a rule
    that begins that day or later).
    """
    county = _county(session, actor, county_code)
    if not 0 < per_basis <= MOST:
        raise Invalid("产能标准要大于 0。", field="per_basis")
    rule = CapacityRule(
        county_code=county,
        material=_material(material),
        basis=basis,
        per_basis=per_basis,
        unit=unit,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=actor.label,
    )
    same = select(CapacityRule).where(CapacityRule.material == rule.material, _of_county(CapacityRule, county))
    _end_before(session, same, rule)
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
    county_code: str | None = None,
) -> YieldRule:
    """From a day on, ``step`` gives ``low`` to ``high`` of ``unit`` of ``material`` for one ``per_unit``. Raises as above."""
    county = _county(session, actor, county_code)
    if not 0 <= low <= high <= MOST or high <= 0:
        raise Invalid("出品率范围不对：下限不能大于上限，也不能小于 0。", field="high")
    rule = YieldRule(
        county_code=county,
        step=step,
        material=_material(material),
        low=low,
        high=high,
        unit=unit,
        per_unit=per_unit,
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=actor.label,
    )
    same = select(YieldRule).where(_of_county(YieldRule, county)).filter_by(step=step, material=rule.material)
    _end_before(session, same.filter_by(unit=unit, per_unit=per_unit), rule)
    session.add(rule)
    session.flush()
    return rule


def _county(session: Session, actor: Actor, county_code: str | None) -> str | None:
    """The county a rule is for, when the actor may set it."""
    if not actor.operator and county_code not in list_counties_of(session, actor):
        raise Forbidden("只能登记本县的标准。")
    return get_area(session, county_code).code if county_code else None


def _of_county(model: type[CapacityRule] | type[YieldRule], county: str | None) -> ColumnElement[bool]:
    return model.county_code.is_(None) if county is None else model.county_code == county


def _end_before(session: Session, same: Select[T], rule: T) -> None:
    """End the standing rule the day before the new one begins. Raises Invalid (it ends before it begins), Conflict (a later one exists)."""
    if rule.valid_to is not None and rule.valid_to < rule.valid_from:
        raise Invalid("最后一天不能早于第一天。", field="valid_to")
    model: type[T] = type(rule)
    standing = same.where(or_(model.valid_to.is_(None), model.valid_to >= rule.valid_from)).with_for_update()
    for old in session.scalars(standing.order_by(model.valid_from.desc())):
        if old.valid_from >= rule.valid_from:
            raise Conflict(
                "已有 %(day)s 起的标准，新标准要从更晚的一天开始。", params={"day": f"{old.valid_from}"}, field="valid_from"
            )
        old.valid_to = rule.valid_from - timedelta(days=1)
    session.flush()


def _material(text: str) -> str:
    tidy = text.strip()
    if not 0 < len(tidy) <= 80:
        raise Invalid("请填写品名，最多 80 个字。", field="material")
    return tidy
