"""Write a review of something received; hide one with a reason, or show it again. Nothing is deleted."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from shop.orders.cancelling import lock_order
from shop.orders.models import Order, OrderLine, SubOrder
from shop.orders.states import OrderState
from shop.reviews.models import LONGEST, Review, ReviewState

RECEIVED = frozenset({OrderState.DELIVERED, OrderState.ACCEPTED, OrderState.COMPLETED})


def is_own(order: Order, actor: Actor) -> bool:
    """Whether the actor bought it, or belongs to the organisation that did. Staff did not, so they may not review."""
    if order.buyer_organization_id is not None:
        return order.buyer_organization_id in actor.roles
    return actor.person_id is not None and order.buyer_person_id == actor.person_id


def is_received(order: Order) -> bool:
    """Whether the goods have arrived."""
    return order.state in RECEIVED


def find_bought_line(session: Session, actor: Actor, line_code: str) -> tuple[Order, OrderLine]:
    """The line with its order, when it is the actor's own. Raises NotFound: whose order it is, is nobody's business."""
    query = (
        select(Order, OrderLine).join(SubOrder, SubOrder.id == OrderLine.sub_order_id).join(Order, Order.id == SubOrder.order_id)
    )
    row = session.execute(query.where(OrderLine.code == line_code)).first()
    if row is None or not is_own(row[0], actor):
        raise NotFound("没有这件商品的订单，请从“我的订单”进入。")
    return row[0], row[1]


def write_review(session: Session, actor: Actor, line_code: str, *, stars: int | None, text: str, at: datetime) -> Review:
    """Say something about a line of one's own order. Raises NotFound (not one's own), Conflict (not received, said before), Invalid."""
    order, line = find_bought_line(session, actor, line_code)
    order = lock_order(session, order.code)
    if not is_received(order):
        raise Conflict("签收以后才能评价。")
    words = text.strip()
    errors = []
    if stars is None or not 1 <= stars <= 5:
        errors.append(FieldError("stars", "请选择 1 到 5 星。"))
    if not 1 <= len(words) <= LONGEST:
        errors.append(FieldError("text", "请写几句话，最多 %(most)s 个字。", {"most": LONGEST}))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    if session.scalar(select(Review.id).where(Review.line_id == line.id)) is not None:
        raise Conflict("这件商品您已经评价过了。")
    assert actor.person_id is not None
    review = Review(
        line_id=line.id, line_code=line.code, product_id=line.product_id, person_id=actor.person_id, stars=stars, text=words,
        written_at=at,
    )  # fmt: skip
    session.add(review)
    session.flush()
    return review


def hide_review(session: Session, actor: Actor, review_id: UUID, reason: str) -> Review:
    """Take a review from strangers' eyes; its words stay. Raises Forbidden, NotFound, Invalid (no reason)."""
    actor.must(Role.operator)
    review = _lock(session, review_id)
    if not reason.strip():
        raise Invalid("请写明隐藏的原因。", field="reason")
    review.state, review.hidden_reason, review.hidden_by = ReviewState.HIDDEN, reason.strip()[:200], actor.label
    return review


def show_review(session: Session, actor: Actor, review_id: UUID) -> Review:
    """Show a hidden review again. Raises Forbidden, NotFound."""
    actor.must(Role.operator)
    review = _lock(session, review_id)
    review.state, review.hidden_reason, review.hidden_by = ReviewState.SHOWN, None, None
    return review


def _lock(session: Session, review_id: UUID) -> Review:
    review = session.get(Review, review_id, with_for_update=True, populate_existing=True)
    if review is None:
        raise NotFound("没有这条评价。")
    return review
