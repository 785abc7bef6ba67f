"""七天无理由退货 for staff: what the buyer sends back, what came of it, and the money."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid
from kernel.web import kept, once
from shop.backoffice import refunding
from shop.backoffice.models import ProposalState
from shop.cases import returning
from shop.cases.models import LONGEST
from shop.cases.queries import get_return, map_boxes_of_line
from shop.cases.states import RETURNS

bp = Blueprint("backoffice_returns", __name__, url_prefix="/backoffice/returns", template_folder="../templates")


@bp.get("/<code>")
@require(Role.operator, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    """One return: what was asked, the parcel, the boxes, the money."""
    return _page(code, {})


def _page(code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        found = get_return(session, code)
        order = found.line.sub_order.order
        return render_template(
            "backoffice/return.html",
            row=found,
            order=order,
            seller=get_organization(session, found.line.sub_order.seller_id),
            label=RETURNS.label(found.returned.state),
            boxes=sorted(map_boxes_of_line(session, order.code, found.line)),
            expected=returning.price_of(found.line, found.returned.boxes).minor,
            waiting=refunding.sum_proposed(session, code, ProposalState.WAITING),
            limit=refunding.ALONE_UP_TO,
            may_act=current_actor().has(Role.operator),
            longest=LONGEST,
            form=request.form,
            errors=errors,
        )


@bp.post("/<code>/received")
@require(Role.operator)
def receive(code: str) -> ResponseReturnValue:
    """The parcel came (form: serials of the boxes, or boxes where none are known)."""
    return kept(_receive, lambda errors: _page(code, errors), code)


@once
def _receive(session: Session, code: str) -> ResponseReturnValue:
    serials, typed = request.form.getlist("serials"), request.form.get("boxes", "").strip()
    if typed and not (typed.isascii() and typed.isdigit() and len(typed) <= 6):
        raise Invalid("请填写件数。", field="boxes")
    returning.receive_return(session, current_actor(), code, boxes=int(typed or 0), serials=serials, at=clock.now())
    flash(_("已登记收到，请核对后退款。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/refused")
@require(Role.operator)
def refuse(code: str) -> ResponseReturnValue:
    """Nothing goes back (form: text: why)."""
    return kept(_refuse, lambda errors: _page(code, errors), code)


@once
def _refuse(session: Session, code: str) -> ResponseReturnValue:
    returning.refuse_return(session, current_actor(), code, request.form.get("text", ""), at=clock.now())
    flash(_("已告诉买家不退的原因。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/refund")
@require(Role.operator)
def refund(code: str) -> ResponseReturnValue:
    """Give back what the boxes that came were paid."""
    return kept(_refund, lambda errors: _page(code, errors), code)


@once
def _refund(session: Session, code: str) -> ResponseReturnValue:
    made = refunding.refund_return(session, current_actor(), code, at=clock.now())
    waits = any(proposal.state is ProposalState.WAITING for proposal in made)
    flash(_("退款超过限额，等另一位运营人员复核。") if waits else _("退款已办理，按原路退回。"), "ok")
    return redirect(url_for(".show", code=code))
