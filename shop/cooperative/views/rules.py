"""What a county holds credible: how much a 亩, a head or a hive can give, and what a step can yield."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_areas
from catalog.parties import surveying
from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import list_counties_of
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, Problem
from kernel.quantity import Quantity, Unit, plain
from kernel.web import language, once
from shop.cooperative import forms
from shop.cooperative.views import STEP_TEXTS
from traceability.lots import ruling
from traceability.lots.queries import list_all_yield_rules, list_capacity_rules
from traceability.lots.states import Basis, Step

bp = Blueprint("rules", __name__, url_prefix="/county/rules", template_folder="../templates")
UNITS = (Unit.KG, Unit.HEAD, Unit.L, Unit.PIECE)


@bp.get("")
@require(Role.county_officer, Role.operator)
def rules() -> ResponseReturnValue:
    """The rules that hold today or will, and a form for a new one."""
    return _page({}, {}), 200


def _page(form: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    actor, today = current_actor(), clock.today_shanghai(clock.now())
    with reading() as session:
        mine = list_counties_of(session, actor)
        seen = None if actor.operator else mine
        capacities = list_capacity_rules(session, seen, today)
        yields = list_all_yield_rules(session, seen, today)
        codes = [rule.county_code for rule in capacities] + [rule.county_code for rule in yields]
        areas = list_areas(session, sorted({*mine, *(code for code in codes if code)}))
        english = language() == "en"
        names = {code: area.name_en if english and area.name_en else area.name for code, area in areas.items()}
        return render_template(
            "county/rules.html",
            capacities=capacities,
            yields=yields,
            names=names,
            mine=sorted(mine),
            operator=actor.operator,
            bases=[(basis.value, _(surveying.CAPACITY_LABELS[basis.value])) for basis in Basis],
            labels=surveying.CAPACITY_LABELS,
            per_labels=surveying.BASIS_LABELS,
            steps=[(step.value, _(text)) for step, text in STEP_TEXTS.items()],
            step_texts={step.value: text for step, text in STEP_TEXTS.items()},
            units=[(unit.value, _(unit.label)) for unit in UNITS],
            tomorrow=today + timedelta(days=1),
            form=form,
            errors=errors,
            plain=plain,
        )


@bp.post("/<any(capacity, yield):kind>")
@require(Role.county_officer, Role.operator)
def add(kind: str) -> ResponseReturnValue:
    """Set a rule from a day on; what is wrong comes back with what was typed."""
    try:
        return _add(kind)
    except Problem as problem:
        if problem.status not in (404, 409, 422):
            raise
        return _page(request.form, problem.by_field(_)), problem.status


@once
def _add(session: Session, kind: str) -> ResponseReturnValue:
    read = forms.Reading(request.form)
    material = read.text("material", _("请填写品名，最多 80 个字。"))
    unit = read.read("unit", Unit, Unit.KG)
    valid_from = read.read("valid_from", forms.read_day, None) or clock.today_shanghai(clock.now())
    county = request.form.get("county_code", "").strip() or None
    if kind == "capacity":
        basis, per_basis = read.read("basis", Basis, Basis.LAND_MU), read.read("per_basis", _number, Decimal(1))
        read.done()
        ruling.set_capacity_rule(
            session, current_actor(), material=material, basis=basis, per_basis=per_basis, unit=unit, valid_from=valid_from,
            county_code=county,
        )  # fmt: skip
    else:
        step, per_unit = read.read("step", Step, Step.PROCESSING), read.read("per_unit", Unit, Unit.KG)
        low, high = read.read("low", _number, Decimal(0)), read.read("high", _number, Decimal(1))
        read.done()
        ruling.set_yield_rule(
            session, current_actor(), step=step, material=material, low=low, high=high, unit=unit, per_unit=per_unit,
            valid_from=valid_from, county_code=county,
        )  # fmt: skip
    flash(_("已登记，%(day)s 起按新标准。", day=f"{valid_from}"), "ok")
    return redirect(url_for(".rules"))


def _number(text: str) -> Decimal:
    if not text:
        raise Invalid("请填写。")
    return Quantity.parse(text, Unit.KG).amount
