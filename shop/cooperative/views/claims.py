"""What a cooperative says a household has of land, herd or hives, before the county that confirms or corrects it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties import surveying
from catalog.parties.access import current_actor, require
from catalog.parties.models import ClaimState, Role
from catalog.parties.queries import get_claim, get_household, get_organization, list_claims, list_counties_of, name_actors
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, NotFound, Problem
from kernel.quantity import Unit, plain
from kernel.web import once
from shop.cooperative.views.county import CLAIM_LABELS, COLOURS, read_agreed, read_amount

bp = Blueprint("claims", __name__, url_prefix="/county/claims", template_folder="../templates")


@bp.get("/<uuid:claim_id>")
@require(Role.clerk, Role.county_officer)
def claim(claim_id: UUID) -> ResponseReturnValue:
    """What a cooperative says a household has, for the county to confirm or correct."""
    return _claim_page(claim_id, {}, {}), 200


def _claim_page(claim_id: UUID, form: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        row = get_claim(session, claim_id)
        household = get_household(session, row.household_id)
        officer = row.county_code in list_counties_of(session, actor)
        if not officer and not actor.has(Role.clerk, household.cooperative_id):
            raise NotFound("没有这条申请。")
        return render_template(
            "county/claim.html",
            row=row,
            household=household,
            organization=get_organization(session, household.cooperative_id),
            label=_(surveying.CAPACITY_LABELS[row.basis]),
            history=list_claims(session, household_id=household.id, limit=10),
            labels=surveying.CAPACITY_LABELS,
            states=CLAIM_LABELS,
            names=name_actors(session, [row.claimed_by or "", row.decided_by or ""]),
            may_decide=officer and row.state is ClaimState.OPEN and row.claimed_by != actor.label,
            badge=(_(CLAIM_LABELS[row.state]), COLOURS[row.state]),
            form=form,
            errors=errors,
            plain=plain,
        )


@bp.post("/<uuid:claim_id>")
@require(Role.county_officer)
def decide_claim(claim_id: UUID) -> ResponseReturnValue:
    """Confirm what was reported, or what the county found."""
    try:
        return _decide_claim(claim_id)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _claim_page(claim_id, request.form, problem.by_field(_)), problem.status


@once
def _decide_claim(session: Session, claim_id: UUID) -> ResponseReturnValue:
    row = get_claim(session, claim_id)
    if row.county_code not in list_counties_of(session, current_actor()):
        raise Forbidden("只有本县的工作人员可以核定。")
    found = read_amount("found", Unit.MU) if read_agreed() else None
    surveying.decide_claim(
        session, current_actor(), claim_id=row.id, found=found, decision=request.form.get("decision", ""), at=clock.now()
    )
    flash(_("已核定。") if found is not None else _("已答复。"), "ok")
    return redirect(url_for("county.home"))
