"""What the form of one delivery offers: at the desk that takes one in and on the page that replaces a wrong one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from flask import request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.models import Household
from catalog.parties.queries import find_card_holder, list_households
from shop.cooperative import forms, queries
from shop.cooperative.views import own_cooperative

MEMBERS = 60
"""So many households one form offers; more are found by searching."""


def delivery_choices(session: Session, form: Mapping[str, Any], errors: Mapping[str, str], chosen: str = "") -> dict[str, object]:
    """What the template ``delivery_fields.html`` needs."""
    organization_id = own_cooperative()
    found = _find_members(session, organization_id, chosen)
    return {
        "households": found[:MEMBERS],
        "more": len(found) > MEMBERS,
        "products": queries.list_own_products(session, organization_id),
        "units": [(unit.value, _(unit.label)) for unit in forms.DELIVERY_UNITS],
        "form": form,
        "errors": errors,
    }


def _find_members(session: Session, organization_id: UUID, chosen: str) -> Sequence[Household]:
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
    found = list_households(session, organization_id, limit=MEMBERS + 1, search=text[:40])
    return _with_chosen(session, organization_id, found, chosen)


def _with_chosen(session: Session, organization_id: UUID, found: Sequence[Household], typed: str) -> Sequence[Household]:
    """A refused form comes back with its household on the list, wherever in the cooperative's numbers it stands."""
    try:
        chosen = session.get(Household, UUID(typed)) if typed else None
    except ValueError:
        return found
    if chosen is None or chosen.cooperative_id != organization_id:
        return found
    return [chosen, *(each for each in found if each is not chosen)]
