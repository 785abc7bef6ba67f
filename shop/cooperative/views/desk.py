"""The desk: today, what households deliver, the slip they take home, questions to the county."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization, list_households_by_id, name_actors
from kernel import clock
from kernel.db import reading
from kernel.errors import Problem
from kernel.web import once
from shop.cooperative import asking, forms, queries
from shop.cooperative.views import RAW, own_cooperative, scope_of, warn_near_cap
from shop.cooperative.views.drafts import delivery_choices
from shop.cooperative.views.photos import Taken, allow_photo, taken_photo
from shop.cooperative.views.slips import is_clerk_of, own_slip, slip_link, slip_words
from traceability.lots.bounding import BeyondCapacity
from traceability.lots.harvesting import mark_paid, record_delivery
from traceability.lots.queries import get_delivery
from traceability.lots.states import LotKind

bp = Blueprint("cooperative", __name__, url_prefix="/cooperative", template_folder="../templates")
bp.context_processor(slip_words)
bp.url_value_preprocessor(allow_photo)
PAGE = 50


@bp.get("/")
@require(Role.clerk)
def home() -> ResponseReturnValue:
    """Today at a glance: what came in, what lies there, what waits for labels."""
    organization_id, today = own_cooperative(), clock.today_shanghai(clock.now())
    with reading() as session:
        return render_template(
            "cooperative/home.html",
            organization=get_organization(session, organization_id),
            today=queries.list_deliveries(session, organization_id, on=today, limit=8),
            recent=queries.list_deliveries(session, organization_id, limit=8),
            raw=queries.list_open_lots(session, organization_id, RAW, limit=8),
            packs=queries.list_open_lots(session, organization_id, (LotKind.PACK,), limit=8),
            questions=queries.list_questions(session, organization_id=organization_id, limit=5),
            disputed=queries.count_disputes(session, organization_id=organization_id),
        )


@bp.get("/deliveries")
@require(Role.clerk)
def deliveries() -> ResponseReturnValue:
    """All deliveries, newest first."""
    after = forms.read_uuid(request.args["after"]) if request.args.get("after") else None
    with reading() as session:
        rows = queries.list_deliveries(session, own_cooperative(), after=after)
        following = rows[-1].delivery.id if len(rows) == 30 else None
        return render_template("cooperative/deliveries.html", rows=rows, following=following)


@bp.get("/deliveries/new")
@require(Role.clerk)
def new_delivery() -> ResponseReturnValue:
    """The form of one household's delivery."""
    return _delivery_page({}, {}), 200


def _delivery_page(form: Mapping[str, Any], errors: Mapping[str, str], refusal: str = "", beyond: bool = False) -> str:
    with reading() as session:
        return render_template(
            "cooperative/delivery_form.html",
            searched=request.args.get("code", "").strip()[:80],
            refusal=refusal,
            beyond=beyond,
            **delivery_choices(session, form, errors, chosen=form.get("household_id", "")),
        )


@bp.post("/deliveries")
@require(Role.clerk)
def add_delivery() -> ResponseReturnValue:
    """Record a delivery; what is refused stays on the form, with the way to ask the county."""
    try:
        with taken_photo() as taken:
            return _add_delivery(taken)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        beyond = isinstance(problem, BeyondCapacity)
        return _delivery_page(request.form, problem.by_field(_), problem.text(_), beyond), problem.status


@once
def _add_delivery(session: Session, taken: Taken) -> ResponseReturnValue:
    at, draft = clock.now(), forms.read_delivery(session, request.form, own_cooperative())
    paid_at = at if request.form.get("paid") == "1" else None
    delivery = record_delivery(session, current_actor(), replace(draft, photo=taken.photo, paid_at=paid_at), at)
    taken.used = True
    flash(_("已收货，交货凭证 %(code)s。", code=delivery.slip_code))
    return redirect(url_for("cooperative.slip", code=delivery.slip_code))


@bp.get("/deliveries/<code>")
@require(Role.clerk, Role.county_officer)
def slip(code: str) -> ResponseReturnValue:
    """The slip (交货凭证) the household takes home."""
    with reading() as session:
        slip = own_slip(session, code)
        facts = {"near": warn_near_cap(session, slip.delivery), "clerk": is_clerk_of(slip)}
        return render_template("cooperative/slip.html", slip=slip, link=slip_link(session, code), **facts)


@bp.post("/deliveries/<code>/paid")
@require(Role.clerk)
@once
def paid(session: Session, code: str) -> ResponseReturnValue:
    """Note that the household has its money."""
    mark_paid(session, current_actor(), delivery_id=get_delivery(session, code).id, at=clock.now())
    return redirect(url_for("cooperative.slip", code=code))


@bp.get("/questions")
@require(Role.clerk, Role.county_officer)
def questions() -> ResponseReturnValue:
    """Questions to the county: a clerk sees the cooperative's, an officer the county's."""
    return _questions_page({}, {})


def _questions_page(form: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    after, slips_after = (forms.read_uuid(text) if (text := request.args.get(name)) else None for name in ("after", "slips_after"))
    with reading() as session:
        scope = scope_of(session, current_actor())
        rows = queries.list_questions(session, **scope, after=after, limit=PAGE + 1)
        disputes = queries.list_disputes(session, **scope, after=slips_after, limit=PAGE + 1)
        names = name_actors(session, [row.asked_by for row in rows])
        households = {
            each.id: each for each in list_households_by_id(session, [row.household_id for row in rows if row.household_id])
        }
        return render_template(
            "cooperative/questions.html",
            rows=rows[:PAGE],
            names=names,
            households=households,
            disputes=disputes[:PAGE],
            officer=current_actor().has(Role.county_officer),
            first=url_for(".questions") if after or slips_after else None,
            more=url_for(".questions", after=rows[PAGE - 1].id) if len(rows) > PAGE else None,
            more_slips=url_for(".questions", slips_after=disputes[PAGE - 1].delivery.id) if len(disputes) > PAGE else None,
            form=form,
            errors=errors,
        )


@bp.post("/questions")
@require(Role.clerk)
def ask() -> ResponseReturnValue:
    """Ask the county; what cannot be asked comes back with what was typed."""
    try:
        return _ask()
    except Problem as problem:
        if problem.status != 422:
            raise
        return _questions_page(request.form, problem.by_field(_)), problem.status


@once
def _ask(session: Session) -> ResponseReturnValue:
    asking.ask_county(
        session,
        current_actor(),
        own_cooperative(),
        refusal=request.form.get("refusal", ""),
        question=request.form.get("question", ""),
        household_id=forms.find_household(session, request.form, own_cooperative()),
        at=clock.now(),
    )
    flash(_("已发给县里，答复会显示在这里。"))
    return redirect(url_for("cooperative.questions"))


@bp.post("/questions/<uuid:question_id>/answer")
@require(Role.county_officer)
@once
def answer(session: Session, question_id: UUID) -> ResponseReturnValue:
    """Answer as the county."""
    asking.answer_question(session, current_actor(), question_id, request.form.get("answer", ""), at=clock.now())
    return redirect(url_for("cooperative.questions"))
