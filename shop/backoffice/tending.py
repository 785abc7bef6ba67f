"""Small acts of the back office on other rooms' rows, each with its record: parked news, reviews, the contact of an order."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel import outbox
from kernel.errors import Invalid, NotFound
from shop.backoffice import auditing
from shop.cases.models import Case
from shop.cases.queries import get_case
from shop.orders.models import Order
from shop.orders.queries import get_order
from shop.reviews import reviewing
from shop.reviews.models import Review


def retry_parked(session: Session, actor: Actor, row_id: UUID, *, at: datetime) -> None:
    """Give a parked reaction a fresh set of tries. Raises Forbidden, NotFound when it is not parked."""
    actor.must(Role.operator)
    row = session.get(outbox.OutboxRow, row_id, with_for_update=True, populate_existing=True)
    if row is None or row.state is not outbox.Delivery.PARKED:
        raise NotFound("这条事件没有停下，或已经处理。")
    tries = row.tries
    outbox.retry_parked(session, row_id)
    after = {"state": "pending", "event": row.event, "reaction": row.reaction}
    auditing.note(session, actor, "outbox.retried", str(row_id), {"state": "parked", "tries": tries}, after, at)


def moderate_review(session: Session, actor: Actor, review_id: UUID, *, reason: str | None, at: datetime) -> Review:
    """Hide a review with a reason, or show it again (None). Raises Forbidden, NotFound, Invalid."""
    hide = reason is not None
    review = (
        reviewing.hide_review(session, actor, review_id, reason)
        if reason is not None
        else reviewing.show_review(session, actor, review_id)
    )
    what, before = ("review.hidden", "shown") if hide else ("review.shown", "hidden")
    auditing.note(session, actor, what, review.line_code, {"state": before}, {"state": review.state.value, "reason": reason}, at)
    return review


def open_case_contact(session: Session, actor: Actor, case_code: str, reason: str, *, at: datetime) -> Case:
    """Note that somebody looks at how the reporter of a case is reached, and why. Raises Forbidden, NotFound, Invalid (no reason)."""
    actor.must(Role.operator)
    if not reason.strip():
        raise Invalid("请写明为什么要看收货人信息。", field="reason")
    case = get_case(session, case_code, actor)
    auditing.note(session, actor, "contact.opened", case.code, {}, {"reason": reason.strip()[:200]}, at)
    return case


def open_contact(session: Session, actor: Actor, order_code: str, reason: str, *, at: datetime) -> Order:
    """Note that somebody looks at who receives an order, and why. Raises Forbidden, NotFound, Invalid (no reason)."""
    actor.must(Role.operator)
    if not reason.strip():
        raise Invalid("请写明为什么要看收货人信息。", field="reason")
    order = get_order(session, order_code)
    auditing.note(session, actor, "contact.opened", order.code, {}, {"reason": reason.strip()[:200]}, at)
    return order
