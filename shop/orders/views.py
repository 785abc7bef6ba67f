"""The doors of an order for its buyer: pay it, cancel it, say that it arrived. Its page is the storefront's."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.web import once
from shop.orders import cancelling, collecting, following
from shop.payments.links import pay_path
from shop.payments.models import Provider

bp = Blueprint("orders", __name__)


@bp.post("/orders/<code>/pay")
@require(Role.consumer)
@once
def pay(session: Session, code: str) -> ResponseReturnValue:
    """Go and pay one seller's part (form: part, and by=bank_transfer for a transfer)."""
    by_transfer = request.form.get("by") == Provider.BANK_TRANSFER
    provider = Provider.BANK_TRANSFER if by_transfer else Provider.STRIPE
    part = request.form.get("part", "")[:40]
    payment = collecting.start_part_payment(session, current_actor(), code, part, provider, at=clock.now())
    return redirect(pay_path(current_app.config["SHANHAI"].secret_key, payment.code))


@bp.post("/orders/<code>/cancel")
@require(Role.consumer)
@once
def cancel(session: Session, code: str) -> ResponseReturnValue:
    """Cancel before it ships (form: reason)."""
    reason = request.form.get("reason", "").strip()[:200]
    order = cancelling.cancel_order(session, current_actor(), code, reason=reason, at=clock.now())
    flash(_("订单已取消。已付的款项会原路退回。") if order.paid_fen else _("订单已取消。"), "ok")
    return redirect(f"/orders/{order.code}")


@bp.post("/orders/<code>/receive")
@require(Role.consumer)
@once
def receive(session: Session, code: str) -> ResponseReturnValue:
    """The buyer says that it arrived."""
    order = following.confirm_receipt(session, current_actor(), code)
    flash(_("已确认收货，谢谢。"), "ok")
    return redirect(f"/orders/{order.code}")
