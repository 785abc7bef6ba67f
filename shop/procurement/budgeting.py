"""Budgets that hold: reserve when a request is submitted, commit when it is ordered, release or give back when it is not.

The guard is one conditional UPDATE: it takes the row's lock and changes the counters only while they fit. CHECK constraints stand
behind it. Each movement is a row with a unique key, so nothing is counted twice.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CursorResult, and_, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from shop.orders.models import OrderRefunded, Purpose
from shop.procurement.models.budgets import PURPOSE_LABELS, Budget, BudgetEntry, EntryKind, Quota
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.queries import find_budget, find_request_of_order

DEAREST = Money(10_000_000_000)
# What each movement adds to (reserved, spent).
SIGNS = {
    EntryKind.RESERVE: (1, 0),
    EntryKind.RELEASE: (-1, 0),
    EntryKind.COMMIT: (-1, 1),
    EntryKind.GIVE_BACK: (0, -1),
}


class OverBudget(Conflict):
    """The request does not fit into what is left of the budget."""

    title = "预算不够"


def set_budget(
    session: Session, actor: Actor, *, organization_id: UUID, year: int, purpose: Purpose, amount: Money, at: datetime
) -> Budget:
    """Set the year's budget for a purpose; a finance officer may. Raises Forbidden, Invalid, Conflict (less than is used)."""
    actor.must(Role.finance, organization_id)
    if not Money(0) <= amount <= DEAREST:
        raise Invalid("预算金额不对，请填写 0 到 %(most)s 之间的金额。", params={"most": DEAREST.format()}, field="amount")
    if not 2020 <= year <= 2100 or purpose not in PURPOSE_LABELS:
        raise Invalid("请选择年度和用途。", field="year")
    budget = session.scalar(
        select(Budget)
        .where(Budget.organization_id == organization_id, Budget.year == year, Budget.purpose == purpose)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    if budget is None:
        budget = Budget(
            organization_id=organization_id, year=year, purpose=purpose, amount_fen=amount.minor, set_by=actor.label, set_at=at
        )
        session.add(budget)
    used = Money((budget.reserved_fen or 0) + (budget.spent_fen or 0))
    if amount < used:
        raise Conflict("已占用和已支用 %(used)s，预算不能少于这个数。", params={"used": used.format()}, field="amount")
    budget.amount_fen, budget.set_by, budget.set_at = amount.minor, actor.label, at
    session.flush()
    return budget


def declare_quota(
    session: Session, actor: Actor, *, organization_id: UUID, year: int, canteen_total: Money, no_canteen: bool, at: datetime
) -> Quota:
    """Declare the year's canteen food total, or that there is no canteen (无食堂); a finance officer may. Raises Forbidden, Invalid."""
    actor.must(Role.finance, organization_id)
    if not 2020 <= year <= 2100 or not Money(0) <= canteen_total <= DEAREST:
        raise Invalid("预算金额不对，请填写 0 到 %(most)s 之间的金额。", params={"most": DEAREST.format()}, field="canteen_total")
    quota = session.get(Quota, (organization_id, year), with_for_update=True)
    if quota is None:
        quota = Quota(organization_id=organization_id, year=year)
        session.add(quota)
    quota.canteen_total_fen = 0 if no_canteen else canteen_total.minor
    quota.no_canteen, quota.declared_by, quota.declared_at = no_canteen, actor.label, at
    session.flush()
    return quota


def reserve(session: Session, request: PurchaseRequest, *, at: datetime) -> None:
    """Hold the request's total. Raises OverBudget, Conflict when nobody set a budget."""
    budget = find_budget(session, request.organization_id, request.year, request.purpose)
    if budget is None:
        raise Conflict("还没有今年这个用途的预算。请先请财务登记预算，再提交。")
    key = f"{request.code}:{request.round}:reserve"
    if not move(session, budget.id, EntryKind.RESERVE, request.total_fen, request.code, key, at=at):
        session.refresh(budget)
        params = {"left": Money(budget.free_fen).format(), "wanted": Money(request.total_fen).format()}
        raise OverBudget("预算不够：还可用 %(left)s，这份申请要 %(wanted)s。请减少采购，或请财务调整预算。", params=params)


def release(session: Session, request: PurchaseRequest, *, at: datetime) -> None:
    """Let go of what the present round of a request holds: what was reserved then, whatever its rows say now."""
    key = f"{request.code}:{request.round}"
    held_fen = session.scalars(select(BudgetEntry.amount_fen).where(BudgetEntry.key == f"{key}:reserve")).one()
    _must_move(session, request, EntryKind.RELEASE, held_fen, f"{key}:release", at=at)


def commit(session: Session, request: PurchaseRequest, amount_fen: int, order_code: str, *, at: datetime) -> None:
    """Turn reserved into spent for one order."""
    _must_move(session, request, EntryKind.COMMIT, amount_fen, f"{order_code}:commit", at=at)


def give_back(session: Session, request: PurchaseRequest, amount_fen: int, key: str, *, at: datetime) -> None:
    """Return what was ordered and not kept: cancelled, not accepted, refunded. The same ``key`` again changes nothing."""
    known = session.scalar(select(BudgetEntry.id).where(BudgetEntry.key == key))
    if amount_fen > 0 and known is None:
        _must_move(session, request, EntryKind.GIVE_BACK, amount_fen, key, at=at)


def return_refund(session: Session, event: OrderRefunded) -> None:
    """Reaction: money that came back may be spent again."""
    request = find_request_of_order(session, event.order_code)
    if request is not None:
        give_back(session, request, event.amount_fen, f"refund:{event.refund_id}", at=event.at)


def move(session: Session, budget_id: UUID, kind: EntryKind, amount_fen: int, request_code: str, key: str, *, at: datetime) -> bool:
    """Move a budget and write the entry; False (and no change) when it does not fit."""
    if not change(session, budget_id, *(sign * amount_fen for sign in SIGNS[kind])):
        return False
    session.add(BudgetEntry(budget_id=budget_id, kind=kind, amount_fen=amount_fen, request_code=request_code, key=key, at=at))
    session.flush()
    return True


def change(session: Session, budget_id: UUID, reserved: int, spent: int) -> bool:
    """The guard: add to the counters only while the sum stays within the amount and no counter falls below zero."""
    fits = and_(
        Budget.reserved_fen + reserved >= 0,
        Budget.spent_fen + spent >= 0,
        Budget.reserved_fen + reserved + Budget.spent_fen + spent <= Budget.amount_fen,
    )
    result = session.execute(
        update(Budget)
        .where(Budget.id == budget_id, fits)
        .values(reserved_fen=Budget.reserved_fen + reserved, spent_fen=Budget.spent_fen + spent)
        .execution_options(synchronize_session=False)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def _must_move(session: Session, request: PurchaseRequest, kind: EntryKind, amount_fen: int, key: str, *, at: datetime) -> None:
    budget = find_budget(session, request.organization_id, request.year, request.purpose)
    assert budget is not None, "what was reserved has a budget"
    assert move(session, budget.id, kind, amount_fen, request.code, key, at=at), f"{kind} of {amount_fen} does not fit {budget.id}"
