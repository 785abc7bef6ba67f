"""Doors of recalls: the list, the dry run of a lot, its confirmation by typing the lot code, lifting, the trace sheet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from catalog.parties.access import current_actor, require
from catalog.parties.models import Role
from catalog.parties.queries import map_organizations
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound
from kernel.web import kept, once
from kernel.workbook import MIME, write_book
from logistics.shipments.queries import list_shipments_of_lots
from logistics.shipments.states import SHIPMENT_FLOW
from shop.orders.states import STATES
from shop.recalls import deciding, describing
from shop.recalls.queries import (
    get_recall,
    list_named_boxes,
    list_reached_orders,
    list_recalls,
    may_decide,
    must_decide,
    trace_boxes,
    trace_reach,
)
from traceability.lots.queries import get_lot, list_marked_items, list_marked_lots, list_marks
from traceability.lots.queries import get_mark as get_lot_mark
from traceability.lots.states import ITEM_FLOW
from traceability.pallets.queries import list_containers_of_lots
from traceability.pallets.states import KIND_LABELS as CONTAINER_LABELS

bp = Blueprint("recalls", __name__, url_prefix="/recalls", template_folder="templates")
PAGE, SHOWN = 50, 100
DECIDERS = (Role.operator, Role.county_officer)


@bp.get("/")
@require(*DECIDERS, Role.auditor)
def index() -> ResponseReturnValue:
    """Recalls so far; with ``?lot=`` on to the dry run of that lot."""
    if code := request.args.get("lot", "").strip():
        return redirect(url_for(".dry_run", code=code.upper()))
    after = request.args.get("after", type=UUID)
    with reading() as session:
        rows = list_recalls(session, current_actor(), after=after, limit=PAGE + 1)
    more = url_for(".index", after=rows[PAGE - 1].id) if len(rows) > PAGE else None
    decides = any(current_actor().has(role) for role in DECIDERS)
    return render_template("recalls/recalls.html", rows=rows[:PAGE], more=more, after=after, decides=decides)


@bp.get("/lots/<code>")
@require(*DECIDERS)
def dry_run(code: str) -> ResponseReturnValue:
    """What a recall of this lot would stop, and whom it would tell. Changes nothing.

    ``?lots=`` narrows it to some of the lots made from it; ``?after=`` goes on in the list of orders.
    """
    return _dry_run(code, _chosen(request.args), {}), 200


def _chosen(asked: MultiDict[str, str]) -> list[str]:
    """Lot codes as ticked, or typed one a line."""
    return [code.upper() for text in asked.getlist("lots") for code in text.replace(",", " ").replace("，", " ").split()]


def _dry_run(code: str, only: Sequence[str], errors: dict[str, str]) -> str:
    after = request.args.get("after", "")[:40]
    with reading() as session:
        lot = get_lot(session, code)
        must_decide(session, current_actor(), lot.county_code)
        try:
            reach = trace_reach(session, lot, only)
        except Invalid as problem:
            reach, errors, only = trace_reach(session, lot), errors | problem.by_field(_), []
        orders = list_reached_orders(session, reach.lot_ids, after=after, limit=SHOWN + 1)
        return render_template(
            "recalls/dry_run.html",
            lot=lot,
            reach=reach,
            counts=reach.counts,
            only=list(only),
            orders=orders[:SHOWN],
            more=url_for(".dry_run", code=lot.code, lots=list(only), after=orders[SHOWN - 1].code) if len(orders) > SHOWN else None,
            first=url_for(".dry_run", code=lot.code, lots=list(only)) if after else None,
            containers=list_containers_of_lots(session, reach.lot_ids, limit=SHOWN + 1),
            container_labels=CONTAINER_LABELS,
            shipments=list_shipments_of_lots(session, reach.lot_ids, limit=SHOWN),
            names=map_organizations(session, {order.organization_id for order in orders if order.organization_id}),
            standing=[mark for mark in list_marks(session, lot.id) if mark.lifted_at is None],
            shown=SHOWN,
            order_labels=STATES.labels,
            shipment_labels=SHIPMENT_FLOW.labels,
            form=request.form,
            errors=errors,
        )


@bp.post("/lots/<code>")
@require(*DECIDERS)
def confirm(code: str) -> ResponseReturnValue:
    """Recall it (form: scope, typed, reason; lots and left_out_reason when only some are recalled)."""
    return kept(_confirm, lambda errors: _dry_run(code, _chosen(request.form), errors), code)


@once
def _confirm(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    recall, _reach = deciding.confirm_recall(
        session,
        current_actor(),
        code,
        scope=form.get("scope", ""),
        typed=form.get("typed", ""),
        reason=form.get("reason", ""),
        only=_chosen(form),
        left_out_reason=form.get("left_out_reason", ""),
        at=clock.now(),
    )
    flash(_("已召回。涉及的批次从现在起不能分配、不能发货，买家会收到通知。"), "ok")
    return redirect(url_for(".show", code=recall.mark_code))


@bp.get("/lots/<code>/boxes")
@require(*DECIDERS)
def boxes(code: str) -> ResponseReturnValue:
    """What a recall of single boxes would stop, and whom it would tell. Changes nothing.

    ``?serials=`` has their serials one a line, or the numbers of the cases and pallets they are in.
    """
    return _boxes(code, request.args, {})


def _boxes(code: str, asked: MultiDict[str, str], errors: dict[str, str]) -> tuple[str, int]:
    reach = None
    with reading() as session:
        lot = get_lot(session, code)
        must_decide(session, current_actor(), lot.county_code)
        if "serials" in asked:
            try:
                reach = trace_boxes(session, lot, list_named_boxes(session, lot, asked["serials"]))
            except (Invalid, NotFound) as problem:
                errors = errors | (problem.by_field(_) if problem.errors else {"serials": problem.text(_)})
        page = render_template(
            "recalls/boxes.html",
            lot=lot,
            reach=reach,
            names=map_organizations(
                session, {order.organization_id for order in reach.orders if order.organization_id} if reach else ()
            ),
            item_labels=ITEM_FLOW.labels,
            order_labels=STATES.labels,
            shipment_labels=SHIPMENT_FLOW.labels,
            form=asked,
            shown=SHOWN,
            errors=errors,
        )
    return page, 422 if errors else 200


@bp.post("/lots/<code>/boxes")
@require(*DECIDERS)
def confirm_boxes(code: str) -> ResponseReturnValue:
    """Recall them (form: scope, typed, serials, reason, left_out_reason)."""
    return kept(_confirm_boxes, lambda errors: _boxes(code, request.form, errors), code)


@once
def _confirm_boxes(session: Session, code: str) -> ResponseReturnValue:
    form = request.form
    recall, _reach = deciding.confirm_boxes(
        session,
        current_actor(),
        code,
        scope=form.get("scope", ""),
        typed=form.get("typed", ""),
        serials=list_named_boxes(session, get_lot(session, code), form.get("serials", "")),
        reason=form.get("reason", ""),
        left_out_reason=form.get("left_out_reason", ""),
        at=clock.now(),
    )
    flash(_("已召回这些盒子。它们从现在起不能启用、不能发货，买家会收到通知。"), "ok")
    return redirect(url_for(".show", code=recall.mark_code))


@bp.get("/lots/<code>/sheet.xlsx")
@require(*DECIDERS)
def sheet(code: str) -> ResponseReturnValue:
    """The trace sheet of a lot as a workbook; with ``?serials=`` or ``?mark=`` (a recall of single boxes) of these boxes only."""
    with reading() as session:
        lot = get_lot(session, code)
        must_decide(session, current_actor(), lot.county_code)
        serials = list_named_boxes(session, lot, request.args.get("serials", ""))
        if mark := request.args.get("mark"):
            serials = [item.serial for item in list_marked_items(session, get_lot_mark(session, mark).id)]
        boxes = trace_boxes(session, lot, serials) if serials else None
        reach = trace_reach(session, lot, [lot.code] if boxes else _chosen(request.args))
        tables = describing.describe_tables(session, reach, _, boxes)
    response = Response(write_book(tables), mimetype=MIME)
    response.headers["Content-Disposition"] = f'attachment; filename="trace-{lot.code}.xlsx"'
    return response


@bp.get("/<code>")
@require(*DECIDERS, Role.auditor)
def show(code: str) -> ResponseReturnValue:
    return _page(code, {}), 200


def _page(code: str, errors: dict[str, str]) -> str:
    actor = current_actor()
    with reading() as session:
        recall = get_recall(session, code)
        decides = may_decide(session, actor, recall.county_code)
        if not decides:
            actor.must(Role.auditor)
        mark = get_lot_mark(session, code)
        lots, boxes = list_marked_lots(session, mark.id), list_marked_items(session, mark.id)
    return render_template(
        "recalls/recall.html",
        recall=recall,
        mark=mark,
        lots=lots,
        boxes=boxes,
        shown=SHOWN,
        decides=decides,
        form=request.form,
        errors=errors,
    )


@bp.post("/<code>/lift")
@require(*DECIDERS)
def lift(code: str) -> ResponseReturnValue:
    """Lift it (form: reason)."""
    return kept(_lift, lambda errors: _page(code, errors), code)


@once
def _lift(session: Session, code: str) -> ResponseReturnValue:
    deciding.lift_recall(session, current_actor(), code, reason=request.form.get("reason", ""), at=clock.now())
    flash(_("已解除召回。"), "ok")
    return redirect(url_for(".show", code=code))
