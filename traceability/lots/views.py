"""The page of one lot, for those who keep it: balance, where it came from, where it went, whose harvest it is, what was recorded."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import Actor, Role, current_actor, require
from catalog.parties.models import ROLE_LABELS
from catalog.parties.queries import get_organization, list_households_by_id, name_actors, visible_household_names
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, Invalid
from kernel.quantity import Quantity, Unit, plain
from kernel.web import once, wants_json
from traceability.events.queries import list_events_of_lot
from traceability.events.vocabulary import STEP_LABELS
from traceability.lots import balancing, queries
from traceability.lots.models import Lot, LotEdge
from traceability.lots.states import LotKind

bp = Blueprint("lots", __name__, template_folder="templates")

READERS = (Role.clerk, Role.packer, Role.operator, Role.auditor, Role.county_officer)

KIND_LABELS = {
    "delivery": "农户交货",
    "bulk": "合并批次",
    "processed": "加工产出",
    "by_product": "副产品",
    "pack": "包装批次",
}
CUSTODY_LABELS = {"segregated": "就是这些农户的", "mass_balance": "平均来自这些农户"}
RECALL_LABELS = {"none": "正常流通", "held": "核查中，暂停流通", "recalled": "已召回"}


@bp.get("/lots/<code>")
@require(*READERS)
def show_lot(code: str) -> ResponseReturnValue:
    """Everything about a lot that its keepers and auditors may know."""
    with reading() as session:
        lot = queries.get_lot(session, code)
        _must_read(current_actor(), lot)
        facts = _facts(session, lot)
    if wants_json():
        return jsonify(facts)
    labels = {
        "kind": _(KIND_LABELS[lot.kind.value]),
        "custody": _(CUSTODY_LABELS[lot.custody.value]),
        "recall": _(RECALL_LABELS[lot.recall_state.value]),
        "unit": _(lot.unit.label),
        "steps": {step: _(label) for step, label in STEP_LABELS.items()},
    }
    return render_template("lots/lot.html", lot=lot, facts=facts, labels=labels, plain=plain)


@bp.post("/lots/<code>/losses")
@require(Role.clerk, Role.packer, Role.operator)
@once
def record_loss(session: Session, code: str) -> ResponseReturnValue:
    """Write off a part of a lot."""
    lot = queries.get_lot(session, code)
    if lot.kind is LotKind.PACK:
        # Boxes lie on a shelf of the floor above, which must count them out together with the lot.
        raise Invalid("装盒批次的损耗请在“库存”页登记，货架和批次会一起减少。", field="quantity")
    unit = Unit.parse(request.form["unit"], "unit") if request.form.get("unit") else lot.unit
    balancing.record_loss(
        session,
        current_actor(),
        lot_id=lot.id,
        quantity=Quantity.parse(request.form.get("quantity", ""), unit, "quantity"),
        reason=request.form.get("reason", ""),
        at=clock.now(),
    )
    return redirect(url_for("lots.show_lot", code=lot.code), 303)


def _must_read(actor: Actor, lot: Lot) -> None:
    wide = actor.operator or actor.has(Role.auditor) or actor.has(Role.county_officer)
    if not wide and not actor.roles.get(lot.organization_id):
        raise Forbidden("这个批次属于别的单位，您不能查看。")


def _facts(session: Session, lot: Lot) -> dict[str, Any]:
    shares = queries.list_upstream_households(session, lot.id)
    names = visible_household_names(session, list_households_by_id(session, [household_id for household_id, _ in shares]))
    return {
        "code": lot.code,
        "kind": lot.kind.value,
        "material": lot.material,
        "product": lot.product_sku,
        "organization": get_organization(session, lot.organization_id).name,
        "county": lot.county_code,
        "unit": lot.unit.value,
        "made": plain(lot.made),
        "used": plain(lot.used),
        "lost": plain(lot.lost),
        "dispatched": plain(lot.dispatched),
        "left": plain(lot.left.amount),
        "producedOn": lot.produced_on,
        "expiresOn": lot.expires_on,
        "recall": lot.recall_state.value,
        "blocked": queries.is_blocked(session, lot.id),
        "marks": [
            {"code": mark.code, "reason": mark.reason, "lifted": mark.lifted_at} for mark in queries.list_marks(session, lot.id)
        ],
        "cameFrom": [_edge(*edge) for edge in queries.list_edges_into(session, lot.id)],
        "wentInto": [_edge(*edge) for edge in queries.list_edges_out_of(session, lot.id)],
        "signed": _signature(session, lot),
        "shares": [{"household": names[household_id], "share": f"{share:.12f}"} for household_id, share in shares],
        "events": [
            {"id": str(event.id), "bizStep": event.biz_step, "eventTime": event.event_time}
            for event in list_events_of_lot(session, lot.code)
        ],
    }


def _signature(session: Session, lot: Lot) -> dict[str, str] | None:
    """That the step which made the lot was outside its range, why, and who signed; None when it was not."""
    kept = queries.find_yield(session, lot.id)
    if kept is None or kept.signed_by is None:
        return None
    return {
        "reason": kept.reason or "",
        "by": name_actors(session, [kept.signed_by])[kept.signed_by],
        "as": ROLE_LABELS[Role(kept.signed_as)] if kept.signed_as in set(Role) else "",
        "range": f"{plain(kept.taken * kept.yield_low)}–{plain(kept.taken * kept.yield_high)}",
        "given": plain(kept.given),
    }


def _edge(edge: LotEdge, other: Lot) -> dict[str, Any]:
    return {
        "lot": other.code,
        "material": other.material,
        "quantity": plain(edge.quantity),
        "unit": edge.unit.value,
        "shown": Quantity(edge.quantity, edge.unit).text(_),
    }
