"""What happens by itself is on the one list of cases, once, with its due time."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel import outbox
from kernel.ids import uuid7
from kernel.money import Money
from logistics.shipments.events import ShipmentReturned, ShipmentTroubled
from shop import wiring
from shop.cases import following
from shop.cases.following import close_corrected, open_disputed, open_failed_refund, open_returned, open_troubled
from shop.cases.handling import close_case
from shop.cases.models import Case
from shop.cases.queries import list_subjects
from shop.cases.states import ANSWER_WITHIN, CaseKind, CaseState
from shop.invoices.models import InvoiceCorrected
from shop.payments.models import PaymentDisputed, RefundFailed
from shop.payments.paying import note_read
from shop.payments.refunding import claim_refund, note_refused, request_refund
from tests.factories.catalog import AT, SYSTEM
from tests.factories.payments import make_captured, make_open, truth_of

NEWS = [
    (open_troubled, ShipmentTroubled("ORD-1", "SHP-1", AT), CaseKind.PARCEL, "SHP-1"),
    (open_returned, ShipmentReturned("ORD-1", "SHP-1", AT), CaseKind.PARCEL, "SHP-1"),
    (open_failed_refund, RefundFailed(uuid7(), "PAY-1", "ORD-1-1", 500, "charge_disputed", AT), CaseKind.PAYMENT, "PAY-1"),
    (open_disputed, PaymentDisputed("PAY-1", "ORD-1-1", 12_800, AT), CaseKind.PAYMENT, "PAY-1"),
]


@pytest.mark.parametrize(("react", "event", "kind", "subject"), NEWS)
def test_a_case_is_opened_once(session: Session, react: object, event: outbox.Event, kind: CaseKind, subject: str) -> None:
    for _ in range(2):
        react(session, event)  # type: ignore[operator]
    case = session.scalars(select(Case)).one()
    assert (case.kind, case.state, case.due_at, case.opened_by) == (kind, CaseState.OPEN, AT + ANSWER_WITHIN[kind], None)
    assert subject in list_subjects(session, case.id)
    close_case(session, SYSTEM, case.code, "已处理。", at=AT)
    react(session, event)  # type: ignore[operator]
    assert len(session.scalars(select(Case)).all()) == 2, "it happened again"


def test_without_looking_for_it_there_would_be_two(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(following, "find_open", lambda *_: None)
    for _ in range(2):
        open_disputed(session, PaymentDisputed("PAY-1", "ORD-1-1", 12_800, AT))
    assert len(session.scalars(select(Case)).all()) == 2


def test_a_correction_nobody_asked_for_closes_nothing(session: Session) -> None:
    close_corrected(session, InvoiceCorrected("KP-1", "26112000000012345678", AT))
    assert session.scalars(select(Case)).all() == []


def test_payments_tell_of_disputes_and_of_refunds_that_failed(session: Session) -> None:
    wiring.register()
    payment = make_open(session)
    later = AT + timedelta(minutes=1)
    for at, disputed in ((AT, 0), (later, 10_000), (later, 10_000)):
        note_read(session, payment.id, truth_of(payment, captured=10_000, disputed_fen=disputed), at=at)
    refused = make_captured(session)
    refund = request_refund(session, "x", refused.id, Money(500), "坏了", "key", AT)
    claim_refund(session, refund.id, at=AT)
    note_refused(session, refund.id, "charge_disputed", at=AT)
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    cases = session.scalars(select(Case).order_by(Case.id)).all()
    assert [case.kind for case in cases] == [CaseKind.PAYMENT] * 2
    told = {code for case in cases for code in list_subjects(session, case.id)}
    assert told == {payment.code, payment.order_code, refused.code, refused.order_code}
