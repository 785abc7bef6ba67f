"""What waits for a second person: deliveries beyond the cap, steps outside their yield, land and herds nobody has confirmed.

An officer sees what the county is asked and decides; a clerk sees what the cooperative asked, and signs a colleague's step.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties import surveying
from catalog.parties.access import current_actor, require
from catalog.parties.models import CapacityClaim, ClaimState, Household, Role
from catalog.parties.queries import (
    get_household,
    get_organization,
    list_claims,
    list_counties_of,
    list_households_by_id,
    map_organizations,
    name_actors,
)
from catalog.products.queries import get_product
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound, Problem
from kernel.quantity import Quantity, Unit, plain
from kernel.web import moment, once
from shop.cooperative import forms
from shop.cooperative.queries import count_disputes
from shop.cooperative.views import STEP_TEXTS, Scope, own_cooperative, scope_of
from traceability.lots import bounding, deciding, signing
from traceability.lots.models import Asked, CapacityRequest, StepRequest
from traceability.lots.queries import (
    get_capacity_request,
    get_evidence,
    list_capacity_requests,
    list_step_requests,
)
from traceability.lots.states import Verdict

bp = Blueprint("county", __name__, url_prefix="/county", template_folder="../templates")
PAGE = 30
KINDS = ("capacity", "steps", "claims")
VERDICT_LABELS = {Verdict.OPEN: "待核定", Verdict.APPROVED: "已同意", Verdict.REFUSED: "未同意"}
CLAIM_LABELS = {
    ClaimState.OPEN: "待核定",
    ClaimState.LOWERED: "已下调",
    ClaimState.CONFIRMED: "已核定",
    ClaimState.REFUSED: "未同意",
}
COLOURS = {"open": "warn", "approved": "ok", "confirmed": "ok", "lowered": "", "refused": "bad"}


@bp.get("/")
@require(Role.clerk, Role.county_officer)
def home() -> ResponseReturnValue:
    """What waits, the newest first: an officer sees what is open, or everything with ``all``; a clerk what the cooperative asked."""
    officer = current_actor().has(Role.county_officer)
    everything = not officer or bool(request.args.get("all"))
    wanted = [kind for kind in KINDS if request.args.get("kind") in (kind, None, "")] or list(KINDS)
    after = forms.read_uuid(request.args["after"]) if request.args.get("after") and len(wanted) == 1 else None
    with reading() as session:
        scope = scope_of(session, current_actor())
        listed = {kind: _list(session, kind, scope, not everything, after) for kind in wanted}
        more = {
            kind: url_for(".home", kind=kind, after=rows[PAGE - 1]["id"], all=request.args.get("all"))
            for kind, rows in listed.items()
            if len(rows) > PAGE
        }
        return render_template(
            "county/home.html",
            listed={kind: rows[:PAGE] for kind, rows in listed.items()},
            more=more,
            officer=officer,
            everything=everything,
            first=url_for(".home") if after else None,
            disputed=count_disputes(session, **scope),
        )


def _list(session: Session, kind: str, scope: Scope, open_only: bool, after: UUID | None) -> list[dict[str, Any]]:
    if kind == "capacity":
        asked = list_capacity_requests(session, **scope, open_only=open_only, after=after, limit=PAGE + 1)
        households = {row.id: row for row in list_households_by_id(session, [each.household_id for each in asked])}
        return [_capacity_line(row, households[row.household_id]) for row in asked]
    if kind == "steps":
        steps = list_step_requests(session, **scope, open_only=open_only, after=after, limit=PAGE + 1)
        places = map_organizations(session, [row.organization_id for row in steps])
        return [_step_line(row, places[row.organization_id].name) for row in steps]
    claims = list_claims(session, **scope, open_only=open_only, after=after, limit=PAGE + 1)
    return [_claim_line(claim, household) for claim, household in claims]


def _capacity_line(row: CapacityRequest, household: Household) -> dict[str, Any]:
    over, until = Quantity(row.so_far + row.wanted - row.cap, row.unit), bounding.stands_until(row)
    line = _("超出上限 %(over)s", over=over.text(_))
    if until is not None and row.stands and until > clock.now():
        granted = Quantity(row.stands, row.unit).text(_)
        line += " · " + _("核增 %(granted)s，%(until)s 前交", granted=granted, until=moment(until))
    return {
        "id": row.id,
        "href": url_for(".capacity", request_id=row.id),
        "title": _("第 %(no)s 号农户 · %(material)s", no=household.member_no, material=row.material),
        "line": line,
        "at": row.asked_at,
        "badge": (_(VERDICT_LABELS[row.verdict]), COLOURS[row.verdict]),
    }


def _step_line(row: StepRequest, organization: str) -> dict[str, Any]:
    return {
        "id": row.id,
        "href": url_for("signatures.step", request_id=row.id),
        "title": f"{_(STEP_TEXTS[row.step])} · {organization}",
        "line": signing.faults_of(row)[0].text(_),
        "at": row.asked_at,
        "badge": (_(VERDICT_LABELS[row.verdict]), COLOURS[row.verdict]),
    }


def _claim_line(claim: CapacityClaim, household: Household) -> dict[str, Any]:
    return {
        "id": claim.id,
        "href": url_for("claims.claim", claim_id=claim.id),
        "title": _("第 %(no)s 号农户", no=household.member_no) + " · " + _(surveying.CAPACITY_LABELS[claim.basis]),
        "line": _("%(was)s 改为 %(amount)s", was=plain(claim.was), amount=plain(claim.amount)),
        "at": claim.claimed_at,
        "badge": (_(CLAIM_LABELS[claim.state]), COLOURS[claim.state]),
    }


@bp.post("/capacity")
@require(Role.clerk)
@once
def ask_capacity(session: Session) -> ResponseReturnValue:
    """One button on a refused delivery: put it before the county."""
    read = forms.Reading(request.form)
    household_id = read.read("household_id", forms.read_uuid, UUID(int=0))
    sku, quantity = read.text("product_sku", _("请选择产品。")), forms.read_quantity(read)
    read.done()
    product = get_product(session, sku)
    if product.cooperative_id != own_cooperative():
        raise Invalid("请选择本合作社的产品。", field="product_sku")
    row = deciding.request_capacity(
        session,
        current_actor(),
        household_id=household_id,
        material=product.materials[0],
        quantity=quantity,
        reason=request.form.get("reason", ""),
        at=clock.now(),
    )
    flash(_("已请县里核定，答复会显示在这里。"), "ok")
    return redirect(url_for(".capacity", request_id=row.id))


@bp.get("/capacity/<uuid:request_id>")
@require(Role.clerk, Role.county_officer)
def capacity(request_id: UUID) -> ResponseReturnValue:
    """A delivery beyond the cap, with the evidence beside the decision."""
    return _capacity_page(request_id, {}, {}), 200


def _capacity_page(request_id: UUID, form: Mapping[str, Any], errors: Mapping[str, str]) -> str:
    at = clock.now()
    with reading() as session:
        row = get_capacity_request(session, request_id)
        officer = must_see(session, row)
        household = get_household(session, row.household_id)
        room = bounding.find_room(session, household, row.material, row.season, at)
        return render_template(
            "county/capacity.html",
            row=row,
            household=household,
            organization=get_organization(session, row.organization_id),
            room=room,
            missing=deciding.measure_missing(session, household, row, at),
            lapsed=row.lapsed + sum(part for grant, part in (room.ended if room else ()) if grant.id == row.id),
            until=bounding.stands_until(row),
            stands_days=bounding.GRANT_STANDS.days,
            now=at,
            evidence=get_evidence(session, row, clock.today_shanghai(at)) if officer else None,
            capacity=_shown_capacity(household),
            per_labels=surveying.BASIS_LABELS,
            bases=[(basis, _(label)) for basis, label in surveying.CAPACITY_LABELS.items()],
            **shown_decision(session, row, officer),
            form=form,
            errors=errors,
            plain=plain,
        )


def _shown_capacity(household: Household) -> list[tuple[str, str]]:
    labels = surveying.CAPACITY_LABELS
    return [(_(labels[basis]), str(amount)) for basis, amount in household.capacity.items() if basis in labels]


def shown_decision(session: Session, row: Asked, may: bool) -> dict[str, Any]:
    """What a page says of who asked and decided, and whether the reader decides now."""
    actor = current_actor()
    labels = [row.asked_by, row.decided_by or ""]
    return {
        "names": name_actors(session, labels),
        "may_decide": may and row.verdict is Verdict.OPEN and row.asked_by != actor.label,
        "badge": (_(VERDICT_LABELS[row.verdict]), COLOURS[row.verdict]),
    }


def must_see(session: Session, row: Asked) -> bool:
    """Whether the reader is an officer of that county. Raises NotFound for those it does not concern."""
    actor = current_actor()
    officer = row.county_code in list_counties_of(session, actor)
    if not officer and not actor.has(Role.clerk, row.organization_id):
        raise NotFound("没有这条申请。")
    return officer


@bp.post("/capacity/<uuid:request_id>")
@require(Role.county_officer)
def decide_capacity(request_id: UUID) -> ResponseReturnValue:
    """Raise the cap or not; a refusal of the form comes back with what was typed."""
    try:
        return _decide_capacity(request_id)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _capacity_page(request_id, request.form, problem.by_field(_)), problem.status


@once
def _decide_capacity(session: Session, request_id: UUID) -> ResponseReturnValue:
    row = get_capacity_request(session, request_id)
    must_see(session, row)
    granted = read_amount("granted", row.unit) if read_agreed() else None
    deciding.decide_capacity(
        session, current_actor(), request_id=row.id, granted=granted, decision=request.form.get("decision", ""), at=clock.now()
    )
    flash(_("已同意，合作社可以收货了。") if granted is not None else _("已答复。"), "ok")
    return redirect(url_for(".home"))


def read_agreed() -> bool:
    """Which of the two buttons was pressed. Raises Invalid for none."""
    if request.form.get("do") not in ("approve", "refuse"):
        raise Invalid("请点“同意”或“不同意”。", field="do")
    return request.form["do"] == "approve"


def read_amount(field: str, unit: Unit) -> Decimal:
    return Quantity.parse(request.form.get(field, ""), unit, field).amount


@bp.post("/capacity/<uuid:request_id>/basis")
@require(Role.county_officer)
def correct_basis(request_id: UUID) -> ResponseReturnValue:
    """Beside a request: the county records what the household really has."""
    try:
        return _correct_basis(request_id)
    except Problem as problem:
        if problem.status not in (409, 422):
            raise
        return _capacity_page(request_id, request.form, problem.by_field(_)), problem.status


@once
def _correct_basis(session: Session, request_id: UUID) -> ResponseReturnValue:
    row = get_capacity_request(session, request_id)
    must_see(session, row)
    surveying.correct_capacity(
        session,
        current_actor(),
        household_id=row.household_id,
        basis=request.form.get("basis", ""),
        found=read_amount("found", Unit.MU),
        decision=request.form.get("grounds", ""),
        at=clock.now(),
    )
    flash(_("已核定。"), "ok")
    return redirect(url_for(".capacity", request_id=row.id))
