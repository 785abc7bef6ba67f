"""A requester's doors: write a request, by hand or from a spreadsheet, submit it, take it back; and its page for all who may see it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import list_children
from catalog.parties.access import current_actor, require
from catalog.parties.models import Organization, Role
from catalog.products.models import Product
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound, Problem, fill
from kernel.files import read_bounded
from kernel.money import Money
from kernel.web import kept, language, once, wants_json
from kernel.workbook import MIME, mark_faults, write_book
from shop.procurement import approving, drafting, importing, ordering, queries
from shop.procurement.exporting import make_evidence
from shop.procurement.forms import (
    LINES,
    chosen_organization,
    file_store,
    portal_words,
    purpose_of,
    read_typed,
)  # fmt: skip
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.policy import PORTAL_ROLES
from shop.procurement.showing import show_request
from shop.procurement.spreadsheet import COLUMNS, LAYOUT, Fault, Sheet, read_sheet
from shop.procurement.states import RequestState
from shop.procurement.views.portal import offers

bp = Blueprint("procurement_requests", __name__, url_prefix="/procurement", template_folder="../templates")
bp.context_processor(portal_words)
PAGE = 30
XLSX = frozenset({MIME})


@bp.get("/requests")
@require(*PORTAL_ROLES)
def index() -> ResponseReturnValue:
    wanted, after = request.args.get("state", ""), request.args.get("after", type=UUID)
    states = [RequestState(wanted)] if wanted in set(RequestState) else []
    with reading() as session:
        rows = queries.list_requests(session, current_actor(), states=states, after=after, limit=PAGE + 1)
    more = url_for(".index", state=wanted or None, after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    return render_template(
        "procurement/requests.html", purchases=rows[:PAGE], state=wanted, states=list(RequestState), more=more, after=after
    )


@bp.get("/requests/new")
@require(Role.requester)
def new() -> ResponseReturnValue:
    return _new_page({}), 200


def _new_page(errors: Mapping[str, str]) -> str:
    with reading() as session:
        organization = chosen_organization(session, current_actor(), Role.requester)
        return render_template("procurement/new.html", organization=organization, form=request.values, errors=errors)


@bp.post("/requests")
@require(Role.requester)
def create() -> ResponseReturnValue:
    return kept(_create, _new_page)


@once
def _create(session: Session) -> ResponseReturnValue:
    actor, form = current_actor(), request.form
    organization = chosen_organization(session, actor, Role.requester)
    purchase = drafting.create_request(
        session,
        actor,
        organization_id=organization.id,
        purpose=purpose_of(),
        title=form.get("title", ""),
        note=form.get("note", ""),
        at=clock.now(),
    )
    return redirect(url_for(".show", code=purchase.code, sku=form.get("sku") or None, boxes=form.get("boxes") or None))


@bp.get("/requests/<code>")
@require(*PORTAL_ROLES)
def show(code: str) -> ResponseReturnValue:
    return page_of(code, {}), 200


def page_of(code: str, errors: Mapping[str, str], *, about: str = "") -> str:
    """The page of a request; ``about`` names the form the ``errors`` belong to."""
    actor = current_actor()
    with reading() as session:
        purchase = queries.get_request(session, code, actor)
        shown = show_request(session, purchase, actor, clock.now())
        organization: Organization = shown.organization
        return render_template(
            "procurement/request.html",
            purchase=purchase,
            shown=shown,
            trouble=fill(purchase.trouble["message"], purchase.trouble["params"], _) if purchase.trouble else "",
            offers=_named(offers(session, organization)) if shown.may_edit else [],
            provinces=list_children(session, None, clock.today_shanghai(clock.now())) if shown.may_edit else [],
            lines=LINES,
            form=request.form if about else _prefilled(purchase),
            errors=errors,
            about=about,
        )


def _named(rows: list[tuple[Product, Money]]) -> list[tuple[str, str]]:
    return [(product.sku, f"{product.name} · {product.net_content} · {price.format()}") for product, price in rows]


def _prefilled(purchase: PurchaseRequest) -> dict[str, str]:
    """What the form shows at first: the one delivery there is, or what the reader came with from a product page."""
    form: dict[str, str] = {}
    if len(purchase.deliveries) == 1:
        form |= {key: str(value) for key, value in purchase.deliveries[0].address.items()}
        for place, line in enumerate(purchase.deliveries[0].lines, start=1):
            form |= {f"sku-{place}": line.sku, f"boxes-{place}": str(line.boxes)}
    elif not purchase.deliveries and request.args.get("sku"):
        form |= {"sku-1": request.args["sku"][:40], "boxes-1": request.args.get("boxes", "1")[:6]}
    return form


@bp.post("/requests/<code>/lines")
@require(Role.requester)
def change(code: str) -> ResponseReturnValue:
    return kept(_change, lambda errors: page_of(code, errors, about="lines"), code)


@once
def _change(session: Session, code: str) -> ResponseReturnValue:
    wanted = read_typed(session, request.form)
    drafting.change_request(session, current_actor(), code, [wanted], at=clock.now())
    flash(_("已保存，价格和运费按今天计算。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.post("/requests/<code>/file")
@require(Role.requester)
def upload(code: str) -> ResponseReturnValue:
    """Read and keep the file first, outside any transaction; then take it over whole, or show what is wrong with it."""
    with reading() as session:
        queries.get_request(session, code, current_actor())
    try:
        sheet, digest, name = _receive()
        return _take_over(code, sheet, digest, name)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return page_of(code, problem.by_field(_), about="file"), problem.status


def _receive() -> tuple[Sheet, str, str]:
    upload = request.files.get("file")
    if upload is None or not upload.filename:
        raise Invalid("请选择填好的 .xlsx 文件。", field="file")
    content = read_bounded(upload.stream)
    upload.stream.seek(0)
    sheet = read_sheet(content)
    stored = file_store().save(io.BytesIO(content), allowed=XLSX)
    return sheet, stored.digest, upload.filename


@once
def _take_over(session: Session, code: str, sheet: Sheet, digest: str, name: str) -> ResponseReturnValue:
    found = importing.import_recipients(session, current_actor(), code, sheet, digest=digest, file_name=name, at=clock.now())
    if not found.faults:
        flash(_("已导入 %(rows)s 行，价格和运费按今天计算。", rows=found.row_count), "ok")
        return redirect(url_for(".show", code=code))
    return _faults_page(session, found.id), 422


@bp.get("/imports/<uuid:import_id>")
@require(Role.requester)
def show_import(import_id: UUID) -> ResponseReturnValue:
    with reading() as session:
        return _faults_page(session, import_id)


def _faults_page(session: Session, import_id: UUID) -> str:
    found, purchase = queries.get_import(session, import_id, current_actor())
    faults = importing.faults_of(found)
    names = {column.key: column.en if language() == "en" else column.zh for column in COLUMNS}
    rows = [(fault.row, names.get(fault.column or "", ""), say(fault)) for fault in faults[:100]]
    return render_template("procurement/import.html", found=found, purchase=purchase, rows=rows, count=len(faults))


def say(fault: Fault) -> str:
    """The fault in the reader's language."""
    return fill(fault.message, fault.params, _)


@bp.get("/imports/<uuid:import_id>/marked.xlsx")
@require(Role.requester)
def marked(import_id: UUID) -> ResponseReturnValue:
    """The same file with its faults marked."""
    with reading() as session:
        found, _purchase = queries.get_import(session, import_id, current_actor())
    with file_store().open(found.digest) as stored:
        content = mark_faults(stored.read(), importing.faults_of(found), say, LAYOUT)
    return send_file(io.BytesIO(content), mimetype=MIME, as_attachment=True, download_name=_("已标出问题的名单") + ".xlsx")


@bp.post("/requests/<code>/submit")
@require(Role.requester)
def submit(code: str) -> ResponseReturnValue:
    return kept(_submit, lambda errors: page_of(code, errors, about="submit"), code)


@once
def _submit(session: Session, code: str) -> ResponseReturnValue:
    expected = request.form.get("total_fen", "")
    expected_fen = int(expected) if expected.isascii() and expected.isdigit() and len(expected) < 16 else -1
    if approving.submit_request(session, current_actor(), code, expected_fen=expected_fen, at=clock.now()):
        flash(_("已提交审批，预算已占用。"), "ok")
    else:
        flash(_("价格或运费刚有变化，已更新。请看过新的合计后再提交。"), "warn")
    return redirect(url_for(".show", code=code))


@bp.post("/requests/<code>/<any(withdraw, cancel, orders):do>")
@require(Role.requester)
def act(code: str, do: str) -> ResponseReturnValue:
    return kept(_act, lambda errors: page_of(code, errors, about=do), code, do)


@once
def _act(session: Session, code: str, do: str) -> ResponseReturnValue:
    actor, at = current_actor(), clock.now()
    if do == "withdraw":
        drafting.withdraw_request(session, actor, code, at=at)
        flash(_("已撤回，可以修改后再提交。"), "ok")
    elif do == "cancel":
        drafting.cancel_request(session, actor, code, at=at)
        flash(_("已取消这份申请。"), "ok")
    elif ordering.order_again(session, actor, code, at=at) is ordering.Placed.ORDERED:
        flash(_("已下单，先货后款。"), "ok")
    else:
        flash(_("批准以后内容或价格有变化，原来的审批已作废。请看过后重新提交。"), "warn")
    return redirect(url_for(".show", code=code))


@bp.post("/requests/<code>/decision")
@require(Role.approver, Role.finance)
def decide(code: str) -> ResponseReturnValue:
    return kept(_decide, lambda errors: page_of(code, errors, about="decision"), code)


@once
def _decide(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    if form.get("do") not in ("approve", "refuse"):
        raise Invalid("请选择同意或退回。", field="do")
    approve = form["do"] == "approve"
    approving.decide(
        session,
        current_actor(),
        code,
        approve=approve,
        remark=form.get("remark", ""),
        content_hash=form.get("content_hash", ""),
        at=clock.now(),
    )
    flash(_("已同意。") if approve else _("已退回申请人。"), "ok")
    return redirect(url_for(".show", code=code))


@bp.get("/requests/<code>/evidence.xlsx")
@require(*PORTAL_ROLES)
def evidence(code: str) -> ResponseReturnValue:
    """One file with everything an auditor asks for."""
    with reading() as session:
        purchase = queries.get_request(session, code, current_actor())
        if purchase.state is RequestState.DRAFT:
            raise NotFound("草稿还没有采购档案。")
        tables = make_evidence(session, purchase, _)
    return send_file(
        io.BytesIO(write_book(tables)), mimetype=MIME, as_attachment=True, download_name=f"{_('采购档案')}-{purchase.code}.xlsx"
    )
