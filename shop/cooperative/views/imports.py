"""A day's deliveries from a table: template, upload, how far it is, what is wrong with it, the same file back with faults marked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import list_households
from kernel import clock
from kernel.db import after_commit, reading
from kernel.errors import Invalid, NotFound, Problem, fill
from kernel.files import FileStore, read_bounded
from kernel.spreadsheet import Fault, Sheet, read_sheet
from kernel.tasks import send
from kernel.web import language, once, wants_json
from kernel.workbook import MIME, Table, mark_faults, write_book
from shop.cooperative import forms, importing, queries, tasks
from shop.cooperative.day_sheet import COLUMNS, LAYOUT, MAX_ROWS
from shop.cooperative.models import DaySheet
from shop.cooperative.states import SHEET_FLOW, UNDER_WAY, SheetState
from shop.cooperative.views import own_cooperative

bp = Blueprint("imports", __name__, url_prefix="/cooperative/imports", template_folder="../templates")
MEMBERS = 2000
SHEETS = 10
SHOWN = 100
STATE_KINDS = {SheetState.DONE: "ok", SheetState.FAULTY: "bad", SheetState.FAILED: "bad"}


@bp.get("/new")
@require(Role.clerk)
def new() -> ResponseReturnValue:
    """Where a table is chosen, and where its template is."""
    return _page({}), 200


def _page(errors: Mapping[str, str]) -> str:
    after = forms.read_uuid(request.args["after"]) if request.args.get("after") else None
    with reading() as session:
        sheets = queries.list_sheets(session, own_cooperative(), after=after, limit=SHEETS + 1)
    more = url_for(".new", after=sheets[SHEETS - 1].id) if len(sheets) > SHEETS else None
    return render_template(
        "cooperative/import.html",
        errors=errors,
        most=MAX_ROWS,
        sheets=sheets[:SHEETS],
        more=more,
        first=url_for(".new") if after else None,
        label=SHEET_FLOW.label,
        kinds=STATE_KINDS,
    )


@bp.get("/template.xlsx")
@require(Role.clerk)
def template() -> ResponseReturnValue:
    """The table to fill in, with the numbers of this cooperative's products and members beside it; names stay masked."""
    with reading() as session:
        organization_id = own_cooperative()
        products = [(each.sku, each.name) for each in queries.list_own_products(session, organization_id)]
        members = [
            (str(each.member_no), f"{each.masked_name} {each.village}")
            for each in list_households(session, organization_id, limit=MEMBERS)
        ]
    book = [
        Table(_("交货"), [column.heading for column in COLUMNS], []),
        Table(_("货号"), [_("货号"), _("产品")], products),
        Table(_("社员"), [_("社员编号"), _("农户")], members),
        Table(_("怎么填"), [_("怎么填")], [(line,) for line in _notes()]),
    ]
    return send_file(io.BytesIO(write_book(book)), mimetype=MIME, as_attachment=True, download_name=_("当天交货") + ".xlsx")


def _notes() -> list[str]:
    return [
        _("一行一笔交货，带 * 的必须填。日期写成 2026-11-22，最早可以补三天前的。"),
        _("单位填“公斤”“斤”或“头”；按头交的，耳标用空格隔开，都写在一格里。"),
        _("已付款填“是”或“否”。"),
        _("有一行不对，整张表都不记；改好后上传同一个文件就行，记过的行不会再记一遍。"),
    ]


@bp.post("/")
@require(Role.clerk)
def upload() -> ResponseReturnValue:
    """Take the file; a task tries its rows and takes them in. What is no table at all is said at once."""
    try:
        content, sheet, name = _receive()
        return _ask(sheet, _store().keep(content).digest, name)
    except Problem as problem:
        if wants_json() or problem.status in (403, 404):
            raise
        return _page(problem.by_field(_)), problem.status


def _receive() -> tuple[bytes, Sheet, str]:
    given = request.files.get("file")
    if given is None or not given.filename:
        raise Invalid("请选择填好的 .xlsx 或 .csv 文件。", field="file")
    content = read_bounded(given.stream)
    given.stream.seek(0)
    return content, read_sheet(content, LAYOUT), given.filename


def _store() -> FileStore:
    return FileStore(current_app.config["SHANHAI"].sheets_dir)


@once
def _ask(session: Session, sheet: Sheet, digest: str, name: str) -> ResponseReturnValue:
    kept = importing.ask_import(session, current_actor(), own_cooperative(), sheet, digest=digest, file_name=name, at=clock.now())
    return _have_it_done(session, kept)


def _have_it_done(session: Session, kept: DaySheet) -> ResponseReturnValue:
    after_commit(session, lambda: send(tasks.take_in, str(kept.id)))
    return redirect(url_for(".show", import_id=kept.id), 303)


@bp.post("/<uuid:import_id>/again")
@require(Role.clerk)
@once
def again(session: Session, import_id: UUID) -> ResponseReturnValue:
    """Have the same file tried anew, after a member, a product or a rule was put right."""
    kept = _own(session, import_id)
    importing.import_again(session, current_actor(), kept, at=clock.now())
    return _have_it_done(session, kept)


@bp.get("/<uuid:import_id>")
@require(Role.clerk)
def show(import_id: UUID) -> ResponseReturnValue:
    """How far it is, what came of it, or what is wrong with it."""
    with reading() as session:
        found = _own(session, import_id)
    names = {column.key: column.en if language() == "en" else column.zh for column in COLUMNS}
    faults = importing.faults_of(found)
    rows = [(fault.row, names.get(fault.column or "", ""), _say(fault)) for fault in faults[:SHOWN]]
    return render_template(
        "cooperative/import_sheet.html",
        found=found,
        rows=rows,
        count=len(faults),
        passed=found.row_count - found.new_count,
        under_way=found.state in UNDER_WAY,
        state=SHEET_FLOW.label(found.state),
    )


def _own(session: Session, import_id: UUID) -> DaySheet:
    found = session.get(DaySheet, import_id)
    if found is None or found.organization_id != own_cooperative():
        raise NotFound("没有这次导入。")
    return found


def _say(fault: Fault) -> str:
    return fill(fault.message, fault.params, _)


@bp.get("/<uuid:import_id>/marked.xlsx")
@require(Role.clerk)
def marked(import_id: UUID) -> ResponseReturnValue:
    """The same table with its faults marked, also when it came as .csv."""
    with reading() as session:
        found = _own(session, import_id)
    if found.digest is None or not found.faults:
        raise NotFound("这张表没有问题，没有留存。")
    with _store().open(found.digest) as stored:
        content = mark_faults(stored.read(), importing.faults_of(found), _say, LAYOUT)
    return send_file(io.BytesIO(content), mimetype=MIME, as_attachment=True, download_name=_("已标出问题的表格") + ".xlsx")
