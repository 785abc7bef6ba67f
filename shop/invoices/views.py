"""Doors of invoice requests: one list for buyer, seller and operator, one page a request, and the three acts on it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization, map_organizations
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Invalid
from kernel.money import Money
from kernel.web import kept, once
from shop.invoices import issuing, requesting
from shop.invoices.document import MOST_BYTES, TaxDocument, read_document
from shop.invoices.queries import get_invoice, is_buyer, list_invoices
from shop.invoices.states import STATES, InvoiceState

bp = Blueprint("invoices", __name__, url_prefix="/invoices", template_folder="templates")
PAGE = 50
RED = "red_due"
"""In ``?state=``: issued, and awaiting the red-letter invoice."""
KINDS = {InvoiceState.REQUESTED: "warn", InvoiceState.ISSUED: "ok", InvoiceState.RED: "bad", InvoiceState.WITHDRAWN: ""}


@bp.context_processor
def _words() -> dict[str, object]:
    return {"state_label": STATES.label, "state_kind": KINDS, "now": clock.now()}


@bp.get("/")
@require(Role.consumer)
def index() -> ResponseReturnValue:
    """What the reader asked for, has to issue, or (operator) all of it."""
    wanted, actor = request.args.get("state", ""), current_actor()
    state, red = InvoiceState(wanted) if wanted in set(InvoiceState) else None, wanted == RED
    after = request.args.get("after", type=UUID)
    with reading() as session:
        rows = list_invoices(session, actor, state=state, red=red, after=after, limit=PAGE + 1)
        names = map_organizations(session, {row.seller_id for row in rows})
    more = url_for(".index", state=wanted or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template(
        "invoices/invoices.html",
        rows=rows[:PAGE],
        names=names,
        state=state,
        red=red,
        states=list(InvoiceState),
        more=more,
        after=after,
    )


@bp.get("/<code>")
@require(Role.consumer)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}, {}), 200


def _page(code: str, form: object, errors: object) -> str:
    actor = current_actor()
    with reading() as session:
        invoice = get_invoice(session, code, actor)
        seller = get_organization(session, invoice.seller_id)
        may_issue = actor.has(Role.clerk, invoice.seller_id) or actor.has(Role.operator)
        return render_template(
            "invoices/invoice.html",
            invoice=invoice,
            seller=seller,
            may_issue=may_issue,
            may_withdraw=is_buyer(invoice, actor),
            today=clock.today_shanghai(clock.now()),
            form=form,
            errors=errors,
        )


def _kept(act: Callable[[str], ResponseReturnValue], code: str) -> ResponseReturnValue:
    """Run an act; show the page again with what was typed when something has to be mended."""
    return kept(act, lambda errors: _page(code, request.form, errors), code)


@bp.post("/<code>/issued")
@require(Role.clerk, Role.operator)
def issued(code: str) -> ResponseReturnValue:
    return _kept(_issued, code)


@once
def _issued(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    invoice = issuing.record_issued(
        session,
        current_actor(),
        code,
        invoice_number=form.get("invoice_number", "")[:60],
        amount=Money.parse(form.get("amount", "").strip(), field="amount"),
        buyer_tax_number=form.get("buyer_tax_number", "")[:60],
        issued_on=_day("issued_on"),
        at=clock.now(),
    )
    flash(_("已登记发票 %(number)s。", number=invoice.invoice_number), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/document")
@require(Role.clerk, Role.operator)
def document(code: str) -> ResponseReturnValue:
    """Record the invoice, or the red-letter one, from its own XML (form: document). It is read before the transaction opens."""
    return kept(lambda: _document(_read_document(), code), lambda errors: _page(code, request.form, errors))


def _read_document() -> TaxDocument:
    upload = request.files.get("document")
    if upload is None or not upload.filename:
        raise Invalid("请选择税务系统下载的发票 XML 文件。", field="document")
    return read_document(upload.stream.read(MOST_BYTES + 1))


@once
def _document(session: Session, found: TaxDocument, code: str) -> ResponseReturnValue:
    issuing.record_document(session, current_actor(), code, found, at=clock.now())
    told = _("已登记红字发票。可以重新申请开票。") if found.is_red else _("已登记发票 %(number)s。", number=found.number)
    flash(told, "ok")
    return redirect(url_for(".show", code=code))


@bp.get("/<code>.json")
@require(Role.clerk, Role.operator)
def neutral(code: str) -> ResponseReturnValue:
    """The request for the seller's tax software: whose, for whom, over what; amounts in fen, tax included."""
    with reading() as session:
        invoice = get_invoice(session, code, current_actor())
        current_actor().must_any({Role.clerk: invoice.seller_id, Role.operator: None})
        seller = get_organization(session, invoice.seller_id)
        return {
            "request": invoice.code,
            "subject": invoice.subject_code,
            "kind": "special" if invoice.special else "ordinary",
            "seller": {"name": seller.name, "tax_number": seller.uscc},
            "buyer": {"kind": invoice.title_kind.value, "name": invoice.title, "tax_number": invoice.tax_number},
            "amount_fen": invoice.amount_fen,
            "currency": "CNY",
            "items": invoice.items,
            "email": invoice.email,
            "note": invoice.note,
            "asked_at": invoice.asked_at.isoformat(),
        }


@bp.post("/<code>/red")
@require(Role.clerk, Role.operator)
def red(code: str) -> ResponseReturnValue:
    return _kept(_red, code)


@once
def _red(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    issuing.record_red(
        session,
        current_actor(),
        code,
        red_number=form.get("red_number", "")[:60],
        red_on=_day("red_on"),
        reason=form.get("reason", ""),
        at=clock.now(),
    )
    flash(_("已登记红字发票。可以重新申请开票。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/<code>/withdraw")
@require(Role.consumer)
def withdraw(code: str) -> ResponseReturnValue:
    return _kept(_withdraw, code)


@once
def _withdraw(session: Session, code: str) -> ResponseReturnValue:
    requesting.withdraw_invoice(session, current_actor(), code)
    flash(_("已撤回开票申请。"), "ok")
    return redirect(url_for(".show", code=code))


def _day(field: str) -> date:
    try:
        return date.fromisoformat(request.form.get(field, ""))
    except ValueError as error:
        raise Invalid("有几处需要改一下。", errors=[FieldError(field, "请选择日期。")]) from error
