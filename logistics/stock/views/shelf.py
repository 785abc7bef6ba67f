"""The shelf page of hubs and cooperatives: what lies here, take in a lot, write off what spoiled."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from kernel import clock
from kernel.db import after_commit, reading
from kernel.errors import Invalid, NotFound
from kernel.files import FileStore
from kernel.tasks import send
from kernel.web import once
from logistics.stock import queries
from logistics.stock.receiving import discard_boxes, open_boxes, receive_pack_lot, take_back_boxes
from logistics.stock.views import list_places_of, organizations_of, parse_id
from traceability.lots.models import Lot
from traceability.lots.states import ItemState
from traceability.scan.labelling import MOST_LABELS, ask_labels, get_job
from traceability.scan.queries import count_items, find_public_url, list_label_jobs
from traceability.scan.states import JOB_FLOW, SHEET_LABELS, Sheet
from traceability.scan.tasks import draw_labels

bp = Blueprint(
    "stock", __name__, url_prefix="/stock", template_folder="../templates", static_folder="../static", static_url_path="/static"
)

PAGE = 50


@bp.get("/")
@require(Role.packer, Role.clerk, Role.operator)
def shelf() -> ResponseReturnValue:
    """What lies at the places of the reader's organisations (an operator sees all)."""
    mine = organizations_of(current_actor())
    with reading() as session:
        rows = queries.list_shelf(session, mine, parse_id(request.args.get("after"), "after"), PAGE)
        arriving = queries.list_arriving(session, mine)
        places = list_places_of(session, mine)
    following = rows[-1].stock.id if len(rows) == PAGE else None
    return render_template(
        "stock/shelf.html",
        rows=rows,
        arriving=arriving,
        places=places,
        following=following,
        today=clock.today_shanghai(clock.now()),
    )


@bp.get("/<uuid:stock_lot_id>")
@require(Role.packer, Role.clerk, Role.operator)
def shelf_row(stock_lot_id: UUID) -> ResponseReturnValue:
    """One lot at one place with every change of its boxes."""
    with reading() as session:
        row = queries.get_shelf_row(session, stock_lot_id, organizations_of(current_actor()))
        moves = queries.list_moves(session, stock_lot_id)
    return render_template("stock/row.html", row=row, moves=moves)


@bp.post("/receipts")
@require(Role.packer, Role.clerk, Role.operator)
@once
def receive(session: Session) -> ResponseReturnValue:
    """Boxes of a pack lot came in."""
    lot_id, place_id = parse_id(request.form.get("lot"), "lot"), parse_id(request.form.get("place"), "place")
    if lot_id is None or place_id is None:
        raise Invalid("请选择批次和地点。", field="lot")
    receive_pack_lot(session, current_actor(), lot_id, place_id, parse_boxes(request.form.get("boxes", "")), clock.now())
    flash(_("已入库。"), "ok")
    return redirect(url_for("stock.shelf"))


@bp.post("/<uuid:stock_lot_id>/discards")
@require(Role.packer, Role.clerk, Role.operator)
@once
def discard(session: Session, stock_lot_id: UUID) -> ResponseReturnValue:
    """Boxes were found spoiled or broken."""
    serials = request.form.get("serials", "").split()
    discard_boxes(session, current_actor(), stock_lot_id, serials, request.form.get("reason", ""), clock.now())
    flash(_("已报损。"), "ok")
    return redirect(url_for("stock.shelf_row", stock_lot_id=stock_lot_id))


@bp.post("/<uuid:stock_lot_id>/openings")
@require(Role.packer, Role.clerk, Role.operator)
@once
def open_again(session: Session, stock_lot_id: UUID) -> ResponseReturnValue:
    """Boxes are opened to be packed anew."""
    serials, reason = request.form.get("serials", "").split(), request.form.get("reason", "")
    lot = open_boxes(session, current_actor(), stock_lot_id, serials, reason, clock.now())
    flash(_("已拆开，里面的货是批次 %(code)s，可以重新装盒。", code=lot.code), "ok")
    return redirect(url_for("stock.shelf_row", stock_lot_id=stock_lot_id))


@bp.post("/<uuid:stock_lot_id>/returns")
@require(Role.packer, Role.clerk, Role.operator)
@once
def take_back(session: Session, stock_lot_id: UUID) -> ResponseReturnValue:
    """Boxes came back from a buyer."""
    serials, reason = request.form.get("serials", "").split(), request.form.get("reason", "")
    take_back_boxes(session, current_actor(), stock_lot_id, serials, reason, clock.now())
    flash(_("已登记退回。退回的盒子不再出售。"), "ok")
    return redirect(url_for("stock.shelf_row", stock_lot_id=stock_lot_id))


@bp.get("/<uuid:stock_lot_id>/labels")
@require(Role.packer, Role.clerk, Role.operator)
def labels(stock_lot_id: UUID) -> ResponseReturnValue:
    """Labels of the boxes that lie here: whoever keeps the shelf prints them, whoever owns the lot."""
    with reading() as session:
        row = queries.get_shelf_row(session, stock_lot_id, organizations_of(current_actor()))
        counts = count_items(session, row.stock.lot_id)
        jobs = list_label_jobs(session, row.stock.lot_id)
    sheets = [(sheet.value, _(SHEET_LABELS[sheet])) for sheet in Sheet]
    return render_template(
        "stock/labels.html",
        row=row,
        waiting=counts.get(ItemState.MADE, 0),
        jobs=jobs,
        flow=JOB_FLOW,
        sheets=sheets,
        most=MOST_LABELS,
    )


@bp.post("/<uuid:stock_lot_id>/labels")
@require(Role.packer, Role.clerk, Role.operator)
@once
def ask_for_labels(session: Session, stock_lot_id: UUID) -> ResponseReturnValue:
    """Ask for labels; a task draws them."""
    actor, config = current_actor(), current_app.config["SHANHAI"]
    row = queries.get_shelf_row(session, stock_lot_id, organizations_of(actor))
    sheet = request.form.get("sheet", "")
    if sheet not in list(Sheet):
        raise Invalid("请选择标签纸。", field="sheet")
    job = ask_labels(
        session,
        replace(actor, operator=True),
        lot_code=row.lot_code,
        count=parse_boxes(request.form.get("count", "")),
        sheet=Sheet(sheet),
        public_url=find_public_url(session, config.public_url),
        demo=config.demo,
        again=bool(request.form.get("again")),
        at=clock.now(),
    )
    job_id = str(job.id)
    after_commit(session, lambda: send(draw_labels, job_id))
    return redirect(url_for("stock.labels", stock_lot_id=stock_lot_id))


@bp.get("/<uuid:stock_lot_id>/labels/<uuid:job_id>.pdf")
@require(Role.packer, Role.clerk, Role.operator)
def label_sheet(stock_lot_id: UUID, job_id: UUID) -> ResponseReturnValue:
    """A finished sheet of labels."""
    with reading() as session:
        row = queries.get_shelf_row(session, stock_lot_id, organizations_of(current_actor()))
        job = get_job(session, session.get_one(Lot, row.stock.lot_id), job_id)
    if job.file_digest is None:
        raise NotFound("标签还没有生成好，请稍等。")
    sheet = FileStore(current_app.config["SHANHAI"].files_dir).open(job.file_digest)
    return send_file(sheet, mimetype="application/pdf", as_attachment=True, download_name=f"{row.lot_code}-labels.pdf")


def parse_boxes(text: str) -> int:
    """A count of boxes from a form. Raises Invalid."""
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) > 0):
        raise Invalid("数量请填写大于 0 的整数。", field="boxes")
    return int(text)
