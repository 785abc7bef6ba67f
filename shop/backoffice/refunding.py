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
from shop.cases.queries import ReturnedLine
from shop.cases.returning import check_received, finish_return
from shop.orders.cancelling import lock_order
from shop.payments import paying
from shop.payments.models import Payment
from shop.payments.queries import get_payment, list_payments_of

ALONE_UP_TO = Money(50_000)  # what one operator may give back on one order: ¥500.00


def propose_refund(
    session: Session,
    actor: Actor,
    order_code: str,
    payment_code: str,
    amount: Money,
    reason: str,
    *,
    at: datetime,
    case_code: str | None = None,
) -> RefundProposal:
    """Give part of a payment back, or propose it when it takes a second person. ``case_code`` names the return it is for.

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
        code=new_code("RFD"), order_code=order.code, case_code=case_code, payment_id=payment.id, amount_fen=amount.minor,
        reason=reason.strip()[:500],
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


def refund_return(session: Session, actor: Actor, case_code: str, *, at: datetime) -> list[RefundProposal]:
    """Give back what is owed for the boxes of a return that came, from the payments of their seller's part, oldest first.

    What takes a second person waits for one; the return ends when all of it was agreed. Raises Forbidden, NotFound,
    Conflict (not come, paid or proposed before, or less is left of the payments).
    """
    actor.must(Role.operator)
    owed = check_received(session, case_code)
    left, part = owed.returned.amount_fen or 0, owed.line.sub_order
    left -= sum_proposed(session, case_code, ProposalState.WAITING, ProposalState.AGREED)
    payments = list_payments_of(session, [part.code])
    if left > sum(payment.refundable_fen for payment in payments):
        raise Conflict("这部分订单剩下可退的钱不够退这几件，请先核对以前的退款。")
    if left <= 0 and sum_proposed(session, case_code, ProposalState.WAITING):
        raise Conflict("这次退货的退款已经提出，等另一位运营人员复核。")
    made = []
    for payment in payments:
        if (amount := min(left, payment.refundable_fen)) > 0:
            reason = f"七天无理由退货 {case_code}"
            made.append(
                propose_refund(session, actor, part.order.code, payment.code, Money(amount), reason, at=at, case_code=case_code)
            )
            left -= amount
    _finish_when_paid(session, actor, owed, at)
    return made


def sum_proposed(session: Session, case_code: str, *states: ProposalState) -> int:
    """Fen proposed for a return in any of these states."""
    total = select(func.coalesce(func.sum(RefundProposal.amount_fen), 0))
    return int(session.scalar(total.where(RefundProposal.case_code == case_code, RefundProposal.state.in_(states))) or 0)


def _finish_when_paid(session: Session, actor: Actor, owed: ReturnedLine, at: datetime) -> None:
    if sum_proposed(session, owed.case.code, ProposalState.AGREED) >= (owed.returned.amount_fen or 0):
        finish_return(session, actor, owed.case.code, at=at)


def needs_second_person(session: Session, order_code: str, amount: Money) -> bool:
    """Whether what was given back on the order without a second person would pass the limit."""
    alone = select(func.coalesce(func.sum(RefundProposal.amount_fen), 0)).where(
        RefundProposal.order_code == order_code, RefundProposal.needs_second.is_(False)
    )
    return int(session.scalar(alone) or 0) + amount.minor > ALONE_UP_TO.minor


def decide_refund(session: Session, actor: Actor, code: str, *, agree: bool, at: datetime) -> RefundProposal:
    """The second person agrees or refuses. Raises NotFound, Forbidden (the same person), Conflict (decided, or too much by now)."""
    actor.must(Role.operator)
    query = select(RefundProposal).where(RefundProposal.code == code)
    order_code = session.scalar(select(RefundProposal.order_code).where(RefundProposal.code == code))
    if order_code is None:
        raise NotFound("没有这张退款单。")
    lock_order(session, order_code)  # before the payment, and before the return it may be for
    proposal = session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()
    if not is_second(proposal, actor):
        raise Forbidden("这笔退款超过限额，要由另一位运营人员复核。")
    if proposal.state is not ProposalState.WAITING:
        raise Conflict("这张退款单已经处理过了。")
    proposal.decided_by, proposal.decided_at = actor.person_id, at
    if agree:
        owed = check_received(session, proposal.case_code) if proposal.case_code else None
        _pay_back(session, actor, proposal, session.get_one(Payment, proposal.payment_id), at)
        if owed is not None:
            _finish_when_paid(session, actor, owed, at)
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
