"""The packing table, made for a phone: what is to be packed, scan box after box, close and hand over."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import Place, Role
from kernel import clock
from kernel.db import after_commit, reading
from kernel.errors import Invalid
from kernel.tasks import send
from kernel.web import once
from logistics.coldchain.queries import find_summary
from logistics.shipments import queries, scanning, tasks
from logistics.shipments.carriers import looks_odd
from logistics.shipments.models import CarrierRequest, Shipment
from logistics.shipments.packing import add_parcel
from logistics.shipments.requesting import retry_request, send_off
from logistics.shipments.states import REQUEST_FLOW, SHIPMENT_FLOW, ShipmentState

bp = Blueprint("packing", __name__, url_prefix="/packing", template_folder="templates")

PAGE = 30
SHOWN = {
    "open": ShipmentState.PACKING,
    "packed": ShipmentState.PACKED,
    "problem": ShipmentState.PROBLEM,
    "underway": ShipmentState.DISPATCHED,
}


@bp.get("/")
@require(Role.packer)
def waiting() -> ResponseReturnValue:
    """Shipments of the packer's places in one state, oldest first."""
    shown = request.args.get("show", "open")
    after = request.args.get("after")
    try:
        state, after_key = SHOWN[shown], UUID(after) if after else None
    except (KeyError, ValueError) as error:
        raise Invalid("这个列表不存在，请从打包首页重新进入。") from error
    with reading() as session:
        rows = queries.list_waiting(session, current_actor().organizations_with(Role.packer), state, after_key, PAGE)
    following = rows[-1].shipment.id if len(rows) == PAGE else None
    return render_template("shipments/waiting.html", rows=rows, shown=shown, following=following)


@bp.get("/<code>")
@require(Role.packer)
def shipment(code: str) -> ResponseReturnValue:
    """One shipment at the table: what is missing, what is in it, how to close it."""
    with reading() as session:
        row = queries.get_shipment(session, code)
        current_actor().must(Role.packer, session.get_one(Place, row.from_place_id).organization_id)
        progress = queries.list_progress(session, row.id)
        cases = queries.map_cases(session, row.id)
        content = {
            "boxes": queries.list_boxes(session, row.id),
            "parcels": queries.list_parcels(session, row.id),
            "carriers": queries.list_carriers(session),
            "carrier_request": queries.find_request(session, row.id),
            "movements": queries.list_movements(session, row),
            "stopped": queries.list_stopped_lots(session, row.id),
            "stale": _stale(session, row),
            "temperatures": find_summary(session, row.code),
        }
    return render_template(
        "shipments/shipment.html",
        shipment=row,
        cases=cases,
        whole=Counter(cases.values()),
        progress=progress,
        **content,
        state_label=SHIPMENT_FLOW.label(row.state),
        request_labels=REQUEST_FLOW.labels,
        complete=all(line.scanned >= line.task.quantity for line in progress),
    )


def _stale(session: Session, row: Shipment) -> list[queries.StaleLot]:
    """What is still to be packed and would no longer arrive fresh."""
    if row.state is not ShipmentState.PACKING:
        return []
    return queries.list_stale_lots(session, row, clock.today_shanghai(clock.now()))


@bp.post("/<code>/scans")
@require(Role.packer)
@once
def scan(session: Session, code: str) -> ResponseReturnValue:
    """A box, or all boxes of a case, go into the parcel."""
    scanned = scanning.scan(session, current_actor(), code, request.form.get("code", ""), clock.now())
    if scanned.again:
        flash(_("这一箱已经装入了：%(code)s", code=scanned.name), "info")
    elif scanned.boxes == 1:
        flash(_("已装入：%(serial)s", serial=scanned.name), "ok")
    else:
        flash(_("整箱装入 %(boxes)s 盒：%(code)s", boxes=scanned.boxes, code=scanned.name), "ok")
    return redirect(url_for("packing.shipment", code=code))


@bp.post("/<code>/removals")
@require(Role.packer)
@once
def remove(session: Session, code: str) -> ResponseReturnValue:
    """A box, or a whole case, comes out of the parcel again."""
    boxes = scanning.remove(session, current_actor(), code, request.form.get("serial", ""))
    flash(_("已取出。") if boxes == 1 else _("已取出 %(boxes)s 盒。", boxes=boxes), "ok")
    return redirect(url_for("packing.shipment", code=code))


@bp.post("/<code>/parcels")
@require(Role.packer)
@once
def another_parcel(session: Session, code: str) -> ResponseReturnValue:
    """One more carton."""
    parcel = add_parcel(session, current_actor(), code)
    flash(_("已加一个箱子：第 %(number)s 箱。之后扫的盒子装进这一箱。", number=parcel.number), "ok")
    return redirect(url_for("packing.shipment", code=code))


@bp.post("/<code>/closing")
@require(Role.packer)
@once
def close(session: Session, code: str) -> ResponseReturnValue:
    """The parcel is sealed and given to a carrier."""
    carrier, waybill = request.form.get("carrier", ""), request.form.get("waybill", "")
    asked = send_off(session, current_actor(), code, carrier, waybill, clock.now())
    _call_soon(session, asked)
    flash(_("已封箱，等待揽收。"), "ok")
    if waybill.strip() and looks_odd(carrier, waybill.strip().upper()):
        flash(_("运单号 %(waybill)s 不像这家承运商的号码，请再核对一遍面单。", waybill=waybill.strip().upper()), "warn")
    return redirect(url_for("packing.shipment", code=code))


@bp.post("/<code>/retries")
@require(Role.packer)
@once
def retry(session: Session, code: str) -> ResponseReturnValue:
    """Ask the carrier once more, now."""
    _call_soon(session, retry_request(session, current_actor(), code, clock.now()))
    flash(_("正在重新联系承运商。"), "ok")
    return redirect(url_for("packing.shipment", code=code))


def _call_soon(session: Session, asked: CarrierRequest) -> None:
    after_commit(session, lambda: send(tasks.send_request, str(asked.id)))
