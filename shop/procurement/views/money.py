"""Budgets, the declared quota and the approval rules of an organisation (finance officers), and recognised channels (operator)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor, require
from catalog.parties.models import OrganizationKind, Role
from catalog.parties.queries import get_organization_by_code, list_organizations
from kernel import clock
from kernel.db import reading
from kernel.errors import FieldError, Invalid
from kernel.money import Money
from kernel.web import kept, once
from shop.orders.models import Purpose
from shop.procurement import budgeting, queries, ruling
from shop.procurement.forms import (
    choice_of,
    chosen_organization,
    money_of,
    own_organizations,
    portal_words,
    purpose_of,
    year_of,
)  # fmt: skip
from shop.procurement.models.budgets import ENTRY_LABELS
from shop.procurement.policy import PORTAL_ROLES
from shop.procurement.views.portal import standing

bp = Blueprint("procurement_money", __name__, url_prefix="/procurement", template_folder="../templates")
bp.context_processor(portal_words)
PAGE = 100


@bp.get("/budgets")
@require(*PORTAL_ROLES)
def budgets() -> ResponseReturnValue:
    return _budgets_page({}), 200


def _budgets_page(errors: Mapping[str, str], *, about: str = "") -> str:
    actor = current_actor()
    year, today = year_of(request.args.get("year")), clock.today_shanghai(clock.now())
    with reading() as session:
        organization = chosen_organization(session, actor)
        return render_template(
            "procurement/budgets.html",
            organization=organization,
            organizations=own_organizations(session, actor),
            year=year,
            rules=queries.list_rules(session, organization.id),
            may_set=actor.has(Role.finance, organization.id),
            form=request.form,
            errors=errors,
            about=about,
            **standing(session, organization, year, today),
        )


@bp.post("/budgets")
@require(Role.finance)
def set_budget() -> ResponseReturnValue:
    return kept(_set_budget, lambda errors: _budgets_page(errors, about="budget"))


@once
def _set_budget(session: Session) -> ResponseReturnValue:
    organization, year = chosen_organization(session, current_actor(), Role.finance), year_of(request.form.get("year"))
    budgeting.set_budget(
        session,
        current_actor(),
        organization_id=organization.id,
        year=year,
        purpose=purpose_of(),
        amount=money_of("amount"),
        at=clock.now(),
    )
    flash(_("预算已保存。"), "ok")
    return redirect(url_for(".budgets", year=year, organization=organization.code))


@bp.post("/quota")
@require(Role.finance)
def declare_quota() -> ResponseReturnValue:
    return kept(_declare_quota, lambda errors: _budgets_page(errors, about="quota"))


@once
def _declare_quota(session: Session) -> ResponseReturnValue:
    organization, year = chosen_organization(session, current_actor(), Role.finance), year_of(request.form.get("year"))
    none = request.form.get("no_canteen") == "1"
    budgeting.declare_quota(
        session,
        current_actor(),
        organization_id=organization.id,
        year=year,
        canteen_total=Money(0) if none else money_of("canteen_total"),
        no_canteen=none,
        at=clock.now(),
    )
    flash(_("已登记。"), "ok")
    return redirect(url_for(".budgets", year=year, organization=organization.code))


@bp.get("/budgets/<uuid:budget_id>")
@require(*PORTAL_ROLES)
def budget(budget_id: UUID) -> ResponseReturnValue:
    """Every movement a budget's figures are the sum of."""
    after = request.args.get("after", type=UUID)
    with reading() as session:
        mine = [each.id for each in own_organizations(session, current_actor())]
        found = queries.get_budget(session, budget_id, mine)
        entries = queries.list_entries(session, budget_id, after=after, limit=PAGE + 1)
    more = url_for(".budget", budget_id=budget_id, after=entries[PAGE - 1].id) if len(entries) > PAGE else None
    return render_template(
        "procurement/budget.html", budget=found, entries=entries[:PAGE], kinds=ENTRY_LABELS, more=more, after=after
    )


@bp.post("/rules")
@require(Role.finance)
def set_rule() -> ResponseReturnValue:
    return kept(_set_rule, lambda errors: _budgets_page(errors, about="rule"))


@once
def _set_rule(session: Session) -> ResponseReturnValue:
    form = request.form
    organization = chosen_organization(session, current_actor(), Role.finance)
    level = form.get("level", "")
    ruling.set_rule(
        session,
        current_actor(),
        organization_id=organization.id,
        level=int(level) if level.isascii() and level.isdigit() and len(level) == 1 else 0,
        role=choice_of(Role, form.get("role"), "role"),
        amount=money_of("amount"),
        purpose=choice_of(Purpose, form.get("purpose"), "purpose") if form.get("purpose") else None,
        at=clock.now(),
    )
    flash(_("审批规则已保存，对以后提交的申请有效。"), "ok")
    return redirect(url_for(".budgets", organization=organization.code))


@bp.post("/rules/<uuid:rule_id>/remove")
@require(Role.finance)
@once
def remove_rule(session: Session, rule_id: UUID) -> ResponseReturnValue:
    ruling.remove_rule(session, current_actor(), rule_id)
    flash(_("审批规则已删除。"), "ok")
    return redirect(url_for(".budgets"))


@bp.get("/channels")
@require(Role.operator, Role.auditor)
def channels() -> ResponseReturnValue:
    return _channels_page({}), 200


def _channels_page(errors: Mapping[str, str]) -> str:
    with reading() as session:
        buyers = list_organizations(session, kind=OrganizationKind.BUYING_ORGANIZATION, limit=500)
        return render_template(
            "procurement/channels.html",
            channels=queries.list_channels(session),
            buyers={buyer.id: buyer for buyer in buyers},
            may_record=current_actor().operator,
            today=clock.today_shanghai(clock.now()),
            form=request.form,
            errors=errors,
        )


@bp.post("/channels")
@require(Role.operator)
def record_channel() -> ResponseReturnValue:
    return kept(_record_channel, _channels_page)


@once
def _record_channel(session: Session) -> ResponseReturnValue:
    form = request.form
    buyer = form.get("organization", "")
    first = _day("valid_from")
    if first is None:
        raise Invalid("有几处需要改一下。", errors=[FieldError("valid_from", "请选择日期。")])
    ruling.record_channel(
        session,
        current_actor(),
        name=form.get("name", ""),
        source=form.get("source", ""),
        valid_from=first,
        valid_to=_day("valid_to"),
        organization_id=get_organization_by_code(session, buyer).id if buyer else None,
        at=clock.now(),
    )
    flash(_("已登记认可渠道。"), "ok")
    return redirect(url_for(".channels"))


def _day(field: str) -> date | None:
    text = request.form.get(field, "")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Invalid("有几处需要改一下。", errors=[FieldError(field, "请选择日期。")]) from error
