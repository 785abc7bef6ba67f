"""A household's card (社员卡): printed once, scanned at each delivery; and how the form of a delivery finds a household."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.carding import issue_card
from catalog.parties.models import Household, Role
from catalog.parties.queries import find_card_holder, get_household, get_organization, list_households
from kernel.db import reading
from kernel.errors import NotFound
from kernel.web import once
from shop.cooperative.views import own_cooperative
from traceability.scan.qrcodes import cached_svg
from traceability.scan.queries import find_public_url

bp = Blueprint("cards", __name__, template_folder="../templates")
MEMBERS = 60
"""So many households one form offers; more are found by searching."""


def find_members(session: Session, organization_id: UUID) -> Sequence[Household]:
    """Whom the reader means: by ``?household=``, by what was typed or scanned into ``?code=``, else the first members by number.

    Up to one more than ``MEMBERS``, in the order of their numbers.
    """
    if wanted := request.args.get("household", type=UUID):
        household = session.get(Household, wanted)
        return [household] if household is not None and household.cooperative_id == organization_id else []
    text = request.args.get("code", "").strip()
    if "/cards/" in text:
        held = find_card_holder(session, text.rpartition("/cards/")[2][:64])
        return [held] if held is not None and held.cooperative_id == organization_id else []
    typed = request.form.get("household_id", "") if request.method == "POST" else ""
    found = list_households(session, organization_id, limit=MEMBERS + 1, search=text[:40])
    return _with_chosen(session, organization_id, found, typed)


def _with_chosen(session: Session, organization_id: UUID, found: Sequence[Household], typed: str) -> Sequence[Household]:
    """A refused form comes back with its household on the list, wherever in the cooperative's numbers it stands."""
    try:
        chosen = session.get(Household, UUID(typed)) if typed else None
    except ValueError:
        return found
    if chosen is None or chosen.cooperative_id != organization_id:
        return found
    return [chosen, *(each for each in found if each is not chosen)]


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
    if household.cooperative_id != own_cooperative():
        raise NotFound("没有这户。")
    return household
