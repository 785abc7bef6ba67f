"""Everything the page of a request shows, gathered once: what the reader may do now comes from the same rules the acts check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Person, Role
from catalog.parties.queries import get_organization, map_organizations
from kernel.clock import today_shanghai
from shop.invoices.models import InvoiceRequest
from shop.invoices.queries import list_invoices_of
from shop.orders.models import Order
from shop.orders.states import STATES as ORDER_STATES
from shop.orders.states import OrderState
from shop.procurement import queries
from shop.procurement.drafting import EDITABLE, RESERVING
from shop.procurement.models.budgets import Budget, Channel
from shop.procurement.models.requests import ApprovalStep, HistoryEntry, PurchaseRequest
from shop.procurement.models.settlements import Acceptance, Settlement
from shop.procurement.states import RequestState

WAY_LABELS = ("填写", "审批", "下单", "验收", "结清")
_PLACE = {
    RequestState.DRAFT: 0,
    RequestState.REFUSED: 0,
    RequestState.CANCELLED: 0,
    RequestState.SUBMITTED: 1,
    RequestState.APPROVED: 2,
    RequestState.ORDERED: 3,
    RequestState.ACCEPTED: 4,
    RequestState.SETTLED: 5,
}


@dataclass(frozen=True)
class ShownRequest:
    """A request with all that belongs to it. ``place`` is where it stands on ``WAY_LABELS``."""

    organization: Organization
    people: Mapping[UUID, str]
    sellers: Mapping[UUID, Organization]
    steps: Sequence[ApprovalStep]
    budget: Budget | None
    channel: Channel | None
    orders: Mapping[str, Order]
    acceptances: Mapping[str, Acceptance]
    settlements: Sequence[Settlement]
    invoices: Mapping[str, InvoiceRequest]
    history: Sequence[HistoryEntry]
    place: int
    may_edit: bool
    may_submit: bool
    may_withdraw: bool
    may_order: bool
    may_decide: bool
    may_accept: bool
    may_settle: bool

    def order_state(self, code: str | None) -> str:
        """The msgid of an order's state; empty without an order."""
        order = self.orders.get(code or "")
        return ORDER_STATES.label(order.state) if order is not None else ""

    @property
    def arrived(self) -> list[Order]:
        """Orders that were signed for and wait for acceptance."""
        return [order for order in self.orders.values() if order.state is OrderState.DELIVERED]


def show_request(session: Session, request: PurchaseRequest, actor: Actor, at: datetime) -> ShownRequest:
    """Gather what ``actor`` sees of ``request``, in a fixed number of queries."""
    steps = queries.list_steps(session, request)
    settlements = queries.list_settlements(session, request.id)
    orders = {order.code: order for order in queries.list_orders_of_request(session, request)}
    own = request.requester_id == actor.person_id and actor.has(Role.requester, request.organization_id)
    deciders = {step.decided_by for step in steps if step.decided_by is not None}
    invoices = list_invoices_of(session, [settlement.code for settlement in settlements])
    sellers = {line.seller_id for delivery in request.deliveries for line in delivery.lines}
    return ShownRequest(
        organization=get_organization(session, request.organization_id),
        people=_names(session, {request.requester_id, *deciders}),
        sellers=map_organizations(session, sellers | {settlement.seller_id for settlement in settlements}),
        steps=steps,
        budget=queries.find_budget(session, request.organization_id, request.year, request.purpose),
        channel=queries.find_channel(session, request.organization_id, today_shanghai(at)),
        orders=orders,
        acceptances={row.order_code: row for row in queries.list_acceptances(session, request.id)},
        settlements=settlements,
        invoices={invoice.subject_code: invoice for invoice in invoices},
        history=queries.list_history(session, request.id),
        place=_PLACE[request.state],
        may_edit=own and request.state in EDITABLE,
        may_submit=own and request.state in (RequestState.DRAFT, RequestState.REFUSED) and bool(request.deliveries),
        may_withdraw=own and request.state in RESERVING,
        may_order=own and request.state is RequestState.APPROVED,
        may_decide=queries.may_decide(request, steps, actor),
        may_accept=actor.has(Role.inspector, request.organization_id)
        and actor.person_id not in {request.requester_id, *deciders}
        and request.state is RequestState.ORDERED,
        may_settle=own or actor.has(Role.finance, request.organization_id),
    )


def _names(session: Session, person_ids: set[UUID]) -> dict[UUID, str]:
    return {row.id: row.name for row in session.execute(select(Person.id, Person.name).where(Person.id.in_(person_ids)))}
