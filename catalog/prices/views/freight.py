"""The freight page (运费) of sellers and the operator: what carrying costs and how long it takes, province by province."""

from __future__ import annotations

import re
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_provinces
from catalog.parties.access import current_actor, require
from catalog.parties.models import Organization, Role
from catalog.parties.queries import get_organization_by_code, name_actors
from catalog.prices import carrying
from catalog.prices.carrying import ANYWHERE, FreightTerms
from catalog.prices.queries import list_freight_history, list_freight_templates
from catalog.prices.quoting import kilograms
from catalog.prices.zones import Coverage
from catalog.products.queries import list_sellers
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Forbidden, Invalid
from kernel.money import Money
from kernel.web import kept, language, once

bp = Blueprint("freight", __name__, url_prefix="/freight", template_folder="../templates")
PAGE = 50
ELSEWHERE = "elsewhere"
"""How the form calls ``ANYWHERE``."""
RANK = re.compile("(壮族|回族|维吾尔)?自治区$|特别行政区$|[省市]$")


@bp.get("/")
@require(Role.clerk, Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    """The sellers one may look at, and what each of them has not said yet; a seller's own clerk goes straight to its page."""
    actor, on = current_actor(), clock.today_shanghai(clock.now())
    everything = actor.operator or actor.has(Role.auditor)
    after = request.args.get("after") or None
    with reading() as session:
        mine = None if everything else actor.organizations_with(Role.clerk)
        rows = list_sellers(session, mine, after=after, limit=PAGE + 1)
        if not everything and after is None and len(rows) == 1:
            return redirect(url_for(".show", code=rows[0].code))
        shown = rows[:PAGE]
        templates = list_freight_templates(session, [row.id for row in shown], on)
        said = {row.id: Coverage(on, tuple(t for t in templates if t.seller_id == row.id)) for row in shown}
        return render_template(
            "prices/sellers.html",
            rows=[(row, said[row.id]) for row in shown],
            more=url_for(".index", after=shown[-1].code) if len(rows) > PAGE else None,
            first=url_for(".index") if after else None,
        )


@bp.get("/<code>")
@require(Role.clerk, Role.operator, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    """One seller's freight: what holds today, what begins later, what held before, and a form for the next rule."""
    return _page(code, {})


def _page(code: str, errors: object) -> str:
    actor, on = current_actor(), clock.today_shanghai(clock.now())
    after = request.args.get("after", type=UUID)
    with reading() as session:
        seller = _own(session, code)
        history = list_freight_history(session, seller.id, after=after, limit=PAGE + 1)
        return render_template(
            "prices/freight.html",
            seller=seller,
            coverage=Coverage(on, tuple(list_freight_templates(session, [seller.id], on))),
            places_by_code=_places(session),
            kilograms=kilograms,
            history=history[:PAGE],
            people=name_actors(session, [label for row in history for label in (row.set_by, row.ended_by) if label]),
            more=url_for(".show", code=code, after=history[PAGE - 1].id) if len(history) > PAGE else None,
            first=url_for(".show", code=code) if after else None,
            may_edit=actor.operator or actor.has(Role.clerk, seller.id),
            today=on,
            elsewhere=ELSEWHERE,
            form=request.form,
            picked=request.form.getlist("provinces"),
            errors=errors,
        )


def _places(session: Session) -> dict[str, str]:
    """Short names of the provinces in the reader's language, by code."""
    english = language() == "en"
    return {area.code: province.label_en if english else RANK.sub("", area.name) for area, province in list_provinces(session)}


def _own(session: Session, code: str) -> Organization:
    """The seller when the actor may look at its freight. Raises NotFound, Forbidden."""
    seller, actor = get_organization_by_code(session, code), current_actor()
    if not (actor.operator or actor.has(Role.auditor) or actor.has(Role.clerk, seller.id)):
        raise Forbidden("只能看自己单位的运费。")
    return seller


@bp.post("/<code>")
@require(Role.clerk, Role.operator)
def set_freight(code: str) -> ResponseReturnValue:
    """A new rule for the places ticked (form: provinces, deliverable, weights, amounts, days, valid_from)."""
    return kept(_set_freight, lambda errors: _page(code, errors), code)


@once
def _set_freight(session: Session, code: str) -> ResponseReturnValue:
    errors: list[FieldError] = []
    terms, valid_from = _terms(errors), _first_day(errors)
    if errors:
        raise Invalid("请先改正标出的内容。", errors=errors)
    seller = get_organization_by_code(session, code)
    places = [ANYWHERE if place == ELSEWHERE else place for place in request.form.getlist("provinces")]
    carrying.set_freight(
        session, current_actor(), seller_id=seller.id, provinces=places, terms=terms, valid_from=valid_from, at=clock.now()
    )
    flash(_("从 %(day)s 起，%(count)s 个地方按新的运费算。", day=valid_from, count=len(set(places))), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/end")
@require(Role.clerk, Role.operator)
@once
def end_freight(session: Session, code: str) -> ResponseReturnValue:
    """From tomorrow on the rule for anywhere else holds in these provinces too (form: provinces)."""
    seller = get_organization_by_code(session, code)
    places = [place for place in request.form.getlist("provinces") if place != ELSEWHERE]
    at = clock.now()
    carrying.end_freight(session, current_actor(), seller_id=seller.id, provinces=places, last_day=clock.today_shanghai(at), at=at)
    flash(_("从明天起，这些地方跟“其他地方”一样算。"), "ok")
    return redirect(url_for(".show", code=code))


def _terms(errors: list[FieldError]) -> FreightTerms:
    if request.form.get("deliverable", "1") == "0":
        return FreightTerms(deliverable=False)
    free_over = request.form.get("free_over", "").strip()
    return FreightTerms(
        first_grams=_grams("first_kg", errors),
        first_fen=_fen("first", errors),
        step_grams=_grams("step_kg", errors),
        step_fen=_fen("step", errors),
        cold_fen=_fen("cold", errors),
        free_over_fen=_fen("free_over", errors) if free_over else None,
        handling_days=_days("handling_days", errors),
        days_from=_days("days_from", errors),
        days_to=_days("days_to", errors),
    )


def _fen(name: str, errors: list[FieldError]) -> int:
    try:
        return Money.parse(request.form.get(name, "").strip(), field=name).minor
    except Invalid as problem:
        errors.extend(problem.errors or [FieldError(name, problem.message, problem.params)])
        return 0


def _grams(name: str, errors: list[FieldError]) -> int:
    """Kilograms with at most three decimals, as grams."""
    text = request.form.get(name, "").strip()
    try:
        if not (text.isascii() and len(text) <= 9):
            raise InvalidOperation
        grams = Decimal(text) * 1000
        if not grams.is_finite() or grams != grams.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        errors.append(FieldError(name, "重量请填千克数，最多三位小数，例如 1 或 0.5。"))
        return 1000
    return int(grams)


def _days(name: str, errors: list[FieldError]) -> int | None:
    text = request.form.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3):
        errors.append(FieldError(name, "请填天数，0 到 %(most)s 之间的整数。", {"most": carrying.LONGEST_DAYS}))
        return None
    return int(text)


def _first_day(errors: list[FieldError]) -> date:
    today = clock.today_shanghai(clock.now())
    try:
        day = date.fromisoformat(request.form.get("valid_from", "").strip())
    except ValueError:
        errors.append(FieldError("valid_from", "请选开始日期。"))
        return today
    if not today <= day <= today + timedelta(days=730):
        errors.append(FieldError("valid_from", "不能改过去的运费，也不能定到两年以后：请从今天或以后开始。"))
    return day
