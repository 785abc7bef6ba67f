"""七天无理由退货 for the buyer: ask from a line of one's order, see how it goes, say which parcel it is, or keep the goods after all."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import asking, current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.web import kept, limiter, once
from shop.cases import returning
from shop.cases.claiming import get_own_line, is_own
from shop.cases.models import LONGEST
from shop.cases.queries import get_return
from shop.cases.states import RETURNS

bp = Blueprint("storefront_returns", __name__, template_folder="../templates")
ASKS = "10 per minute; 60 per day"


@bp.get("/orders/<order>/lines/<line>/return")
@require(Role.consumer)
def ask(order: str, line: str) -> ResponseReturnValue:
    """The form to send boxes of one line back."""
    return _form(order, line, {})


def _form(order_code: str, line_code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        order, line = get_own_line(session, current_actor(), order_code, line_code)
        return render_template(
            "storefront/return_ask.html",
            order=order,
            line=line,
            allowed=returning.is_returnable(line),
            in_days=returning.in_days(order, clock.now()),
            last_day=returning.last_day(order),
            left=returning.count_left(session, line),
            longest=LONGEST,
            form=request.form,
            errors=errors,
        )


@bp.post("/orders/<order>/lines/<line>/return")
@limiter.limit(ASKS, key_func=asking)
@require(Role.consumer)
def send(order: str, line: str) -> ResponseReturnValue:
    """Ask (form: boxes, text)."""
    return kept(_send, lambda errors: _form(order, line, errors), order, line)


@once
def _send(session: Session, order: str, line: str) -> ResponseReturnValue:
    case = returning.ask_return(
        session, current_actor(), order, line, boxes=read_boxes(), text=request.form.get("text", ""), at=clock.now()
    )
    flash(_("退货申请已提交，我们会在 24 小时内告诉您寄到哪里。"), "ok")
    return redirect(url_for(".show", code=case.code))


def read_boxes() -> int:
    """The number typed as ``boxes``. Raises Invalid."""
    typed = request.form.get("boxes", "").strip()
    if not (typed.isascii() and typed.isdigit() and len(typed) <= 6):
        raise Invalid("请填写件数。", field="boxes")
    return int(typed)


@bp.get("/returns/<code>")
@require(Role.consumer)
def show(code: str) -> ResponseReturnValue:
    """How one's own return goes, and what is to be done next."""
    return _page(code, {})


def _page(code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        found = get_return(session, code)
        order = found.line.sub_order.order
        if not is_own(order, current_actor()):
            raise NotFound("没有这张退货单，请检查工单号。")
        amount = found.returned.amount_fen
        return render_template(
            "storefront/return.html",
            row=found,
            order=order,
            seller=get_organization(session, found.line.sub_order.seller_id),
            label=RETURNS.label(found.returned.state),
            expected=amount if amount is not None else returning.price_of(found.line, found.returned.boxes).minor,
            form=request.form,
            errors=errors,
        )


@bp.post("/returns/<code>/parcel")
@limiter.limit(ASKS, key_func=asking)
@require(Role.consumer)
def parcel(code: str) -> ResponseReturnValue:
    """Say which parcel it is (form: carrier, waybill)."""
    return kept(_parcel, lambda errors: _page(code, errors), code)


@once
def _parcel(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    returning.send_back(
        session, current_actor(), code, carrier=form.get("carrier", ""), waybill=form.get("waybill", ""), at=clock.now()
    )
    flash(_("已记下快递单号，收到后七天内退款。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/returns/<code>/withdraw")
@require(Role.consumer)
@once
def withdraw(session: Session, code: str) -> ResponseReturnValue:
    """Keep the goods after all."""
    returning.withdraw_return(session, current_actor(), code, at=clock.now())
    flash(_("已撤回退货申请。"), "ok")
    return redirect(url_for(".show", code=code))
