"""Turn an approved request into orders on terms (先货后款): one an address, all of them or none, once however often it is asked."""

from __future__ import annotations

import enum
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor
from catalog.parties.queries import get_actor
from catalog.products.models import Product
from kernel.errors import Conflict, Problem
from kernel.money import Money
from logistics.stock import guarding as shelf
from logistics.stock.models import StockLot
from shop.orders.cancelling import confirm_on_terms
from shop.orders.models import Order, OrderClosed
from shop.orders.placing import OrderDraft, place_order
from shop.procurement import budgeting
from shop.procurement.accepting import finish_if_done
from shop.procurement.drafting import refresh_quote, take_back
from shop.procurement.guarding import content_of, lock_own, lock_request, note_act, tell
from shop.procurement.models.requests import PurchaseRequest, RequestApproved, RequestDelivery
from shop.procurement.queries import find_request_of_order, list_steps
from shop.procurement.states import RequestState, StepState


class Placed(enum.StrEnum):
    """What came of it: ordered (now or before), or the approval was void because content or prices are no longer those approved."""

    ORDERED = "ordered"
    VOIDED = "voided"


def place_approved(session: Session, event: RequestApproved) -> None:
    """Reaction: place the orders; when that cannot be done (short stock, papers), keep the approval and say why."""
    request = lock_request(session, event.request_code)
    if request.state is not RequestState.APPROVED or request.round != event.round:
        return
    try:
        with session.begin_nested():
            place_orders(session, SYSTEM, request, at=event.at)
    except Problem as problem:
        session.refresh(request)
        request.trouble = {"message": problem.message, "params": {key: str(value) for key, value in problem.params.items()}}
        note_act(session, request, "not_ordered", SYSTEM, at=event.at)
        key = f"{request.code}:{request.round}:trouble"
        tell(session, [request.requester_id], "request_not_ordered", key, {"request": request.code}, at=event.at)


def order_again(session: Session, actor: Actor, code: str, *, at: datetime) -> Placed:
    """The requester asks for the orders of an approved request (after the reaction could not). Raises NotFound, Conflict, OutOfStock."""
    return place_orders(session, actor, lock_own(session, actor, code), at=at)


def place_orders(session: Session, actor: Actor, request: PurchaseRequest, *, at: datetime) -> Placed:
    """Order what was approved, for the locked ``request``. Raises Conflict (not approved, short stock, papers); then nothing is written."""
    if request.state is RequestState.ORDERED:
        return Placed.ORDERED
    if request.state is not RequestState.APPROVED:
        raise Conflict("这份申请还没有批准，不能下单。")
    if not still_approved(session, request) or refresh_quote(session, request, at=at):
        take_back(session, request, actor, at=at)
        params = {"request": request.code, "amount": Money(request.total_fen).format()}
        tell(session, [request.requester_id], "approval_voided", f"{request.code}:{request.round}:voided", params, at=at)
        return Placed.VOIDED
    _lock_shelf(session, request)
    buyer = get_actor(session, request.requester_id)
    for delivery in request.deliveries:
        order = _place(session, buyer, request, delivery, at=at)
        delivery.order_code = order.code
        budgeting.commit(session, request, order.total_fen, order.code, at=at)
    request.move(RequestState.ORDERED)
    request.trouble = None
    note_act(session, request, "ordered", actor, at=at)
    return Placed.ORDERED


def still_approved(session: Session, request: PurchaseRequest) -> bool:
    """Whether every approval of this round was given for exactly what the rows say now."""
    now = content_of(request)
    steps = list_steps(session, request)
    return bool(steps) and all(step.state is StepState.APPROVED and step.content_hash == now for step in steps)


def _lock_shelf(session: Session, request: PurchaseRequest) -> None:
    """Lock the stock rows of all deliveries at once, in key order: order by order, two requests could wait for each other."""
    skus = {line.sku for delivery in request.deliveries for line in delivery.lines}
    shelf.lock_stock(session, StockLot.product_id.in_(select(Product.id).where(Product.sku.in_(skus))))


def _place(session: Session, buyer: Actor, request: PurchaseRequest, delivery: RequestDelivery, *, at: datetime) -> Order:
    draft = OrderDraft(
        lines={line.sku: line.boxes for line in delivery.lines},
        address={key: str(value) for key, value in delivery.address.items()},
        checkout_key=f"{request.code}:{request.round}:{delivery.position}",
        expected_total=Money(delivery.total_fen),
        purpose=request.purpose,
        buyer_organization_id=request.organization_id,
        on_terms=True,
        reference=request.code,
    )
    order = place_order(session, buyer, draft, at=at)
    # The approvals are the confirmation: whoever placed it need not still be a requester.
    return confirm_on_terms(session, SYSTEM, order.code, at=at)


def return_closed(session: Session, event: OrderClosed) -> None:
    """Reaction: a cancelled order gives its money back to the budget; the last one ends the request."""
    request = find_request_of_order(session, event.order_code)
    if request is None:
        return
    request = lock_request(session, request.code)
    delivery = next(each for each in request.deliveries if each.order_code == event.order_code)
    budgeting.give_back(session, request, delivery.total_fen, f"{event.order_code}:closed", at=event.at)
    note_act(session, request, "order_closed", SYSTEM, at=event.at, note=event.order_code)
    finish_if_done(session, request, at=event.at)
