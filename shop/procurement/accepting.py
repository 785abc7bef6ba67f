"""Acceptance (验收): an inspector records boxes and weight received; what was not kept goes back to the budget, the rest is owed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, NotFound
from kernel.ids import new_code
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from shop.orders.following import Received, accept_goods
from shop.orders.models import Order, OrderDelivered
from shop.orders.states import OrderState
from shop.procurement import budgeting, policy
from shop.procurement.guarding import lock_visible, note_act, people_with, tell
from shop.procurement.models.requests import PurchaseRequest
from shop.procurement.models.settlements import Acceptance
from shop.procurement.queries import find_request_of_order, list_orders_of_request, list_steps
from shop.procurement.settling import open_settlements
from shop.procurement.states import RequestState

DONE = (OrderState.ACCEPTED, OrderState.COMPLETED, OrderState.CANCELLED)


def accept_order(
    session: Session, actor: Actor, code: str, order_code: str, received: Mapping[str, Received], *, note: str = "", at: datetime
) -> Acceptance:
    """Accept one order of a request, line by line. Raises NotFound, Forbidden (asked or approved it), Invalid, Conflict."""
    request = lock_visible(session, actor, code)
    _check_duty(session, actor, request)
    if order_code not in {delivery.order_code for delivery in request.deliveries}:
        raise NotFound("这份申请里没有这张订单。")
    acceptance = _accept(session, actor, request, order_code, received, note, at=at)
    finish_if_done(session, request, at=at)
    return acceptance


def accept_delivered(session: Session, actor: Actor, code: str, *, at: datetime) -> int:
    """Accept in full every order of a request that was signed for (gifts, checked by their recipients); returns how many.

    Raises NotFound, Forbidden, Conflict when none is waiting.
    """
    request = lock_visible(session, actor, code)
    _check_duty(session, actor, request)
    waiting = [order for order in list_orders_of_request(session, request) if order.state is OrderState.DELIVERED]
    if not waiting:
        raise Conflict("现在没有已签收、等验收的订单。")
    for order in waiting:
        whole = {line.code: Received(line.quantity, Quantity(line.quantity, Unit.BOX)) for line in order.lines}  # type: ignore[arg-type]
        _accept(session, actor, request, order.code, whole, "", at=at)
    finish_if_done(session, request, at=at)
    return len(waiting)


def ask_inspectors(session: Session, event: OrderDelivered) -> None:
    """Reaction: an order of a request arrived; its inspectors are told."""
    request = find_request_of_order(session, event.order_code)
    if request is not None:
        people = people_with(session, request, Role.inspector)
        params = {"order": event.order_code, "request": request.code}
        key = f"{event.order_code}:arrived"
        tell(session, people, "goods_to_accept", key, params, at=event.at, order_code=event.order_code)


def _check_duty(session: Session, actor: Actor, request: PurchaseRequest) -> None:
    policy.check_inspector(
        actor.person_id,
        actor.roles.get(request.organization_id, frozenset()),
        requester_id=request.requester_id,
        approvers=[step.decided_by for step in list_steps(session, request) if step.decided_by is not None],
    )


def _accept(
    session: Session,
    actor: Actor,
    request: PurchaseRequest,
    order_code: str,
    received: Mapping[str, Received],
    note: str,
    *,
    at: datetime,
) -> Acceptance:
    order = accept_goods(session, actor, order_code, received)
    assert actor.person_id is not None
    acceptance = Acceptance(
        code=new_code("ACC"),
        request_id=request.id,
        order_code=order.code,
        inspector_id=actor.person_id,
        inspector=actor.name,
        found=[
            {
                "line": line.code,
                "name": line.name,
                "ordered": line.quantity,
                "boxes": received[line.code].boxes,
                "amount": str(received[line.code].weighed.amount),
                "unit": received[line.code].weighed.unit.value,
            }
            for line in order.lines
        ],
        note=note.strip()[:300],
        at=at,
    )
    session.add(acceptance)
    session.flush()
    budgeting.give_back(session, request, not_kept(order).minor, f"{order.code}:not_accepted", at=at)
    note_act(session, request, "accepted", actor, at=at, note=order.code)
    return acceptance


def not_kept(order: Order) -> Money:
    """What was ordered and is not owed, since it was not accepted."""
    return Money(order.total_fen - sum(part.payable_fen for part in order.sub_orders))


def finish_if_done(session: Session, request: PurchaseRequest, *, at: datetime) -> None:
    """Once every order is accepted or cancelled, work out what is owed to whom; a request with nothing owed ends."""
    orders = list_orders_of_request(session, request)
    if request.state is not RequestState.ORDERED or any(order.state not in DONE for order in orders):
        return
    kept = [order for order in orders if order.state is not OrderState.CANCELLED]
    if not kept:
        request.move(RequestState.CANCELLED)
        return
    request.move(RequestState.ACCEPTED)
    if not open_settlements(session, request, kept, at=at):
        request.move(RequestState.SETTLED)
