"""Refunds by staff: small ones at once, larger ones when a second operator agrees.

Small refunds of one order are counted together, so a large one cannot be cut into small ones.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import new_code
from kernel.money import Money
from shop.backoffice import auditing
from shop.backoffice.models import ProposalState, RefundProposal
from shop.orders.cancelling import lock_order
from shop.payments import paying
from shop.payments.models import Payment
from shop.payments.queries import get_payment

ALONE_UP_TO = Money(50_000)  # what one operator may give back on one order: ¥500.00


def propose_refund(
    session: Session, actor: Actor, order_code: str, payment_code: str, amount: Money, reason: str, *, at: datetime
) -> RefundProposal:
    """Give part of a payment back, or propose it when it takes a second person.

    Raises Forbidden, NotFound, Invalid (amount, reason), Conflict (more than is left of the payment).
    """
    actor.must(Role.operator)
    assert actor.person_id is not None
    order = lock_order(session, order_code)
    payment = get_payment(session, payment_code)
    if payment.order_code not in {part.code for part in order.sub_orders}:
        raise NotFound("没有这笔付款，请检查编号。")
    if amount.minor <= 0:
        raise Invalid("退款金额要大于 0。", field="amount")
    if not reason.strip():
        raise Invalid("请写明退款原因。", field="reason")
    if amount.minor > payment.refundable_fen:
        raise Conflict("最多还能退 %(left)s，请减少退款金额。", params={"left": Money(payment.refundable_fen)}, field="amount")
    proposal = RefundProposal(
        code=new_code("RFD"), order_code=order.code, payment_id=payment.id, amount_fen=amount.minor, reason=reason.strip()[:500],
        needs_second=needs_second_person(session, order.code, amount), state=ProposalState.WAITING, proposed_by=actor.person_id,
        proposed_at=at,
    )  # fmt: skip
    session.add(proposal)
    session.flush()
    auditing.note(
        session, actor, "refund.proposed", order.code, {}, {"refund": proposal.code, "amount_fen": proposal.amount_fen}, at
    )
    if not proposal.needs_second:
        _pay_back(session, actor, proposal, payment, at)
    return proposal


def needs_second_person(session: Session, order_code: str, amount: Money) -> bool:
    """Whether what was given back on the order without a second person would pass the limit."""
    alone = select(func.coalesce(func.sum(RefundProposal.amount_fen), 0)).where(
        RefundProposal.order_code == order_code, RefundProposal.needs_second.is_(False)
    )
    return int(session.scalar(alone) or 0) + amount.minor > ALONE_UP_TO.minor


def decide_refund(session: Session, actor: Actor, code: str, *, agree: bool, at: datetime) -> RefundProposal:
    """The second person agrees or refuses. Raises NotFound, Forbidden (the same person), Conflict (decided, or too much by now)."""
    actor.must(Role.operator)
    query = select(RefundProposal).where(RefundProposal.code == code).with_for_update()
    proposal = session.scalar(query.execution_options(populate_existing=True))
    if proposal is None:
        raise NotFound("没有这张退款单。")
    if not is_second(proposal, actor):
        raise Forbidden("这笔退款超过限额，要由另一位运营人员复核。")
    if proposal.state is not ProposalState.WAITING:
        raise Conflict("这张退款单已经处理过了。")
    proposal.decided_by, proposal.decided_at = actor.person_id, at
    if agree:
        _pay_back(session, actor, proposal, session.get_one(Payment, proposal.payment_id), at)
    else:
        proposal.state = ProposalState.REFUSED
        session.flush()
        auditing.note(
            session, actor, "refund.refused", proposal.order_code, {"refund": code, "state": "waiting"}, {"state": "refused"}, at
        )
    return proposal


def is_second(proposal: RefundProposal, actor: Actor) -> bool:
    """Whether the actor is somebody else than the one who proposed it."""
    return actor.person_id is not None and actor.person_id != proposal.proposed_by


def _pay_back(session: Session, actor: Actor, proposal: RefundProposal, payment: Payment, at: datetime) -> None:
    proposal.state = ProposalState.AGREED
    session.flush()
    before = payment.refunded_fen
    paying.request_refund(
        session, actor.label, payment.id, Money(proposal.amount_fen), proposal.reason, f"backoffice:{proposal.code}", at
    )
    after = {"payment": payment.code, "refunded_fen": before + proposal.amount_fen}
    auditing.note(
        session, actor, "refund.agreed", proposal.order_code, {"payment": payment.code, "refunded_fen": before}, after, at
    )
