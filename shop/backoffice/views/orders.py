"""Orders in the back office: the list, and one page with everything about an order; contact and refunds."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask import session as cookie
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import map_organizations
from kernel import clock
from kernel.db import reading
from kernel.errors import NotFound
from kernel.money import Money
from kernel.web import kept, once
from logistics.shipments.queries import get_tracking
from logistics.shipments.states import SHIPMENT_FLOW
from logistics.stock.models import Allocation
from logistics.stock.queries import list_allocations
from shop.backoffice import refunding, tending
from shop.backoffice.models import ProposalState
from shop.backoffice.privacy import mask_name, mask_phone
from shop.backoffice.queries import list_audit, list_orders_of_day, list_proposals
from shop.backoffice.timeline import Trail, tell_all
from shop.cases.queries import list_cases_about
from shop.cases.states import KIND_LABELS
from shop.cases.states import STATES as CASE_STATES
from shop.invoices.queries import list_invoices_of
from shop.notices.queries import list_notices_of_order
from shop.notices.wording import words_of
from shop.orders.models import Order
from shop.orders.queries import get_order, list_orders
from shop.orders.states import STATES, OrderState
from shop.payments.queries import list_payments_of, list_refunds_of
from shop.payments.states import PAYMENT_STATES, REFUND_STATES
from traceability.scan.queries import list_tallies

bp = Blueprint("backoffice_orders", __name__, url_prefix="/backoffice/orders", template_folder="../templates")
PAGE = 50
STAFF = (Role.operator, Role.auditor)
OPEN_FOR_SECONDS = 300
OPENED = "opened_contacts"
PROPOSAL_LABELS = {
    ProposalState.WAITING: "等另一位运营人员复核",
    ProposalState.AGREED: "已同意",
    ProposalState.REFUSED: "已拒绝",
}


@bp.get("/")
@require(*STAFF)
def index() -> ResponseReturnValue:
    """All orders, newest first, by state."""
    wanted, after = request.args.get("state", ""), request.args.get("after", type=UUID)
    state = OrderState(wanted) if wanted in set(OrderState) else None
    today = bool(request.args.get("today"))
    with reading() as session:
        if today:
            rows = list_orders_of_day(session, clock.now(), limit=PAGE)
        else:
            rows = list_orders(session, state=state, after=after, limit=PAGE + 1)
        names = map_organizations(session, {row.buyer_organization_id for row in rows if row.buyer_organization_id})
    more = url_for(".index", state=wanted or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template(
        "backoffice/orders.html",
        rows=rows[:PAGE],
        names=names,
        state=state,
        today=today,
        states=list(OrderState),
        labels=STATES.labels,
        more=more,
        after=after,
    )


@bp.get("/<code>")
@require(*STAFF)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}), 200


def _page(code: str, errors: dict[str, str]) -> str:
    with reading() as session:
        order = get_order(session, code)
        return render_template(
            "backoffice/order.html",
            **_everything(session, order),
            contact=_contact(order),
            may_act=current_actor().has(Role.operator),
            me=current_actor().person_id,
            limit=refunding.ALONE_UP_TO,
            form=request.form,
            errors=errors,
        )


def _everything(session: Session, order: Order) -> dict[str, Any]:
    parts = [part.code for part in order.sub_orders]
    payments = list_payments_of(session, parts)
    refunds = list_refunds_of(session, [payment.id for payment in payments])
    tracking = get_tracking(session, order.code)
    notices = [(row, words_of(row.kind, row.params, _)[0]) for row in list_notices_of_order(session, order.code)]
    codes = [order.code, *parts, *(line.code for line in order.lines), *(payment.code for payment in payments)]
    codes += [parcel.shipment_code for parcel in tracking] + [box.serial for parcel in tracking for box in parcel.boxes]
    cases = list_cases_about(session, codes)
    invoices = list_invoices_of(session, parts)
    named = [order.code, *(row.code for row in payments), *(row.code for row in cases), *(row.code for row in invoices)]
    audit = list_audit(session, subjects=named, limit=200)
    scans = list_tallies(session, [box.serial for parcel in tracking for box in parcel.boxes])
    kept = session.scalars(select(Allocation).where(Allocation.order_code == order.code)).all()
    trail = Trail(order, payments, refunds, kept, tracking, notices, cases, audit, invoices, scans)
    organization = order.buyer_organization_id
    return {
        "order": order,
        "state": STATES.label(order.state),
        "sellers": map_organizations(session, [part.seller_id for part in order.sub_orders]),
        "buyer": map_organizations(session, [organization])[organization] if organization else None,
        "payments": payments,
        "refunds": refunds,
        "refundable": [(row.code, f"{row.code} · {Money(row.refundable_fen)}") for row in payments if row.refundable_fen],
        "allocations": list_allocations(session, order.code),
        "tracking": tracking,
        "notices": notices,
        "cases": cases,
        "invoices": invoices,
        "proposals": list_proposals(session, order.code),
        "timeline": tell_all(trail, _),
        "payment_labels": PAYMENT_STATES.labels,
        "refund_labels": REFUND_STATES.labels,
        "shipment_labels": SHIPMENT_FLOW.labels,
        "case_labels": CASE_STATES.labels,
        "kind_labels": KIND_LABELS,
        "proposal_labels": PROPOSAL_LABELS,
        "WAITING": ProposalState.WAITING,
    }


def _contact(order: Order) -> dict[str, str]:
    """Who receives it: masked, unless this operator asked for it within the last minutes (which was recorded)."""
    address = order.address
    opened = cookie.get(OPENED, {}).get(order.code, 0)
    if current_actor().has(Role.operator) and clock.now().timestamp() - opened < OPEN_FOR_SECONDS:
        street = " ".join(part for part in (address["city"], address.get("district", ""), address["street"]) if part)
        return {"name": address["recipient"], "phone": address["phone"], "street": street, "masked": ""}
    return {
        "name": mask_name(address["recipient"]),
        "phone": mask_phone(address["phone"]),
        "street": address["city"],
        "masked": "masked",
    }


@bp.post("/<code>/contact")
@require(Role.operator)
@once
def contact(session: Session, code: str) -> ResponseReturnValue:
    """Look at the contact for five minutes (form: reason); recorded. The page itself is not kept for repeats, so no phone is stored."""
    now = clock.now()
    tending.open_contact(session, current_actor(), code, request.form.get("reason", ""), at=now)
    cookie[OPENED] = {code: now.timestamp()}
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/refunds")
@require(Role.operator)
def refund(code: str) -> ResponseReturnValue:
    """Give money back (form: payment, amount, reason)."""
    return kept(_refund, lambda errors: _page(code, errors), code)


@once
def _refund(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    amount = Money.parse(form.get("amount", "").strip(), field="amount")
    proposal = refunding.propose_refund(
        session, current_actor(), code, form.get("payment", ""), amount, form.get("reason", ""), at=clock.now()
    )
    waits = proposal.state is ProposalState.WAITING
    flash(_("退款超过限额，等另一位运营人员复核。") if waits else _("退款已办理，按原路退回。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/refunds/<refund_code>/<any(agree, refuse):verdict>")
@require(Role.operator)
def decide(code: str, refund_code: str, verdict: str) -> ResponseReturnValue:
    """The second person agrees or refuses."""
    return kept(_decide, lambda errors: _page(code, errors), code, refund_code, verdict)


@once
def _decide(session: Session, code: str, refund_code: str, verdict: str) -> ResponseReturnValue:
    if refund_code not in {proposal.code for proposal in list_proposals(session, code)}:
        raise NotFound("没有这张退款单。")
    refunding.decide_refund(session, current_actor(), refund_code, agree=verdict == "agree", at=clock.now())
    flash(_("已处理。"), "ok")
    return redirect(url_for(".show", code=code))
