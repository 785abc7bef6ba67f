"""What a buyer may claim about their own order: 坏果包赔 within 48 hours with a photo; a question about a parcel or a payment."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor
from kernel.errors import Conflict, Invalid, NotFound
from kernel.files import StoredFile
from shop.cases.handling import open_case
from shop.cases.models import Case, CaseSubject
from shop.cases.states import CaseKind, CaseState
from shop.orders.cancelling import lock_order
from shop.orders.models import Order, OrderLine
from shop.orders.queries import get_order

CLAIM_WITHIN = timedelta(hours=48)  # 坏果包赔: counted from the signature on delivery
ABOUT_ORDER = frozenset({CaseKind.AFTER_SALES, CaseKind.PARCEL, CaseKind.PAYMENT})


def is_own(order: Order, actor: Actor) -> bool:
    """Whether the actor bought it or belongs to the organisation that did."""
    if order.buyer_organization_id is not None:
        return order.buyer_organization_id in actor.roles
    return actor.person_id is not None and order.buyer_person_id == actor.person_id


def get_own_order(session: Session, actor: Actor, order_code: str) -> Order:
    """One's own order. Raises NotFound."""
    order = get_order(session, order_code)
    if not is_own(order, actor):
        raise NotFound("没有这张订单，请检查订单号。")
    return order


def get_own_line(session: Session, actor: Actor, order_code: str, line_code: str) -> tuple[Order, OrderLine]:
    """A line of one's own order. Raises NotFound."""
    order = get_own_order(session, actor, order_code)
    for line in order.lines:
        if line.code == line_code:
            return order, line
    raise NotFound("没有这张订单，请检查订单号。")


def in_time(order: Order, at: datetime) -> bool:
    """Whether damaged goods of this order can still be claimed at ``at``."""
    return order.delivered_at is not None and at <= order.delivered_at + CLAIM_WITHIN


def may_claim(session: Session, actor: Actor, order_code: str, line_code: str, *, at: datetime) -> bool:
    """Whether a claim about this line could be opened now, so that nothing is kept for one that cannot. Raises NotFound (not one's own)."""
    order, line = get_own_line(session, actor, order_code, line_code)
    return in_time(order, at) and find_claim(session, line.code) is None


def claim_damage(
    session: Session, actor: Actor, order_code: str, line_code: str, *, text: str, photo: StoredFile | None, at: datetime
) -> Case:
    """坏果包赔: claim that (part of) a line arrived spoiled or broken, with a photo.

    Raises NotFound (not one's own), Conflict (not delivered, after 48 hours, claimed already), Invalid (no photo, no words).
    """
    order, line = get_own_line(session, actor, order_code, line_code)
    lock_order(session, order.code)
    if not in_time(order, at):
        raise Conflict("坏损要在签收后 48 小时内申请。您仍可以新建一张工单说明情况。")
    if find_claim(session, line.code) is not None:
        raise Conflict("这件商品已经有一张售后工单在处理。请在那张工单里补充。")
    if photo is None:
        raise Invalid("请拍一张能看清坏损的照片。", field="photo")
    return open_case(session, actor, CaseKind.AFTER_SALES, subjects=[order.code, line.code], text=text, photo=photo, at=at)


def find_claim(session: Session, line_code: str) -> Case | None:
    """The claim about a line that is not closed, or None."""
    query = select(Case).join(CaseSubject, CaseSubject.case_id == Case.id).where(CaseSubject.code == line_code)
    return session.scalar(query.where(Case.kind == CaseKind.AFTER_SALES, Case.state != CaseState.CLOSED).limit(1))


def ask_about_order(session: Session, actor: Actor, order_code: str, kind: CaseKind, *, text: str, at: datetime) -> Case:
    """Ask about one's own order. Raises NotFound, Invalid."""
    order = get_own_order(session, actor, order_code)
    if kind not in ABOUT_ORDER:
        raise Invalid("请选择问题的类型。", field="kind")
    return open_case(session, actor, kind, subjects=[order.code], text=text, at=at)
