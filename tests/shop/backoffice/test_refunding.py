"""Small refunds at once, larger ones by two people; each guard off must let through what it holds back."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.backoffice import refunding
from shop.backoffice.models import AuditEntry, ProposalState, RefundProposal
from shop.payments.models import Refund
from tests.factories.catalog import AT, make_actor
from tests.factories.payments import make_captured
from tests.shop.backoffice.paid import Paid


@pytest.fixture
def paid(session: Session) -> Paid:
    return Paid(session)


def propose(session: Session, paid: Paid, fen: int, actor: Actor | None = None, **over: str) -> RefundProposal:
    values = {"payment_code": paid.payment.code, "reason": "坏了两盒。"} | over
    return refunding.propose_refund(session, actor or paid.first, paid.order.code, amount=Money(fen), at=AT, **values)


def asked(session: Session) -> list[int]:
    return list(session.scalars(select(Refund.amount_fen).order_by(Refund.id)))


def test_a_small_refund_goes_at_once_and_is_recorded(session: Session, paid: Paid) -> None:
    proposal = propose(session, paid, 50_000)
    assert (proposal.state, asked(session)) == (ProposalState.AGREED, [50_000])
    whats = list(session.scalars(select(AuditEntry.what).where(AuditEntry.subject == paid.order.code).order_by(AuditEntry.id)))
    assert whats == ["refund.proposed", "refund.agreed"]


def test_a_large_refund_waits_for_somebody_else(session: Session, paid: Paid) -> None:
    proposal = propose(session, paid, 50_001)
    assert (proposal.state, asked(session)) == (ProposalState.WAITING, [])
    with pytest.raises(Forbidden):
        refunding.decide_refund(session, paid.first, proposal.code, agree=True, at=AT)
    refunding.decide_refund(session, paid.second, proposal.code, agree=True, at=AT)
    assert (proposal.state, asked(session)) == (ProposalState.AGREED, [50_001])
    with pytest.raises(Conflict):
        refunding.decide_refund(session, paid.second, proposal.code, agree=True, at=AT)


def test_cutting_a_large_refund_into_small_ones_does_not_help(
    session: Session, paid: Paid, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert propose(session, paid, 30_000).state is ProposalState.AGREED
    assert propose(session, paid, 30_000).state is ProposalState.WAITING
    monkeypatch.setattr(refunding, "needs_second_person", lambda *_: False)
    assert propose(session, paid, 30_000).state is ProposalState.AGREED


def test_the_database_holds_two_people_when_code_forgets(session: Session, paid: Paid, monkeypatch: pytest.MonkeyPatch) -> None:
    proposal = propose(session, paid, 60_000)
    monkeypatch.setattr(refunding, "is_second", lambda *_: True)
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        refunding.decide_refund(session, paid.first, proposal.code, agree=True, at=AT)
    session.connection().exec_driver_sql(
        "ALTER TABLE backoffice_refund_proposal DROP CONSTRAINT ck_backoffice_refund_proposal_two_people"
    )
    session.expire_all()
    refunding.decide_refund(session, paid.first, proposal.code, agree=True, at=AT)
    assert asked(session) == [60_000]


def test_refused_pays_nothing(session: Session, paid: Paid) -> None:
    proposal = propose(session, paid, 60_000)
    refunding.decide_refund(session, paid.second, proposal.code, agree=False, at=AT)
    assert (proposal.state, asked(session)) == (ProposalState.REFUSED, [])


def test_bounds(session: Session, paid: Paid) -> None:
    for fen, over, error in (
        (0, {}, Invalid),
        (100, {"reason": " "}, Invalid),
        (paid.payment.captured_fen + 1, {}, Conflict),
        (100, {"payment_code": make_captured(session).code}, NotFound),
    ):
        with pytest.raises(error):
            propose(session, paid, fen, **over)
    for actor in (paid.buyer, make_actor(session, Role.auditor)):
        with pytest.raises(Forbidden):
            propose(session, paid, 100, actor)
    assert asked(session) == []
