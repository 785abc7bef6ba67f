"""The office's pages: payments and refunds for the operator, statements for whoever keeps a seller's books."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization_by_code, name_actors
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, Problem, TooLarge
from kernel.files import read_bounded
from kernel.money import Money
from kernel.web import once
from shop.payments import bank_transfer, queries, refunding
from shop.payments.remittance import show_remittance_code
from shop.payments.statement import StatementRow, read_statement
from shop.payments.states import PAYMENT_STATES, REFUND_STATES, PaymentState
from shop.payments.views.wording import METHOD_LABELS, PROVIDER_LABELS, REASON_LABELS, VERDICT_LABELS

bp = Blueprint("payments", __name__, url_prefix="/payments", template_folder="../templates")
PAGE = 50
LABELS = {
    "payment_states": PAYMENT_STATES.label,
    "refund_states": REFUND_STATES.label,
    "methods": METHOD_LABELS,
    "providers": PROVIDER_LABELS,
    "reasons": REASON_LABELS,
    "verdicts": VERDICT_LABELS,
    "show_code": show_remittance_code,
}


@bp.get("/")
@require(Role.operator, Role.auditor)
def index() -> ResponseReturnValue:
    chosen = request.args.get("state", "")
    state = PaymentState(chosen) if chosen in set(PaymentState) else None
    search, after = request.args.get("q", "")[:80], request.args.get("after", type=UUID)
    with reading() as session:
        rows = queries.list_payments(session, state=state, search=search, after=after, limit=PAGE + 1)
        more = url_for(".index", state=chosen or None, q=search or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
        return render_template(
            "payments/payments.html",
            rows=rows[:PAGE],
            more=more,
            first=url_for(".index", state=chosen or None, q=search or None) if after else None,
            state=state,
            states=list(PaymentState),
            search=search,
            work=queries.count_open_work(session),
            run=queries.find_last_run(session),
            strange=queries.list_strange_notices(session),
            **LABELS,
        )


@bp.get("/refunds")
@require(Role.operator, Role.auditor)
def refunds() -> ResponseReturnValue:
    with reading() as session:
        return render_template("payments/refunds.html", rows=queries.list_refunds_to_tend(session), **LABELS)


@bp.post("/refunds/<uuid:refund_id>/again")
@require(Role.operator)
@once
def send_again(session: Session, refund_id: UUID) -> ResponseReturnValue:
    refunding.send_again(session, current_actor(), refund_id, at=clock.now())
    flash(_("已重新提交退款。"), "ok")
    return redirect(url_for(".refunds"))


@bp.post("/refunds/<uuid:refund_id>/paid-back")
@require(Role.operator, Role.finance)
@once
def paid_back(session: Session, refund_id: UUID) -> ResponseReturnValue:
    refunding.note_paid_back(session, current_actor(), refund_id, request.form.get("reference", ""), at=clock.now())
    flash(_("已登记转账退回。"), "ok")
    return redirect(url_for(".refunds"))


@bp.get("/statement")
@require(Role.finance, Role.operator)
def statement() -> ResponseReturnValue:
    return _statement_page({}), 200


def _statement_page(errors: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        accounts = queries.list_accounts_for(session, actor)
        sellers = [account.seller_id for account, _seller in accounts]
        return render_template(
            "payments/statement.html",
            accounts=accounts,
            unmatched=queries.list_unmatched(session, sellers),
            imports=(imports := queries.list_imports(session, sellers)),
            people=name_actors(session, [made.imported_by for made in imports]),
            names={seller.id: seller.name for _account, seller in accounts},
            may_set=actor.operator,
            errors=errors,
            form=request.form,
            **LABELS,
        )


@bp.post("/statement")
@require(Role.finance, Role.operator)
def import_statement() -> ResponseReturnValue:
    """Read the file first, outside any transaction; then count it in one."""
    try:
        upload = request.files.get("file")
        if upload is None or not upload.filename:
            raise Invalid("请选择银行导出的 CSV 文件。", field="file")
        rows = read_statement(read_bounded(upload.stream))
        done: ResponseReturnValue = _import(rows, upload.filename)
        return done
    except (Invalid, TooLarge) as problem:
        return _statement_page(problem.by_field(_)), problem.status


@once
def _import(session: Session, rows: list[StatementRow], file_name: str) -> ResponseReturnValue:
    seller = get_organization_by_code(session, request.form.get("seller", ""))
    made = bank_transfer.import_statement(session, current_actor(), seller.id, rows, file_name=file_name, at=clock.now())
    return redirect(url_for(".show_import", import_id=made.id))


@bp.get("/statement/<uuid:import_id>")
@require(Role.finance, Role.operator)
def show_import(import_id: UUID) -> ResponseReturnValue:
    with reading() as session:
        made = queries.get_import(session, import_id)
        bank_transfer.check_may_import(current_actor(), made.seller_id)
        return render_template(
            "payments/import.html", made=made, seller=queries.get_organization_name(session, made.seller_id), **LABELS
        )


@bp.post("/statement/lines/<uuid:line_id>/assign")
@require(Role.finance, Role.operator)
def assign(line_id: UUID) -> ResponseReturnValue:
    try:
        done: ResponseReturnValue = _assign(line_id)
        return done
    except Invalid as problem:
        return _statement_page({f"code-{line_id}": problem.text(_)}), problem.status


@once
def _assign(session: Session, line_id: UUID) -> ResponseReturnValue:
    line = bank_transfer.assign_line(session, current_actor(), line_id, request.form.get("code", "")[:80], at=clock.now())
    flash(_("已入账 %(amount)s。", amount=Money(line.amount_fen).format()), "ok")
    return redirect(url_for(".statement"))


@bp.post("/accounts")
@require(Role.operator)
def set_account() -> ResponseReturnValue:
    try:
        done: ResponseReturnValue = _set_account()
        return done
    except Problem as problem:
        return _statement_page(problem.by_field(_)), problem.status


@once
def _set_account(session: Session) -> ResponseReturnValue:
    form = request.form
    seller = get_organization_by_code(session, form.get("account_seller", "").strip().upper())
    bank_transfer.set_account(
        session,
        current_actor(),
        seller.id,
        holder=form.get("holder", ""),
        bank=form.get("bank", ""),
        number=form.get("number", ""),
        at=clock.now(),
    )
    flash(_("收款账户已保存。"), "ok")
    return redirect(url_for(".statement"))


@bp.get("/<code>")
@require(Role.operator, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    with reading() as session:
        payment = queries.get_payment(session, code)
        return render_template(
            "payments/payment.html",
            payment=payment,
            seller=queries.get_organization_name(session, payment.seller_id),
            refunds=queries.list_refunds_of(session, [payment.id]),
            lines=queries.list_lines_of(session, payment.id),
            may_act=current_actor().operator,
            **LABELS,
        )
