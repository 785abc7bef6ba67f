"""A day's deliveries from a table: the template, the upload, what is wrong with it, the same file back with its faults marked."""

from __future__ import annotations

import io
from collections.abc import Mapping
from uuid import UUID

from flask import Blueprint, current_app, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import list_households
from kernel import clock
from kernel.db import reading, work
from kernel.errors import Invalid, NotFound, Problem, fill
from kernel.files import FileStore, read_bounded
from kernel.spreadsheet import Fault, Sheet, read_sheet
from kernel.web import language, once, wants_json
from kernel.workbook import MIME, Table, mark_faults, write_book
from shop.cooperative import importing, queries
from shop.cooperative.day_sheet import COLUMNS, LAYOUT, MAX_ROWS
from shop.cooperative.models import DaySheet
from shop.cooperative.views import own_cooperative

bp = Blueprint("imports", __name__, url_prefix="/cooperative/imports", template_folder="../templates")
MEMBERS = 2000
SHOWN = 100


@bp.get("/new")
@require(Role.clerk)
def new() -> ResponseReturnValue:
    """Where a table is chosen, and where its template is."""
    return _page({}), 200


def _page(errors: Mapping[str, str]) -> str:
    return render_template("cooperative/import.html", errors=errors, most=MAX_ROWS)


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
    """Read the file first, outside any transaction; then take it over whole, or show what is wrong with it.

    A table with faults leaves no answer behind: the same file, sent again after something else was mended, is read anew.
    """
    try:
        content, sheet, name = _receive()
        return _take_over(sheet, name)
    except importing.FaultySheet as problem:
        if wants_json():
            raise
        digest = _store().keep(content).digest
        with work() as session:
            found = importing.keep_faults(
                session, current_actor(), own_cooperative(), sheet, problem.faults, digest=digest, file_name=name, at=clock.now()
            )
            return _faults_page(found), 422
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
def _take_over(session: Session, sheet: Sheet, name: str) -> ResponseReturnValue:
    found = importing.import_deliveries(session, current_actor(), own_cooperative(), sheet, file_name=name, at=clock.now())
    passed = found.row_count - found.new_count
    text = ngettext("已收 %(num)d 笔货。", "已收 %(num)d 笔货。", found.new_count)
    if passed:
        text += ngettext("有 %(num)d 行以前导入过，没有再记。", "有 %(num)d 行以前导入过，没有再记。", passed)
    flash(text, "ok")
    return redirect(url_for("cooperative.deliveries"))


@bp.get("/<uuid:import_id>")
@require(Role.clerk)
def show(import_id: UUID) -> ResponseReturnValue:
    """What was wrong with an uploaded table."""
    with reading() as session:
        return _faults_page(_own(session, import_id))


def _own(session: Session, import_id: UUID) -> DaySheet:
    found = session.get(DaySheet, import_id)
    if found is None or found.organization_id != own_cooperative():
        raise NotFound("没有这次导入。")
    return found


def _faults_page(found: DaySheet) -> str:
    names = {column.key: column.en if language() == "en" else column.zh for column in COLUMNS}
    faults = importing.faults_of(found)
    rows = [(fault.row, names.get(fault.column or "", ""), _say(fault)) for fault in faults[:SHOWN]]
    return render_template("cooperative/import_faults.html", found=found, rows=rows, count=len(faults))


def _say(fault: Fault) -> str:
    return fill(fault.message, fault.params, _)


@bp.get("/<uuid:import_id>/marked.xlsx")
@require(Role.clerk)
def marked(import_id: UUID) -> ResponseReturnValue:
    """The same table with its faults marked, also when it came as .csv."""
    with reading() as session:
        found = _own(session, import_id)
    if found.digest is None:
        raise NotFound("这张表没有问题，没有留存。")
    with _store().open(found.digest) as stored:
        content = mark_faults(stored.read(), importing.faults_of(found), _say, LAYOUT)
    return send_file(io.BytesIO(content), mimetype=MIME, as_attachment=True, download_name=_("已标出问题的表格") + ".xlsx")
