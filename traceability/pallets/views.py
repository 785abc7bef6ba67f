"""What the code on a case or pallet leads to: which lots are in it, how many boxes of each, and whether one of them is stopped.

No serial number stands here: an SSCC can be guessed at, the serials of boxes cannot.
"""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from catalog.parties.queries import get_organization
from kernel.db import reading
from kernel.web import everyone, limiter
from traceability.lots.states import RecallState
from traceability.pallets.queries import count_lots_inside, count_stopped_inside, get_container
from traceability.pallets.states import KIND_LABELS

bp = Blueprint("pallets", __name__, template_folder="templates")
GUESSES = "60 per minute"


@bp.get("/t/case/<code>")
@limiter.limit(GUESSES, deduct_when=lambda response: response.status_code == 404)
@everyone
def show(code: str) -> ResponseReturnValue:
    """A case or pallet for whoever scans it: who closed it, and the lots in it."""
    with reading() as session:
        container = get_container(session, code.upper())
        lots = count_lots_inside(session, container.id)
        organization = get_organization(session, container.organization_id)
    return render_template(
        "pallets/container.html",
        container=container,
        lots=lots,
        organization=organization,
        kind=KIND_LABELS[container.kind],
        stopped_boxes=count_stopped_inside(lots),
        stopped=[inside.lot.code for inside in lots if inside.lot.recall_state is not RecallState.NONE],
    )
