"""The clerk's pages of member households: the list, one household, its consents. Only people of the same cooperative see names."""

from __future__ import annotations

from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.areas.queries import name_path
from catalog.parties import consenting, registering, surveying
from catalog.parties.access import current_actor, require
from catalog.parties.consent_texts import CURRENT, get_text
from catalog.parties.models import Actor, ClaimState, ConsentScope, Household, Organization, OrganizationKind, Role
from catalog.parties.queries import (
    count_cards,
    count_households,
    find_standing,
    get_household,
    get_organization_by_code,
    list_claims,
    list_consents,
    list_households,
    list_organizations,
    map_organizations,
    name_actors,
    standing_consents,
)
from catalog.parties.views.organizations import picked
from kernel import clock
from kernel.db import reading
from kernel.errors import Invalid, NotFound, Problem
from kernel.quantity import Quantity, Unit, plain
from kernel.web import language, once, wants_json

bp = Blueprint("households", __name__, url_prefix="/parties/households", template_folder="../templates")
PAGE = 50
SCOPE_LABELS = {
    ConsentScope.NAME: "公开姓名",
    ConsentScope.PHOTO: "公开照片",
    ConsentScope.VILLAGE: "公开到村",
    ConsentScope.SHARE: "公开这一批所占份额",
}


def own_cooperatives(session: Session, actor: Actor) -> list[Organization]:
    """The cooperatives whose households the actor works for; the operator sees the first ones by code."""
    if actor.operator:
        return list(list_organizations(session, kind=OrganizationKind.COOPERATIVE, limit=500))
    return list(map_organizations(session, actor.organizations_with(Role.clerk)).values())


def _chosen(session: Session, actor: Actor) -> Organization | None:
    code = request.args.get("cooperative") or request.form.get("cooperative")
    mine = own_cooperatives(session, actor)
    if not code:
        return mine[0] if mine else None
    organization = get_organization_by_code(session, code)
    actor.must_any({Role.clerk: organization.id, Role.operator: None})
    return organization


@bp.get("/")
@require(Role.clerk, Role.operator)
def index() -> ResponseReturnValue:
    return _list_page({}, {}), 200


def _list_page(form: object, errors: object) -> str:
    actor, search = current_actor(), request.args.get("q", "")[:40]
    after = min(request.args.get("after", 0, type=int), 2**63 - 1)
    with reading() as session:
        cooperative = _chosen(session, actor)
        rows = list_households(session, cooperative.id, after=after or None, limit=PAGE + 1, search=search) if cooperative else []
        code = cooperative.code if cooperative else None
        more = url_for(".index", cooperative=code, q=search or None, after=rows[PAGE - 1].member_no) if len(rows) > PAGE else None
        return render_template(
            "parties/households.html",
            cooperative=cooperative,
            cooperatives=own_cooperatives(session, actor),
            rows=rows[:PAGE],
            consents=standing_consents(session, [row.id for row in rows]),
            count=count_households(session, cooperative.id) if cooperative else 0,
            more=more,
            first=url_for(".index", cooperative=code, q=search or None) if after else None,
            search=search,
            capacity=surveying.CAPACITY_LABELS,
            form=form,
            errors=errors,
        )


@bp.post("/")
@require(Role.clerk, Role.operator)
def create() -> ResponseReturnValue:
    try:
        return _create()
    except Problem as problem:
        if wants_json() or problem.status == 403:
            raise
        return _list_page(request.form, problem.by_field(_)), problem.status


@once
def _create(session: Session) -> ResponseReturnValue:
    actor, form = current_actor(), request.form
    cooperative = _chosen(session, actor)
    if cooperative is None:
        raise NotFound("没有这个合作社。")
    household = registering.register_household(
        session,
        actor,
        cooperative_id=cooperative.id,
        head_name=form.get("head_name", ""),
        county_code=form.get("county_code") or cooperative.county_code or "",
        town=form.get("town", ""),
        village=form.get("village", ""),
        capacity={key: form[key] for key in surveying.CAPACITY_LABELS if form.get(key)},
        member_no=_member_no(form.get("member_no", "").strip()),
        is_demo=cooperative.is_demo,
        at=clock.now(),
    )
    flash(_("已登记第 %(no)s 号农户。", no=household.member_no), "ok")
    return redirect(url_for(".show", household_id=household.id))


def _member_no(text: str) -> int | None:
    """The number the cooperative already gave this household (社员编号); None when left empty. Raises Invalid."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid("社员编号是 1 到 9 位数字，不填就自动编号。", field="member_no")
    return int(text)


@bp.get("/<uuid:household_id>")
@require(Role.clerk, Role.operator)
def show(household_id: UUID) -> ResponseReturnValue:
    return _household_page(household_id, {}, {}), 200


def _household_page(household_id: UUID, form: object, errors: object) -> str:
    with reading() as session:
        household = own_household(session, household_id)
        consents = list_consents(session, household.id)
        return render_template(
            "parties/household.html",
            household=household,
            area=name_path(session, household.county_code, english=language() == "en"),
            consents=consents,
            names=name_actors(session, [label for each in consents for label in (each.typed_by, each.withdrawn_by) if label]),
            standing=find_standing(session, household.id),
            cards=count_cards(session, household.id),
            scopes=SCOPE_LABELS,
            capacity=surveying.CAPACITY_LABELS,
            text_version=CURRENT,
            text=get_text(CURRENT),
            claims=list_claims(session, household_id=household.id, open_only=True),
            form=form,
            errors=errors,
            plain=plain,
        )


@bp.post("/<uuid:household_id>/capacity")
@require(Role.clerk)
def claim(household_id: UUID) -> ResponseReturnValue:
    """Report what the household has: less counts at once, more waits for the county."""
    try:
        return _claim(household_id)
    except Problem as problem:
        if wants_json() or problem.status not in (409, 422):
            raise
        return _household_page(household_id, request.form, problem.by_field(_)), problem.status


@once
def _claim(session: Session, household_id: UUID) -> ResponseReturnValue:
    household = own_household(session, household_id)
    amount = Quantity.parse(request.form.get("amount", ""), Unit.MU, "amount").amount
    made = surveying.claim_capacity(
        session,
        current_actor(),
        household_id=household.id,
        basis=request.form.get("basis", ""),
        amount=amount,
        note=request.form.get("note", ""),
        at=clock.now(),
    )
    flash(_("已报给县里，核定后生效。") if made.state is ClaimState.OPEN else _("已更正，马上生效。"), "ok")
    return redirect(url_for(".show", household_id=household.id))


@bp.post("/<uuid:household_id>/consents")
@require(Role.clerk, Role.operator)
@once
def consent(session: Session, household_id: UUID) -> ResponseReturnValue:
    """Give or withdraw consent (form: ``do`` = give | withdraw, ``scope``; withdrawing without a scope: all)."""
    household, form = own_household(session, household_id), request.form
    actor, at = current_actor(), clock.now()
    if form.get("do") == "withdraw":
        scopes = [picked(ConsentScope, form["scope"], "scope")] if form.get("scope") else list(ConsentScope)
        consenting.withdraw_consent(session, actor, household_id=household.id, scopes=scopes, at=at)
        flash(_("已撤回同意，公开页面不再显示。"), "ok")
    else:
        scope = picked(ConsentScope, form.get("scope"), "scope")
        consenting.give_consent(session, actor, household_id=household.id, scope=scope, at=at)
        flash(_("已记录同意。"), "ok")
    return redirect(url_for(".show", household_id=household.id))


def own_household(session: Session, household_id: UUID) -> Household:
    """The household when the actor works for its cooperative; others learn not even that it exists. Raises NotFound."""
    household, actor = get_household(session, household_id), current_actor()
    mine = actor.operator or actor.has(Role.clerk, household.cooperative_id)
    if not mine or household.erased_at is not None:
        raise NotFound("没有这户。")
    return household
