"""For those who keep lots: the page of one (balance, where it came from, where it went, whose harvest it is, what was recorded), and the
balance of each site for a month or a season."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Blueprint, Response, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from catalog.parties.access import Actor, Role, current_actor, require
from catalog.parties.models import ROLE_LABELS
from catalog.parties.queries import get_organization, list_households_by_id, name_actors, visible_household_names
from kernel import clock
from kernel.db import reading
from kernel.errors import Forbidden, Invalid
from kernel.quantity import Quantity, Unit, plain
from kernel.web import once, wants_json
from kernel.workbook import MIME, Table, write_book, write_csv
from traceability.events.queries import list_events_of_lot
from traceability.events.vocabulary import STEP_LABELS
from traceability.lots import balancing, gating, queries, reporting
from traceability.lots.claims import Claim, Model, models_of
from traceability.lots.models import Lot, LotEdge, SiteAccount
from traceability.lots.states import Flow, LotKind

bp = Blueprint("lots", __name__, template_folder="templates")

READERS = (Role.clerk, Role.packer, Role.operator, Role.auditor, Role.county_officer)

KIND_LABELS = {
    "delivery": "农户交货",
    "bulk": "合并批次",
    "processed": "加工产出",
    "by_product": "副产品",
    "pack": "包装批次",
}
CLAIM_LABELS = {
    (Claim.HOUSEHOLDS, Model.IDENTITY_PRESERVED): "就是这一户的",
    (Claim.HOUSEHOLDS, Model.SEGREGATED): "就是这些农户的",
    (Claim.HOUSEHOLDS, Model.MASS_BALANCE): "平均来自这些农户",
    (Claim.COUNTY, Model.SEGREGATED): "全部产自这个县：不同县的货从不混在一起",
    (Claim.CERTIFICATES, Model.SEGREGATED): "产品有认证的，这一批带有：里面没有不带认证的货",
    (Claim.CERTIFICATES, None): "不能说这一批带有产品的认证：里面有不带的货，或倒进过装有其他货的大罐、大仓",
}
FLOW_LABELS = {
    Flow.DELIVERED: "收进",
    Flow.MADE: "产出",
    Flow.ARRIVED: "调入",
    Flow.USED: "用去",
    Flow.LOST: "损耗",
    Flow.DISPATCHED: "发出",
    Flow.MOVED: "调出",
    Flow.CORRECTED: "更正",
}
ALWAYS = {Flow.DELIVERED, Flow.MADE, Flow.USED, Flow.LOST, Flow.DISPATCHED}
PAGE = 50
MOST_EXPORTED = 5_000
RECALL_LABELS = {"none": "正常流通", "held": "核查中，暂停流通", "recalled": "已召回"}


@bp.get("/lots/<code>")
@require(*READERS)
def show_lot(code: str) -> ResponseReturnValue:
    """Everything about a lot that its keepers and auditors may know."""
    with reading() as session:
        lot = queries.get_lot(session, code)
        _must_read(current_actor(), lot)
        facts = _facts(session, lot)
        models = _models(session, lot, len(facts["shares"]))
    if wants_json():
        return jsonify(facts)
    labels = {
        "kind": _(KIND_LABELS[lot.kind.value]),
        "claims": [_(CLAIM_LABELS[claim, model]) for claim, model in models.items()],
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


def _span_text(text: str) -> str:
    return _("%(year)s 年产季", year=text) if len(text) == 4 else text


def _site_text(site: reporting.Site) -> str:
    return site.place or _("%(owner)s（未注明地点）", owner=site.owner)


def may_read(actor: Actor, organization_id: UUID) -> bool:
    """Whether somebody may read the lots of an organisation."""
    wide = actor.operator or actor.has(Role.auditor) or actor.has(Role.county_officer)
    return wide or bool(actor.roles.get(organization_id))


def _must_read(actor: Actor, lot: Lot) -> None:
    if not may_read(actor, lot.organization_id):
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
        "claims": {claim.value: model for claim, model in _models(session, lot, len(shares)).items()},
        "signed": _signature(session, lot),
        "shares": [{"household": names[household_id], "share": f"{share:.12f}"} for household_id, share in shares],
        "events": [
            {"id": str(event.id), "bizStep": event.biz_step, "eventTime": event.event_time}
            for event in list_events_of_lot(session, lot.code)
        ],
    }


def _models(session: Session, lot: Lot, households: int) -> dict[Claim, Model | None]:
    return models_of(lot, households, carries=gating.carries_certificates(session, lot))


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


@bp.get("/lots/balances")
@require(*READERS)
def balances() -> ResponseReturnValue:
    """What came, left and stayed at each site in a month or a season."""
    span = _span()
    with reading() as session:
        scope = reporting.scope_of(session, current_actor())
        rows = _balances(session, scope, span, PAGE + 1)
        sites, materials = reporting.list_sites(session, scope), reporting.list_materials(session, scope)
    chosen = {"period": span.text, "site": request.args.get("site", ""), "material": request.args.get("material", "")}
    shown = [flow for flow in Flow if flow in ALWAYS or any(row.flows[flow] for row in rows)]
    return render_template(
        "lots/balances.html",
        rows=rows[:PAGE],
        following=rows[PAGE - 1].account_id if len(rows) > PAGE else None,
        shown=shown,
        labels=FLOW_LABELS,
        chosen=chosen,
        spans_named=[(text, _span_text(text)) for text in dict.fromkeys([span.text, *reporting.list_recent_spans(clock.now())])],
        sites_named=[("", _("全部地点")), *((site.key, _site_text(site)) for site in sites)],
        materials_named=[("", _("全部物料")), *((material, material) for material in materials)],
        plain=plain,
    )


@bp.get("/lots/balances.xlsx")
@require(*READERS)
def export_book() -> ResponseReturnValue:
    """The same as a workbook."""
    span, heads, cells = _table()
    return _file(write_book([Table(_("收发存"), heads, cells)]), MIME, f"balances-{span.text}.xlsx")


@bp.get("/lots/balances.csv")
@require(*READERS)
def export_csv() -> ResponseReturnValue:
    """The same as a plain table."""
    span, heads, cells = _table()
    return _file(write_csv(heads, cells), "text/csv", f"balances-{span.text}.csv")


@bp.get("/lots/balances/<uuid:account_id>")
@require(*READERS)
def balance(account_id: UUID) -> ResponseReturnValue:
    """The lots behind the figures of one line: of one flow, or what was there at the beginning or the end."""
    span = _span()
    figure = request.args.get("figure", "")
    after = request.args.get("after", type=UUID)
    with reading() as session:
        account = reporting.get_account(session, reporting.scope_of(session, current_actor()), account_id)
        found = reporting.list_balances(session, SiteAccount.id == account.id, span)
        if figure in ("opening", "closing"):
            before = span.start if figure == "opening" else span.end
            lines = reporting.list_standing(session, account.id, before, after=after, limit=PAGE + 1)
        else:
            flows = [Flow(figure)] if figure in set(Flow) else []
            lines = reporting.list_lines(session, account.id, span, flows=flows, after=after, limit=PAGE + 1)
    return render_template(
        "lots/balance.html",
        account=account,
        row=found[0] if found else None,
        lines=lines[:PAGE],
        following=lines[PAGE - 1].key if len(lines) > PAGE else None,
        span=span,
        figure=figure,
        labels=FLOW_LABELS,
        opens=may_read(current_actor(), account.organization_id),
        plain=plain,
    )


def _span() -> reporting.Span:
    """The period that is asked for, or this month."""
    return reporting.Span.parse(request.args.get("period") or f"{clock.today_shanghai(clock.now()):%Y-%m}")


def _table() -> tuple[reporting.Span, list[str], list[list[object]]]:
    """The balances that are asked for as headings and cells, at most ``MOST_EXPORTED`` of them."""
    span = _span()
    with reading() as session:
        rows = _balances(session, reporting.scope_of(session, current_actor()), span, MOST_EXPORTED)
    heads = [_("物料"), _("地点"), _("谁的"), _("产地"), _("单位"), _("期初"), *(_(FLOW_LABELS[flow]) for flow in Flow), _("期末")]
    cells: list[list[object]] = [
        [row.material, row.place or "", row.owner, row.county, _(row.unit.label), row.opening, *row.flows.values(), row.closing]
        for row in rows
    ]
    return span, heads, cells


def _file(content: bytes, mime: str, name: str) -> Response:
    answer = Response(content, mimetype=mime)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _balances(session: Session, scope: ColumnElement[bool], span: reporting.Span, limit: int) -> list[reporting.Balance]:
    return reporting.list_balances(
        session,
        scope,
        span,
        site=request.args.get("site", type=UUID),
        material=request.args.get("material") or None,
        after=request.args.get("after", type=UUID),
        limit=limit,
    )
