"""The rules an organisation sets itself (which approvals from which amount on), and channels the operator records."""

from __future__ import annotations

from datetime import date, datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from catalog.parties.queries import get_organization
from kernel.errors import FieldError, Invalid, NotFound
from kernel.money import Money
from shop.orders.models import Purpose
from shop.procurement.models.budgets import PURPOSE_LABELS, ApprovalRule, Channel
from shop.procurement.queries import list_channels, list_rules
from shop.procurement.wording import STEP_LABELS


def set_rule(
    session: Session,
    actor: Actor,
    *,
    organization_id: UUID,
    level: int,
    role: Role,
    amount: Money,
    purpose: Purpose | None = None,
    at: datetime,
) -> ApprovalRule:
    """From ``amount`` on, ask for an approval of ``level`` by ``role``; a finance officer may set it. It holds for what is submitted later.

    Raises Forbidden, Invalid.
    """
    actor.must(Role.finance, organization_id)
    errors = []
    if not 1 <= level <= 9:
        errors.append(FieldError("level", "审批顺序请填 1 到 9。"))
    if role not in STEP_LABELS:
        errors.append(FieldError("role", "请选择由谁审批。"))
    if amount < Money(0):
        errors.append(FieldError("amount", "金额不能小于 0。"))
    if purpose is not None and purpose not in PURPOSE_LABELS:
        errors.append(FieldError("purpose", "请选择用途。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    known = [rule for rule in list_rules(session, organization_id) if (rule.purpose, rule.level) == (purpose, level)]
    rule = known[0] if known else ApprovalRule(organization_id=organization_id, purpose=purpose, level=level)
    rule.from_fen, rule.role, rule.set_by, rule.set_at = amount.minor, role, actor.label, at
    session.add(rule)
    session.flush()
    return rule


def remove_rule(session: Session, actor: Actor, rule_id: UUID) -> None:
    """Take a rule away. Raises NotFound for another organisation's, Forbidden."""
    rule = session.get(ApprovalRule, rule_id)
    if rule is None or rule.organization_id not in actor.roles:
        raise NotFound("没有这条审批规则。")
    actor.must(Role.finance, rule.organization_id)
    session.delete(rule)
    session.flush()


def record_channel(
    session: Session,
    actor: Actor,
    *,
    name: str,
    source: str,
    valid_from: date,
    valid_to: date | None,
    organization_id: UUID | None,
    at: datetime,
) -> Channel:
    """Record a recognised channel with the document it rests on; only the operator may. Raises Forbidden, Invalid, NotFound."""
    actor.must(Role.operator)
    errors = []
    if not 2 <= len(name.strip()) <= 80:
        errors.append(FieldError("name", "请填写渠道名称。"))
    if not 6 <= len(source.strip()) <= 300:
        errors.append(FieldError("source", "请写明依据：文件名称、文号、日期或网址。"))
    if valid_to is not None and valid_to < valid_from:
        errors.append(FieldError("valid_to", "结束日期不能早于开始日期。"))
    if organization_id is not None:
        get_organization(session, organization_id)
    same = [channel for channel in list_channels(session) if channel.organization_id == organization_id]
    if any(channel.valid_from <= (valid_to or date.max) and (channel.valid_to or date.max) >= valid_from for channel in same):
        errors.append(FieldError("valid_from", "这段时间已经登记过渠道，请换一段时间。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    channel = Channel(
        organization_id=organization_id,
        name=name.strip(),
        source=source.strip(),
        valid_from=valid_from,
        valid_to=valid_to,
        recorded_by=actor.label,
        recorded_at=at,
    )
    session.add(channel)
    session.flush()
    return channel
