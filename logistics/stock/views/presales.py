"""Pre-sales of sellers and cooperatives: announce a harvest, see how it goes, end it; an officer of the county decides how much of it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import list_counties_of, name_actors
from catalog.products.queries import get_product
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Invalid, Problem
from kernel.web import kept, named, once
from logistics.stock import announcing, queries
from logistics.stock.forecasting import measure_forecast
from logistics.stock.queries import PresaleRow, PresaleScope
from logistics.stock.states import PRESALE_FLOW, PresaleState
from logistics.stock.views import parse_id

bp = Blueprint("presales", __name__, url_prefix="/presales", template_folder="../templates")

PAGE = 30
COLOURS = {PresaleState.ASKED: "warn", PresaleState.OPEN: "ok", PresaleState.REFUSED: "bad", PresaleState.ENDED: ""}
THOSE = (Role.clerk, Role.county_officer, Role.operator)


def _scope(session: Session) -> PresaleScope | None:
    """Whose pre-sales the reader sees: those of the own organisations and counties; None: all."""
    actor = current_actor()
    if actor.operator:
        return None
    return PresaleScope(actor.organizations_with(Role.clerk), sorted(list_counties_of(session, actor)))


@bp.get("/")
@require(*THOSE)
def index() -> ResponseReturnValue:
    """Pre-sales of one's products or county, newest first; a clerk finds the form for the next."""
    return _index({}, {})


def _index(form: object, errors: object) -> str:
    after = parse_id(request.args.get("after"), "after")
    today = clock.today_shanghai(clock.now())
    with reading() as session:
        rows = queries.list_presales(session, _scope(session), after=after, limit=PAGE + 1)
        products = queries.list_to_announce(session, current_actor().organizations_with(Role.clerk))
        return render_template(
            "stock/presales.html",
            rows=rows[:PAGE],
            more=url_for(".index", after=rows[PAGE - 1].presale.id) if len(rows) > PAGE else None,
            after=after,
            products=[(product.sku, f"{named(product)} · {product.net_content}") for product in products],
            clerk=current_actor().has(Role.clerk),
            flow=PRESALE_FLOW,
            colours=COLOURS,
            today=today,
            later=[today + timedelta(days=days) for days in (30, 45, 50)],
            form=form,
            errors=errors,
        )


@bp.post("/")
@require(Role.clerk)
def announce() -> ResponseReturnValue:
    """Ask the county (form: sku, harvest_from, harvest_until, ship_by, closes_on, boxes, per_person)."""
    return kept(_announce, lambda errors: _index(request.form, errors))


@once
def _announce(session: Session) -> ResponseReturnValue:
    errors = list[FieldError]()
    draft = announcing.PresaleDraft(
        harvest_from=_day("harvest_from", errors),
        harvest_until=_day("harvest_until", errors),
        ship_by=_day("ship_by", errors),
        closes_on=_day("closes_on", errors),
        boxes=_number("boxes", errors),
        per_person=_number("per_person", errors),
    )
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    product = get_product(session, request.form.get("sku", "")[:40])
    presale = announcing.announce(session, current_actor(), product, draft, at=clock.now())
    flash(_("已经报给县里，核定后就开始预售。"), "ok")
    return redirect(url_for(".show", code=presale.code))


@bp.get("/<code>")
@require(*THOSE)
def show(code: str) -> ResponseReturnValue:
    """One pre-sale: how much of it is promised, paid and served, and what was done with it."""
    return _show(code, {}, {})


def _show(code: str, form: object, errors: object) -> str:
    actor, at = current_actor(), clock.now()
    with reading() as session:
        row = queries.get_presale(session, code[:40], _scope(session))
        steps = queries.list_presale_steps(session, row.presale.id)
        decides = actor.operator or row.product.county_code in list_counties_of(session, actor)
        sells = actor.operator or any(actor.has(Role.clerk, where) for where in (row.product.seller_id, row.product.cooperative_id))
        waits = row.presale.state is PresaleState.ASKED
        return render_template(
            "stock/presale.html",
            row=row,
            presale=row.presale,
            closes_on=row.presale.closes_at - timedelta(seconds=1),
            figures=queries.count_promises(session, row.presale.id),
            steps=steps,
            people=name_actors(session, {step.by for step in steps}),
            flow=PRESALE_FLOW,
            colours=COLOURS,
            may_decide=waits and decides and actor.label != row.presale.asked_by,
            most=_most(session, row, at) if waits else "",
            may_end=row.presale.state is PresaleState.OPEN and sells,
            form=form,
            errors=errors,
        )


def _most(session: Session, row: PresaleRow, at: datetime) -> str:
    """What the harvest can give by the confirmed capacity, or why nobody knows."""
    try:
        most = measure_forecast(session, row.product, row.presale.harvest_until, at, but=row.presale.id)
    except Problem as problem:
        return problem.text(_)
    return str(_("%(most)s 盒", most=most))


@bp.post("/<code>/decision")
@require(Role.county_officer, Role.operator)
def decide(code: str) -> ResponseReturnValue:
    """Let so many boxes be promised, or refuse (form: verdict = agree or refuse, boxes, note)."""
    return kept(_decide, lambda errors: _show(code, request.form, errors), code)


@once
def _decide(session: Session, code: str) -> ResponseReturnValue:
    queries.get_presale(session, code[:40], _scope(session))
    errors = list[FieldError]()
    boxes = _number("boxes", errors) if request.form.get("verdict") == "agree" else None
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    announcing.decide(session, current_actor(), code, boxes=boxes, note=request.form.get("note", ""), at=clock.now())
    flash(_("已核定，预售开始了。") if boxes else _("已回复不同意。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/end")
@require(Role.clerk, Role.operator)
def end(code: str) -> ResponseReturnValue:
    """Nothing more comes of this harvest (form: note)."""
    return kept(_end, lambda errors: _show(code, request.form, errors), code)


@once
def _end(session: Session, code: str) -> ResponseReturnValue:
    queries.get_presale(session, code[:40], _scope(session))
    announcing.end(session, current_actor(), code, note=request.form.get("note", ""), at=clock.now())
    flash(_("预售已结束。没有配到货的订单正在取消，全额退款。"), "ok")
    return redirect(url_for(".show", code=code))


def _day(name: str, errors: list[FieldError]) -> date:
    try:
        return date.fromisoformat(request.form.get(name, "").strip())
    except ValueError:
        errors.append(FieldError(name, "日期看不懂，请重新选。"))
        return date.min


def _number(name: str, errors: list[FieldError]) -> int:
    text = request.form.get(name, "").strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 7):
        errors.append(FieldError(name, "数量请填写大于 0 的整数。"))
        return 0
    return int(text)
