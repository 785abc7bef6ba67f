"""Requests, budgets and settlements as each member of a buying organisation may look at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import ColumnElement, and_, false, func, or_, select
from sqlalchemy.orm import Session, selectinload

from catalog.parties.models import Actor, Role
from kernel.errors import NotFound
from kernel.periods import valid_on
from shop.orders.models import Order, Purpose, SubOrder
from shop.orders.states import OrderState
from shop.procurement import policy
from shop.procurement.models.budgets import ApprovalRule, Budget, BudgetEntry, Channel, Quota
from shop.procurement.models.requests import ApprovalStep, HistoryEntry, ImportFile, PurchaseRequest, RequestDelivery
from shop.procurement.models.settlements import Acceptance, Settlement
from shop.procurement.states import RequestState, SettlementState, StepState

_WHOLE = selectinload(PurchaseRequest.deliveries).selectinload(RequestDelivery.lines)


def get_request(session: Session, code: str, actor: Actor) -> PurchaseRequest:
    """The whole request when it is the actor's to see. Raises NotFound, also for other organisations' codes."""
    request = session.scalar(select(PurchaseRequest).where(PurchaseRequest.code == code).options(_WHOLE))
    if request is None or not is_visible(request, actor):
        raise NotFound("没有这份采购申请，请检查编号。")
    return request


def is_visible(request: PurchaseRequest, actor: Actor) -> bool:
    """Whether the actor may see the request (``policy.may_see``)."""
    held = actor.roles.get(request.organization_id, frozenset())
    return policy.may_see(actor.person_id, held, requester_id=request.requester_id, state=request.state)


def list_requests(
    session: Session,
    actor: Actor,
    *,
    states: Collection[RequestState] = (),
    after: UUID | None = None,
    limit: int = 30,
) -> Sequence[PurchaseRequest]:
    """Requests the actor may see, newest first; ``after`` is the last id of the page before."""
    query = select(PurchaseRequest).where(_visible(actor)).order_by(PurchaseRequest.id.desc()).limit(limit)
    if states:
        query = query.where(PurchaseRequest.state.in_(states))
    return session.scalars(query.where(PurchaseRequest.id < after) if after else query).all()


def _visible(actor: Actor) -> ColumnElement[bool]:
    """``policy.may_see`` as an SQL condition; a test keeps the two equal."""
    deciding = {*actor.organizations_with(Role.approver), *actor.organizations_with(Role.finance)}
    ordered = (RequestState.ORDERED, RequestState.ACCEPTED, RequestState.SETTLED)
    return or_(
        and_(
            PurchaseRequest.requester_id == actor.person_id if actor.person_id else false(),
            PurchaseRequest.organization_id.in_(actor.organizations_with(Role.requester)),
        ),
        and_(PurchaseRequest.organization_id.in_(deciding), PurchaseRequest.state != RequestState.DRAFT),
        and_(PurchaseRequest.organization_id.in_(actor.organizations_with(Role.inspector)), PurchaseRequest.state.in_(ordered)),
    )


def list_steps(session: Session, request: PurchaseRequest) -> Sequence[ApprovalStep]:
    """The approvals of the present round, in order."""
    return session.scalars(
        select(ApprovalStep)
        .where(ApprovalStep.request_id == request.id, ApprovalStep.round == request.round)
        .order_by(ApprovalStep.level)
    ).all()


def list_waiting(session: Session, actor: Actor, limit: int = 50) -> list[PurchaseRequest]:
    """Requests whose next step the actor may decide now, the longest waiting first."""
    rows = session.execute(
        select(PurchaseRequest, ApprovalStep)
        .join(ApprovalStep, and_(ApprovalStep.request_id == PurchaseRequest.id, ApprovalStep.round == PurchaseRequest.round))
        .where(PurchaseRequest.state == RequestState.SUBMITTED, PurchaseRequest.organization_id.in_(actor.roles))
        .order_by(PurchaseRequest.submitted_at, PurchaseRequest.id, ApprovalStep.level)
    ).all()
    found: dict[UUID, tuple[PurchaseRequest, list[ApprovalStep]]] = {}
    for request, step in rows:
        found.setdefault(request.id, (request, []))[1].append(step)
    return [request for request, steps in found.values() if may_decide(request, steps, actor)][:limit]


def may_decide(request: PurchaseRequest, steps: Sequence[ApprovalStep], actor: Actor) -> bool:
    """Whether the next waiting step is the actor's to decide."""
    waiting = next((step for step in steps if step.state is StepState.WAITING), None)
    if waiting is None or request.state is not RequestState.SUBMITTED or actor.person_id is None:
        return False
    decided = {step.decided_by for step in steps}
    held = actor.roles.get(request.organization_id, frozenset())
    return waiting.role in held and actor.person_id != request.requester_id and actor.person_id not in decided


def list_history(session: Session, request_id: UUID) -> Sequence[HistoryEntry]:
    """What happened to a request, oldest first."""
    return session.scalars(
        select(HistoryEntry).where(HistoryEntry.request_id == request_id).order_by(HistoryEntry.at, HistoryEntry.id)
    ).all()


def get_import(session: Session, import_id: UUID, actor: Actor) -> tuple[ImportFile, PurchaseRequest]:
    """An uploaded file of one's own request. Raises NotFound."""
    found = session.get(ImportFile, import_id)
    request = session.get(PurchaseRequest, found.request_id) if found is not None else None
    if found is None or request is None or request.requester_id != actor.person_id:
        raise NotFound("没有这个文件。")
    return found, request


def list_rules(session: Session, organization_id: UUID) -> Sequence[ApprovalRule]:
    """An organisation's approval rules by level."""
    return session.scalars(
        select(ApprovalRule)
        .where(ApprovalRule.organization_id == organization_id)
        .order_by(ApprovalRule.level, ApprovalRule.purpose.nulls_first())
    ).all()


def find_budget(session: Session, organization_id: UUID, year: int, purpose: Purpose) -> Budget | None:
    """The budget of an organisation for a purpose in a year, or None."""
    return session.scalar(
        select(Budget).where(Budget.organization_id == organization_id, Budget.year == year, Budget.purpose == purpose)
    )


def get_budget(session: Session, budget_id: UUID, organization_ids: Collection[UUID]) -> Budget:
    """A budget of one of these organisations. Raises NotFound."""
    budget = session.get(Budget, budget_id)
    if budget is None or budget.organization_id not in organization_ids:
        raise NotFound("没有这笔预算。")
    return budget


def list_budgets(session: Session, organization_ids: Collection[UUID], year: int) -> Sequence[Budget]:
    """Budgets of these organisations for a year."""
    return session.scalars(
        select(Budget).where(Budget.organization_id.in_(organization_ids), Budget.year == year).order_by(Budget.purpose)
    ).all()


def list_entries(session: Session, budget_id: UUID, *, after: UUID | None = None, limit: int = 100) -> Sequence[BudgetEntry]:
    """The movements of a budget, newest first."""
    query = select(BudgetEntry).where(BudgetEntry.budget_id == budget_id).order_by(BudgetEntry.id.desc()).limit(limit)
    return session.scalars(query.where(BudgetEntry.id < after) if after else query).all()


def find_channel(session: Session, organization_id: UUID, on: date) -> Channel | None:
    """The recognised channel that holds for an organisation on a day: its own, else the one for all, else None."""
    return session.scalars(
        select(Channel)
        .where(valid_on(Channel, on), or_(Channel.organization_id == organization_id, Channel.organization_id.is_(None)))
        .order_by(Channel.organization_id.nulls_last())
        .limit(1)
    ).first()


def list_channels(session: Session) -> Sequence[Channel]:
    """All recorded channels, the newest first."""
    return session.scalars(select(Channel).order_by(Channel.valid_from.desc(), Channel.id)).all()


@dataclass(frozen=True)
class Bought:
    """What an organisation bought here in a year, in fen: ordered, and of that accepted and paid."""

    ordered_fen: int
    paid_fen: int


def sum_bought(session: Session, organization_id: UUID, since: date, until: date, purpose: Purpose | None = None) -> Bought:
    """Orders placed on these days (Shanghai's calendar), cancelled ones left out; ``paid`` less what was refunded."""
    day = func.date(func.timezone("Asia/Shanghai", Order.placed_at))
    query = select(
        func.coalesce(func.sum(Order.total_fen), 0), func.coalesce(func.sum(Order.paid_fen - Order.refunded_fen), 0)
    ).where(
        Order.buyer_organization_id == organization_id,
        Order.state.not_in((OrderState.CANCELLED, OrderState.EXPIRED)),
        day.between(since, until),
    )
    ordered, paid = session.execute(query.where(Order.purpose == purpose) if purpose else query).one()
    return Bought(int(ordered), int(paid))


def find_quota(session: Session, organization_id: UUID, year: int) -> Quota | None:
    """What the organisation declared for the year, or None."""
    return session.get(Quota, (organization_id, year))


def list_orders_of_request(session: Session, request: PurchaseRequest) -> Sequence[Order]:
    """The orders of a request in the order of its deliveries."""
    codes = [delivery.order_code for delivery in request.deliveries if delivery.order_code]
    orders = session.scalars(
        select(Order).where(Order.code.in_(codes)).options(selectinload(Order.sub_orders).selectinload(SubOrder.lines))
    ).all()
    return sorted(orders, key=lambda order: codes.index(order.code))


def list_acceptances(session: Session, request_id: UUID) -> Sequence[Acceptance]:
    """What inspectors found for a request, oldest first."""
    return session.scalars(select(Acceptance).where(Acceptance.request_id == request_id).order_by(Acceptance.id)).all()


def find_request_of_order(session: Session, order_code: str) -> PurchaseRequest | None:
    """The request an order was placed for, or None."""
    return session.scalar(select(PurchaseRequest).join(RequestDelivery).where(RequestDelivery.order_code == order_code))


def list_to_accept(session: Session, actor: Actor, limit: int = 100) -> list[tuple[Order, PurchaseRequest]]:
    """Delivered orders that wait for the actor's acceptance, the oldest first."""
    rows = session.execute(
        select(Order, PurchaseRequest)
        .join(RequestDelivery, RequestDelivery.order_code == Order.code)
        .join(PurchaseRequest, PurchaseRequest.id == RequestDelivery.request_id)
        .where(
            Order.state == OrderState.DELIVERED,
            PurchaseRequest.organization_id.in_(actor.organizations_with(Role.inspector)),
            PurchaseRequest.requester_id != actor.person_id,
        )
        .order_by(Order.delivered_at, Order.id)
        .limit(limit)
    ).all()
    return [(order, request) for order, request in rows]


def list_settlements(session: Session, request_id: UUID) -> Sequence[Settlement]:
    """What a request owes, seller by seller."""
    return session.scalars(
        select(Settlement)
        .where(Settlement.request_id == request_id)
        .options(selectinload(Settlement.parts))
        .order_by(Settlement.id)
    ).all()


def list_settlements_of(
    session: Session, organization_ids: Collection[UUID], *, state: SettlementState | None = None, limit: int = 100
) -> list[tuple[Settlement, PurchaseRequest]]:
    """Settlements of these organisations, the first due first."""
    query = (
        select(Settlement, PurchaseRequest)
        .join(PurchaseRequest, PurchaseRequest.id == Settlement.request_id)
        .where(PurchaseRequest.organization_id.in_(organization_ids))
        .order_by(Settlement.due_on, Settlement.id)
        .limit(limit)
    )
    rows = session.execute(query.where(Settlement.state == state) if state else query).all()
    return [(settlement, request) for settlement, request in rows]


def get_settlement(session: Session, code: str, actor: Actor) -> tuple[Settlement, PurchaseRequest]:
    """A settlement with its request, for its requester and the finance officers. Raises NotFound."""
    row = session.execute(
        select(Settlement, PurchaseRequest)
        .join(PurchaseRequest, PurchaseRequest.id == Settlement.request_id)
        .where(Settlement.code == code)
    ).first()
    if row is None or not (
        actor.has(Role.finance, row[1].organization_id)
        or (row[1].requester_id == actor.person_id and actor.has(Role.requester, row[1].organization_id))
    ):
        raise NotFound("没有这张结算单，请检查编号。")
    return row[0], row[1]
