"""Cases and pallets at the pack house: scan boxes and close a case, scan cases and stack a pallet, print the label, open it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from markupsafe import Markup
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import get_organization, get_place, name_actors
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.gs1 import Sscc
from kernel.web import kept, once
from logistics.stock.casing import close_case, find_place, open_container, stack_pallet
from logistics.stock.views import list_places_of, organizations_of, parse_id
from traceability.lots.states import ITEM_FLOW
from traceability.pallets import queries
from traceability.pallets.models import Container
from traceability.pallets.states import KIND_LABELS, ContainerKind
from traceability.scan.barcodes import sscc_svg
from traceability.scan.box_codes import BoxCode, read_code
from traceability.scan.qrcodes import cached_svg
from traceability.scan.queries import find_public_url

bp = Blueprint("containers", __name__, url_prefix="/containers", template_folder="../templates")

PAGE = 30
WORKERS = (Role.packer, Role.clerk, Role.operator)
SHOWN: tuple[queries.Shown, ...] = get_args(queries.Shown)


@bp.get("/")
@require(*WORKERS)
def index() -> ResponseReturnValue:
    """Cases and pallets of the reader's organisations, newest first: those that stand here, lie elsewhere, were opened, or have left."""
    shown = next((each for each in SHOWN if each == request.args.get("show", "standing")), None)
    if shown is None:
        raise Invalid("这个列表不存在，请从打包首页重新进入。")
    after = parse_id(request.args.get("after"), "after")
    mine = organizations_of(current_actor())
    with reading() as session:
        rows = queries.list_containers(session, mine, shown, after=after, limit=PAGE + 1)
        away = not rows and shown == "standing" and bool(queries.list_containers(session, mine, "elsewhere", limit=1))
        materials = queries.map_materials(session, [row.container.id for row in rows])
    more = url_for(".index", show=shown, after=rows[PAGE - 1].container.id) if len(rows) > PAGE else None
    return render_template(
        "stock/containers.html",
        rows=rows[:PAGE],
        materials=materials,
        shown=shown,
        more=more,
        after=after,
        away=away,
        own=mine is not None,
        kinds=KIND_LABELS,
    )


@bp.get("/new")
@require(*WORKERS)
def new() -> ResponseReturnValue:
    """The form: scan or type what goes together."""
    return _form({}, {}), 200


def _form(form: Mapping[str, str], errors: Mapping[str, str]) -> str:
    with reading() as session:
        places = list_places_of(session, organizations_of(current_actor()))
    return render_template("stock/container_form.html", places=places, form=form, errors=errors)


@bp.post("/")
@require(*WORKERS)
def close() -> ResponseReturnValue:
    """Boxes become a case, cases become a pallet (form: place, codes one a line); a refusal keeps what was typed."""
    return kept(_close, lambda errors: _form(request.form, errors))


@once
def _close(session: Session) -> ResponseReturnValue:
    place_id = parse_id(request.form.get("place"), "place")
    if place_id is None:
        raise Invalid("请选择地点。", field="place")
    boxes, cases = _read_codes(request.form.get("codes", ""))
    actor, at = current_actor(), clock.now()
    if cases:
        made = stack_pallet(session, actor, place_id=place_id, codes=cases, at=at)
        flash(_("托盘码好了，共 %(count)s 箱。下一步：打印托盘标签。", count=len(cases)), "ok")
    else:
        made = close_case(session, actor, place_id=place_id, serials=boxes, at=at)
        flash(_("装好一箱，共 %(count)s 盒。下一步：打印箱码贴在箱上。", count=len(boxes)), "ok")
    return redirect(url_for(".show", code=made.name))


def _read_codes(text: str) -> tuple[list[str], list[str]]:
    """Serials of boxes and codes of cases, each once (a scanner likes to beep twice), in the order of scanning. Raises Invalid."""
    boxes: dict[str, None] = {}
    cases: dict[str, None] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        try:
            code = read_code(line)
        except Invalid as problem:
            raise Invalid(problem.message, field="codes", params=problem.params) from problem
        if isinstance(code, BoxCode):
            boxes[code.serial] = None
        else:
            cases[code] = None
    if boxes and cases:
        raise Invalid("盒和箱请分开扫：扫盒装成一箱，扫箱码成一个托盘。", field="codes")
    return list(boxes), list(cases)


@bp.get("/<code>")
@require(*WORKERS)
def show(code: str) -> ResponseReturnValue:
    """One case with its boxes, or one pallet with its cases."""
    with reading() as session:
        container = _own(session, code)
        is_case = container.kind is ContainerKind.CASE
        lots = queries.count_lots_inside(session, container.id)
        return render_template(
            "stock/container.html",
            container=container,
            kind=KIND_LABELS[container.kind],
            is_case=is_case,
            boxes=queries.list_boxes_inside(session, container.id) if is_case else [],
            cases=[] if is_case else queries.list_cases_inside(session, container.id),
            pallet=queries.find_pallet_of(session, container.id),
            lots=lots,
            stopped_boxes=queries.count_stopped_inside(lots),
            place=get_place(session, container.place_id),
            keeps=_keeps(session, container),
            names=name_actors(session, [container.closed_by, *filter(None, [container.opened_by])]),
            states=ITEM_FLOW.labels,
        )


@bp.get("/<code>/label")
@require(*WORKERS)
def label(code: str) -> ResponseReturnValue:
    """The label to print and stick on: the SSCC in digits, as GS1-128 and as a QR code that leads to its page, and what is inside."""
    with reading() as session:
        container = _own(session, code)
        root = find_public_url(session, current_app.config["SHANHAI"].public_url)
        path = f"/00/{container.sscc}" if container.sscc else f"/t/case/{container.code}"
        return render_template(
            "stock/container_label.html",
            container=container,
            kind=KIND_LABELS[container.kind],
            lots=queries.count_lots_inside(session, container.id),
            things=len(queries.list_cases_inside(session, container.id)),
            organization=get_organization(session, container.organization_id),
            qr=Markup(cached_svg(f"{root}{path}")),  # noqa: S704 - our own SVG
            bars=Markup(sscc_svg(Sscc(container.sscc))) if container.sscc else "",  # noqa: S704 - our own SVG
        )


@bp.post("/<code>/openings")
@require(*WORKERS)
@once
def open_again(session: Session, code: str) -> ResponseReturnValue:
    """It is opened: what was in it stands by itself again."""
    container = open_container(session, current_actor(), _own(session, code).code, clock.now())
    flash(_("已拆开，里面的可以重新装。"), "ok")
    return redirect(url_for(".show", code=container.name))


def _own(session: Session, code: str) -> Container:
    """A container that the reader's organisations closed, or that lies with them. Raises NotFound."""
    container = queries.get_container(session, code.upper())
    mine = organizations_of(current_actor())
    if mine is not None and container.organization_id not in mine and not _keeps(session, container):
        raise NotFound("没有箱码为“%(code)s”的箱子或托盘，请核对标签。", params={"code": code[:40]})
    return container


def _keeps(session: Session, container: Container) -> bool:
    """Whether it lies at a place of the reader's organisations."""
    mine = organizations_of(current_actor())
    return mine is None or find_place(session, container, mine) is not None
