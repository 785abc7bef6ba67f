"""The operator's page of pairings: open one, end one. It lives here because areas know no actors."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas import pairing
from catalog.areas.queries import list_areas, list_pairings
from catalog.areas.views import asked_day
from catalog.parties.access import require
from catalog.parties.models import Role
from kernel.db import reading
from kernel.errors import Invalid, Problem
from kernel.web import once, wants_json

RELATION = "东西部协作"  # the usual name, as the reference table has it
bp = Blueprint("pairings", __name__, url_prefix="/areas/pairings", template_folder="../templates")


def form_day(name: str, *, optional: bool = False) -> date | None:
    """A date field of the form. Raises Invalid when it is missing or no date."""
    text = request.form.get(name, "").strip()
    if not text and optional:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Invalid("日期“%(text)s”不正确，请写成 2026-01-31 的形式。", params={"text": text[:20]}, field=name) from None


def must_day(name: str) -> date:
    """A date field that has to be there. Raises Invalid."""
    day = form_day(name)
    assert day is not None
    return day


@bp.get("/")
@require(Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    return _page({}, {}), 200


def _page(form: object, errors: object) -> str:
    on = asked_day()
    with reading() as session:
        rows = list_pairings(session, on)
        areas = list_areas(session, [code for row in rows for code in (row.east_code, row.west_code)])
        return render_template("parties/pairings.html", rows=rows, areas=areas, on=on, relation=RELATION, form=form, errors=errors)


@bp.post("/")
@require(Role.operator)
def create() -> ResponseReturnValue:
    try:
        return _create()
    except Problem as problem:
        if wants_json():
            raise
        return _page(request.form, problem.by_field(_)), problem.status


@once
def _create(session: Session) -> ResponseReturnValue:
    form = request.form
    pairing.open_pairing(
        session,
        relation=form.get("relation", ""),
        east_code=form.get("east_code", "").strip(),
        west_code=form.get("west_code", "").strip(),
        valid_from=must_day("valid_from"),
        valid_to=form_day("valid_to", optional=True),
        source=form.get("source", ""),
    )
    flash(_("已登记结对。"), "ok")
    return redirect(url_for(".index"))


@bp.post("/<uuid:pairing_id>/end")
@require(Role.operator)
@once
def end(session: Session, pairing_id: UUID) -> ResponseReturnValue:
    pairing.end_pairing(session, pairing_id, must_day("last_day"))
    flash(_("已设结束日期。"), "ok")
    return redirect(url_for(".index"))
