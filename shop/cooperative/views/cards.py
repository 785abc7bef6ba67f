"""A household's card (社员卡): printed once, scanned at each delivery."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.carding import issue_card
from catalog.parties.models import Household, Role
from catalog.parties.queries import find_card_holder, get_household, get_organization
from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import once
from shop.cooperative.views import own_cooperative
from traceability.scan.qrcodes import cached_svg
from traceability.scan.queries import find_public_url

bp = Blueprint("cards", __name__, template_folder="../templates")


@bp.get("/cards/<token>")
@require(Role.clerk)
def open_card(token: str) -> ResponseReturnValue:
    """Where the code on a card leads a clerk of that cooperative: the form of a delivery, with the household chosen."""
    with reading() as session:
        household = find_card_holder(session, token)
        if household is None or household.cooperative_id != own_cooperative():
            raise NotFound("这张社员卡不是本合作社的，或者已经换过新卡。")
    return redirect(url_for("cooperative.new_delivery", household=household.id))


@bp.get("/cooperative/households/<uuid:household_id>/card")
@require(Role.clerk)
def show_card(household_id: UUID) -> ResponseReturnValue:
    """The card to print."""
    with reading() as session:
        household = _own(session, household_id)
        root = find_public_url(session, current_app.config["SHANHAI"].public_url)
        return render_template(
            "cooperative/card.html",
            household=household,
            organization=get_organization(session, household.cooperative_id),
            code=Markup(cached_svg(f"{root}/cards/{household.card_token}")) if household.card_token else "",  # noqa: S704
        )


@bp.post("/cooperative/households/<uuid:household_id>/card")
@require(Role.clerk)
@once
def make_card(session: Session, household_id: UUID) -> ResponseReturnValue:
    """Make the card, or a new one for a lost one."""
    household = _own(session, household_id)
    again = household.card_token is not None
    issue_card(session, current_actor(), household.id)
    flash(_("已换新卡，旧卡作废。") if again else _("卡做好了，请打印。"), "ok")
    return redirect(url_for(".show_card", household_id=household.id))


def _own(session: Session, household_id: UUID) -> Household:
    household = get_household(session, household_id)
    if household.cooperative_id != own_cooperative() or household.erased_at is not None:
        raise NotFound("没有这户。")
    return household
