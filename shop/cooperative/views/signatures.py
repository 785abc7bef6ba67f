"""A step outside its yield range, before the second person who signs it or not: a colleague of the clerk, or the county."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization
from kernel import clock
from kernel.db import reading
from kernel.errors import Problem
from kernel.quantity import plain
from kernel.web import once
from shop.cooperative.views import STEP_TEXTS
from shop.cooperative.views.county import must_see, read_agreed, shown_decision
from shop.cooperative.views.photos import send_photo
from traceability.lots import signing
from traceability.lots.erasing import erase_waiting_photo
from traceability.lots.models import Lot
from traceability.lots.queries import get_step_request

bp = Blueprint("signatures", __name__, url_prefix="/county/steps", template_folder="../templates")


@bp.get("/<uuid:request_id>")
@require(Role.clerk, Role.county_officer)
def step(request_id: UUID) -> ResponseReturnValue:
    """A step outside its yield range, with inputs, outputs and reason beside the signature."""
    return _step_page(request_id, {}, {}), 200


def _step_page(request_id: UUID, form: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    with reading() as session:
        row = get_step_request(session, request_id)
        officer = must_see(session, row)
        inputs, outputs, _place = signing.read_body(row.body)
        lots = {lot_id: session.get_one(Lot, lot_id) for lot_id, _quantity in inputs}
        return render_template(
            "county/step.html",
            row=row,
            organization=get_organization(session, row.organization_id),
            inputs=[(lots[lot_id], quantity) for lot_id, quantity in inputs],
            outputs=outputs,
            faults=[fault.text(_) for fault in signing.faults_of(row)],
            step=_(STEP_TEXTS[row.step]),
            own=current_actor().has(Role.clerk, row.organization_id),
            **shown_decision(session, row, officer or not row.county_only),
            form=form,
            errors=errors,
            plain=plain,
        )


@bp.get("/<uuid:request_id>/photo.jpg")
@require(Role.clerk, Role.county_officer)
def show_photo(request_id: UUID) -> ResponseReturnValue:
    """The photograph that waits with the step, for those who may sign it."""
    with reading() as session:
        row = get_step_request(session, request_id)
        must_see(session, row)
        digest = row.photo_digest
    return send_photo(digest)


@bp.post("/<uuid:request_id>/photo/erased")
@require(Role.clerk)
@once
def erase_photo(session: Session, request_id: UUID) -> ResponseReturnValue:
    """Delete it because somebody who is on it asks; the step waits on."""
    row = get_step_request(session, request_id)
    current_actor().must(Role.clerk, row.organization_id)
    erase_waiting_photo(row)
    flash(_("照片已删除。"), "ok")
    return redirect(url_for(".step", request_id=row.id))


@bp.post("/<uuid:request_id>")
@require(Role.clerk, Role.county_officer)
def decide_step(request_id: UUID) -> ResponseReturnValue:
    """Sign a step, which records it, or refuse."""
    try:
        return _decide_step(request_id)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _step_page(request_id, request.form, problem.by_field(_)), problem.status


@once
def _decide_step(session: Session, request_id: UUID) -> ResponseReturnValue:
    row = get_step_request(session, request_id)
    must_see(session, row)
    agree = read_agreed()
    decision = request.form.get("decision", "")
    signing.decide_step(session, current_actor(), request_id=row.id, agree=agree, decision=decision, at=clock.now())
    flash(_("已签字，这一步已经记录。") if agree else _("已答复。"), "ok")
    return redirect(url_for("county.home"))
