"""A delivery that was recorded wrong: the page where it is declared so, and where the right one is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import reading
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from kernel.quantity import plain
from kernel.web import kept, once
from shop.cooperative import forms
from shop.cooperative.queries import Slip
from shop.cooperative.views import own_cooperative
from shop.cooperative.views.drafts import delivery_choices
from shop.cooperative.views.slips import is_clerk_of, own_slip, slip_words
from traceability.lots.correcting import correct_delivery
from traceability.lots.harvesting import DeliveryDraft
from traceability.lots.models import HouseholdDelivery
from traceability.lots.states import SlipState

bp = Blueprint("corrections", __name__, url_prefix="/cooperative/deliveries", template_folder="../templates")
bp.context_processor(slip_words)


@bp.get("/<code>/correction")
@require(Role.clerk, Role.county_officer)
def show(code: str) -> ResponseReturnValue:
    """What was recorded, and the form beside it."""
    return _page({}, code), 200


def _page(errors: Mapping[str, str], code: str) -> str:
    with reading() as session:
        slip = own_slip(session, code)
        if slip.delivery.slip_state is SlipState.CORRECTED and not errors:
            raise Conflict("这张凭证已经更正过了。")
        clerk = is_clerk_of(slip)
        form = request.form or _as_recorded(slip)
        choices = delivery_choices(session, form, errors, chosen=form.get("household_id", "")) if clerk else {}
        return render_template(
            "cooperative/correction.html", **(choices | {"slip": slip, "clerk": clerk, "errors": errors, "form": form})
        )


def _as_recorded(slip: Slip) -> Mapping[str, Any]:
    """The form begins with what was recorded, so that only what is wrong is typed anew."""
    delivery = slip.delivery
    return {
        "how": "replace",
        "household_id": str(delivery.household_id),
        "product_sku": slip.lot.product_sku or "",
        "quantity": plain(delivery.quantity),
        "unit": delivery.unit.value,
        "ear_tags": "\n".join(delivery.ear_tags),
        "agreed_price": f"{Money(delivery.agreed_price_fen).to_decimal()}",
        "grade": delivery.grade or "",
        "paid": "1" if delivery.paid_at else "",
    }


@bp.post("/<code>/correction")
@require(Role.clerk, Role.county_officer)
def correct(code: str) -> ResponseReturnValue:
    """Declare it wrong; with ``how`` = replace the right delivery is recorded in the same transaction, and nothing without it."""
    return kept(_correct, lambda errors: _page(errors, code), code)


@once
def _correct(session: Session, code: str) -> ResponseReturnValue:
    slip, at = own_slip(session, code), clock.now()
    how = request.form.get("how", "")
    if how not in ("replace", "void"):
        raise Invalid("请选择怎样更正。", field="how")
    right = _read_right(session, slip, at) if how == "replace" else None
    wrong = correct_delivery(
        session,
        current_actor(),
        slip.delivery.id,
        reason=request.form.get("reason", ""),
        replacement=right,
        at=at,
    )
    if wrong.replaced_by_id is None:
        flash(_("已声明这笔有误，凭证不再作数。"), "ok")
        return redirect(url_for("cooperative.slip", code=code))
    flash(_("已更正，这是新的交货凭证。"), "ok")
    return redirect(url_for("cooperative.slip", code=session.get_one(HouseholdDelivery, wrong.replaced_by_id).slip_code))


def _read_right(session: Session, slip: Slip, at: datetime) -> DeliveryDraft:
    """The right delivery; its household was paid when it was paid, not when that is typed anew."""
    paid_at = (slip.delivery.paid_at or at) if request.form.get("paid") == "1" else None
    return replace(forms.read_delivery(session, request.form, own_cooperative()), paid_at=paid_at)
