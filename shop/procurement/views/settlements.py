"""Settling: what is owed by when, the invoice, and the remittance code for the transfer."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization, map_organizations
from kernel import clock
from kernel.db import reading
from kernel.web import kept, once
from shop.invoices.models import KIND_LABELS
from shop.invoices.queries import find_live, list_invoices_of
from shop.invoices.states import STATES as INVOICE_STATES
from shop.payments.queries import find_account, list_payments_of
from shop.payments.remittance import show_remittance_code
from shop.procurement import queries, settling
from shop.procurement.forms import choice_of, own_organizations, portal_words
from shop.procurement.states import SettlementState

bp = Blueprint("procurement_settlements", __name__, url_prefix="/procurement", template_folder="../templates")
bp.context_processor(portal_words)


@bp.get("/settlements")
@require(Role.finance)
def index() -> ResponseReturnValue:
    """What the reader's organisations owe, the first due first."""
    actor, wanted = current_actor(), request.args.get("state", "open")
    state = choice_of(SettlementState, wanted, "state") if wanted != "all" else None
    with reading() as session:
        mine = [each.id for each in own_organizations(session, actor) if actor.has(Role.finance, each.id)]
        rows = queries.list_settlements_of(session, mine, state=state)
        codes = [settlement.code for settlement, _purchase in rows]
        return render_template(
            "procurement/settlements.html",
            rows=rows,
            sellers=map_organizations(session, {settlement.seller_id for settlement, _purchase in rows}),
            invoices={invoice.subject_code: invoice for invoice in list_invoices_of(session, codes)},
            invoice_label=INVOICE_STATES.label,
            wanted=wanted,
            today=clock.today_shanghai(clock.now()),
        )


@bp.get("/settlements/<code>")
@require(Role.requester, Role.finance)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}), 200


def _page(code: str, errors: Mapping[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        settlement, purchase = queries.get_settlement(session, code, actor)
        payments = list_payments_of(session, [code])
        return render_template(
            "procurement/settlement.html",
            settlement=settlement,
            purchase=purchase,
            organization=get_organization(session, purchase.organization_id),
            seller=get_organization(session, settlement.seller_id),
            account=find_account(session, settlement.seller_id),
            invoice=find_live(session, code),
            invoice_label=INVOICE_STATES.label,
            invoice_kinds=[(key, _(label)) for key, label in KIND_LABELS.items()],
            payments=payments,
            open_payment=next((payment for payment in payments if payment.waiting), None),
            show_code=show_remittance_code,
            may_pay=actor.has(Role.finance, purchase.organization_id),
            today=clock.today_shanghai(clock.now()),
            form=request.form,
            errors=errors,
        )


@bp.post("/settlements/<code>/invoice")
@require(Role.requester, Role.finance)
def ask_invoice(code: str) -> ResponseReturnValue:
    return kept(_ask_invoice, lambda errors: _page(code, errors), code)


@once
def _ask_invoice(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    invoice = settling.ask_invoice(
        session,
        current_actor(),
        code,
        title=form.get("title", "")[:200],
        tax_number=form.get("tax_number", "")[:60],
        email=form.get("email", "")[:300],
        note=form.get("note", ""),
        special=form.get("kind") == "special",
        at=clock.now(),
    )
    flash(_("已向销售方申请开票，开票申请号 %(code)s。", code=invoice.code), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/settlements/<code>/transfer")
@require(Role.finance)
def start_transfer(code: str) -> ResponseReturnValue:
    return kept(_start_transfer, lambda errors: _page(code, errors), code)


@once
def _start_transfer(session: Session, code: str) -> ResponseReturnValue:
    settling.start_transfer(session, current_actor(), code, at=clock.now())
    flash(_("请按下面的账户和附言码转账，到账后自动核对。"), "ok")
    return redirect(url_for(".show", code=code))
