"""The consent form of a household on paper: the wording, places to tick and sign, and a code of its own to take consent back."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, make_response, redirect, render_template, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.parties import consenting
from catalog.parties.access import current_actor, require
from catalog.parties.consent_texts import CURRENT, get_text
from catalog.parties.models import Role
from catalog.parties.queries import get_organization
from catalog.parties.views.households import SCOPE_LABELS, own_household
from kernel import clock
from kernel.db import reading
from kernel.web import once
from traceability.scan.qrcodes import svg
from traceability.scan.queries import find_public_url

bp = Blueprint("cooperative_consents", __name__, url_prefix="/cooperative/households", template_folder="../templates")
ISSUED = "consent_form"


@bp.post("/<uuid:household_id>/consent-form")
@require(Role.clerk, Role.operator)
@once
def issue(session: Session, household_id: UUID) -> ResponseReturnValue:
    """Make a form of its own for the household. Its link goes to the clerk's browser, never into the database."""
    household = own_household(session, household_id)
    token = consenting.issue_card(session, current_actor(), household_id=household.id, at=clock.now())
    cookie[ISSUED] = [str(household.id), token]
    return redirect(url_for(".show", household_id=household.id))


@bp.get("/<uuid:household_id>/consent-form")
@require(Role.clerk, Role.operator)
def show(household_id: UUID) -> ResponseReturnValue:
    """The form to print that this browser asked for last; without one, back to the household."""
    with reading() as session:
        household = own_household(session, household_id)
        whose, token = cookie.get(ISSUED, ["", ""])
        if whose != str(household.id):
            return redirect(url_for("households.show", household_id=household.id))
        link = find_public_url(session, current_app.config["SHANHAI"].public_url) + url_for("withdrawals.show", token=token)
        page = render_template(
            "cooperative/consent_form.html",
            household=household,
            cooperative=get_organization(session, household.cooperative_id),
            text=get_text(CURRENT),
            version=CURRENT,
            scopes=SCOPE_LABELS,
            link=link,
            code=Markup(svg(link)),  # noqa: S704 - our own drawing of our own address
        )
    response = make_response(page)
    response.headers["Cache-Control"] = "private, no-store"
    return response
