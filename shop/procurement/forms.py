"""What the pages of procurement share: whose organisation it is, what a form says."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TypeVar

from flask import current_app, request
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from catalog.parties.access import current_actor
from catalog.parties.models import Actor, Organization, Role
from catalog.parties.queries import map_organizations
from kernel import clock
from kernel.errors import FieldError, Forbidden, Invalid
from kernel.files import FileStore
from kernel.money import Money
from shop.accounts.addressing import FIELDS, check_address
from shop.orders.models import Purpose
from shop.procurement.models.budgets import PURPOSE_LABELS, Channel
from shop.procurement.policy import PORTAL_ROLES
from shop.procurement.quoting import WantedDelivery
from shop.procurement.states import SETTLEMENT_STATES, STATES, STEP_STATES, RequestState
from shop.procurement.wording import ACT_LABELS, CHANNEL_TEXTS, STEP_LABELS

E = TypeVar("E", bound=StrEnum)
LINES = 8
STATE_KINDS = {
    RequestState.DRAFT: "",
    RequestState.SUBMITTED: "warn",
    RequestState.APPROVED: "info",
    RequestState.ORDERED: "info",
    RequestState.ACCEPTED: "warn",
    RequestState.SETTLED: "ok",
    RequestState.REFUSED: "bad",
    RequestState.CANCELLED: "",
}


def portal_words() -> dict[str, object]:
    """For every page of the portal: labels, and which parts of the menu the reader has."""
    actor = current_actor()
    return {
        "state_label": STATES.label,
        "state_kind": STATE_KINDS,
        "step_label": STEP_STATES.label,
        "settlement_label": SETTLEMENT_STATES.label,
        "purposes": PURPOSE_LABELS,
        "acts": ACT_LABELS,
        "step_roles": STEP_LABELS,
        "holds": {role.value: actor.has(role) for role in (*PORTAL_ROLES, Role.operator)},
        "channel_text": channel_text,
    }


def channel_text(channel: Channel | None) -> str:
    """The label every purchase figure stands under: never that it counts, unless the operator recorded the channel and its source."""
    if channel is None:
        return str(_(CHANNEL_TEXTS["none"]))
    return str(_(CHANNEL_TEXTS["recognised"], name=channel.name, source=channel.source))


def own_organizations(session: Session, actor: Actor) -> list[Organization]:
    """The organisations in which the actor has a part in buying, by name."""
    ids = {where for role in PORTAL_ROLES for where in actor.organizations_with(role)}
    return sorted(map_organizations(session, ids).values(), key=lambda each: each.name)


def chosen_organization(session: Session, actor: Actor, role: Role | None = None) -> Organization:
    """The organisation asked for (``?organization=``), else the first in which the actor has a part (or that role). Raises Forbidden."""
    mine = [each for each in own_organizations(session, actor) if role is None or actor.has(role, each.id)]
    code = request.values.get("organization", "")
    for each in mine:
        if not code or each.code == code:
            return each
    raise Forbidden("您不是这个采购单位的人，或没有这项权限。请换账号登录。")


def choice_of(values: type[E], text: str | None, field: str) -> E:
    """The value a form chose. Raises Invalid."""
    if text in set(values):
        return values(text)
    raise Invalid("请从列表里选择一项。", field=field)


def purpose_of(field: str = "purpose") -> Purpose:
    """The purpose a form chose. Raises Invalid."""
    purpose = choice_of(Purpose, request.form.get(field), field)
    if purpose not in PURPOSE_LABELS:
        raise Invalid("请从列表里选择一项。", field=field)
    return purpose


def money_of(field: str) -> Money:
    """An amount in yuan. Raises Invalid."""
    return Money.parse(request.form.get(field, "").strip().replace(",", ""), field=field)


def year_of(text: str | None) -> int:
    """A year, this one when none is asked for. Raises Invalid."""
    if not text:
        return clock.today_shanghai(clock.now()).year
    if not (text.isascii() and text.isdigit() and len(text) == 4 and 2020 <= int(text) <= 2100):
        raise Invalid("请选择年度和用途。", field="year")
    return int(text)


def read_typed(session: Session, form: Mapping[str, str]) -> WantedDelivery:
    """One address and up to ``LINES`` products as typed. Raises Invalid naming every wrong field."""
    errors: list[FieldError] = []
    lines: dict[str, int] = {}
    try:
        address = check_address(session, {name: form.get(name, "") for name in FIELDS})
    except Invalid as problem:
        errors, address = list(problem.errors), {}
    for place in range(1, LINES + 1):
        sku, boxes = form.get(f"sku-{place}", "").strip(), form.get(f"boxes-{place}", "").strip()
        if not sku and not boxes:
            continue
        if not sku:
            errors.append(FieldError(f"sku-{place}", "请选择商品。"))
        elif not (boxes.isascii() and boxes.isdigit() and len(boxes) <= 6 and 1 <= int(boxes) <= 10_000):
            errors.append(FieldError(f"boxes-{place}", "盒数请填 1 到 10000 的整数。"))
        else:
            lines[sku] = lines.get(sku, 0) + int(boxes)
    if not lines and not errors:
        errors.append(FieldError("sku-1", "请至少选一种商品，并填写盒数。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    return WantedDelivery(address, lines)


def file_store() -> FileStore:
    """Where this installation keeps uploaded files."""
    return FileStore(current_app.config["SHANHAI"].files_dir)
