"""One open payment a sub-order; every fen captured once, however often and in whatever order the provider is read."""

from __future__ import annotations

import threading
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, true
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import OrganizationKind
from kernel import outbox
from kernel.db import work
from kernel.errors import Conflict, Invalid
from kernel.money import Money
from shop.payments import paying, reconciling
from shop.payments.gateway import ProviderPayment, ProviderStatus, Redirect
from shop.payments.models import Payment, PaymentCaptured, Provider
from shop.payments.paying import (
    claim_payment,
    note_opened,
    note_read,
    note_refused,
    pay_online_instead,
    start_payment,
    stop_payments,
)
from shop.payments.states import PaymentState
from tests.factories.catalog import AT, make_organization
from tests.factories.payments import make_captured, make_open, make_payment, new_order_code, together, truth_of

LATER = AT + timedelta(minutes=3)


def captures(session: Session) -> list[int]:
    """Amounts of the capture news written so far."""
    session.flush()
    rows = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == PaymentCaptured.__name__)).all()
    return [row.body["amount_fen"] for row in rows]


@pytest.fixture(autouse=True)
def one_reaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Captures leave one outbox row each, for the tests to count; nobody delivers it."""
    monkeypatch.setattr(outbox, "_reactions", {PaymentCaptured.__name__: ["tests:count"]})


def test_asking_again_gives_the_same_payment(session: Session) -> None:
    first = make_payment(session)
    again = make_payment(session, order_code=first.order_code, seller_id=first.seller_id, at=LATER)
    assert again.id == first.id
    assert again.state is PaymentState.CREATED


def test_another_amount_or_provider_replaces_the_open_one(session: Session) -> None:
    first = make_payment(session)
    dearer = make_payment(session, 12_000, order_code=first.order_code, seller_id=first.seller_id)
    assert first.state is PaymentState.CLOSED
    transfer = make_payment(
        session, 12_000, provider=Provider.BANK_TRANSFER, order_code=first.order_code, seller_id=first.seller_id
    )
    assert dearer.state is PaymentState.CLOSED
    assert transfer.state is PaymentState.OPEN
    assert transfer.remittance_code


def test_one_whose_page_is_open_is_asked_to_be_closed_there(session: Session) -> None:
    first = make_open(session)
    make_payment(session, 12_000, order_code=first.order_code, seller_id=first.seller_id, at=LATER)
    assert (first.state, first.close_asked_at) == (PaymentState.OPEN, LATER)
    assert first.id in reconciling.list_due_readings(session, at=LATER)
    assert reconciling.claim_reading(session, first.id, at=LATER) == (first.provider_reference, True)
    assert reconciling.claim_reading(session, first.id, at=LATER) is None


def test_one_about_to_expire_is_replaced(session: Session) -> None:
    first = make_open(session)
    soon = first.expires_at - timedelta(minutes=4)
    assert make_payment(session, order_code=first.order_code, seller_id=first.seller_id, at=soon).id != first.id


SELLERS_OF_OTHERS = [kind for kind in OrganizationKind if kind is not OrganizationKind.OPERATOR]


@pytest.mark.parametrize("kind", SELLERS_OF_OTHERS)
def test_nobody_but_the_operator_is_paid_through_the_provider(session: Session, kind: OrganizationKind) -> None:
    """二清: the provider's money lands on the operator's account."""
    seller = make_organization(session, kind).id
    with pytest.raises(Conflict, match="对公转账"):
        make_payment(session, seller_id=seller)
    transfer = make_payment(session, provider=Provider.BANK_TRANSFER, seller_id=seller)
    with pytest.raises(Conflict, match="对公转账"):
        pay_online_instead(session, transfer.code, at=LATER)
    assert session.scalars(select(Payment.provider)).all() == [Provider.BANK_TRANSFER]


def test_one_started_before_the_rule_is_not_handed_out_again(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    seller = make_organization(session).id
    with monkeypatch.context() as before:
        before.setattr(paying, "takes_online", lambda _session, sellers: frozenset(sellers))
        earlier = make_payment(session, seller_id=seller)
    with pytest.raises(Conflict, match="对公转账"):
        make_payment(session, order_code=earlier.order_code, seller_id=seller)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_to_pay(session: Session, amount: int) -> None:
    with pytest.raises(Invalid):
        make_payment(session, amount)


def test_claiming_is_for_one(session: Session) -> None:
    payment = make_payment(session)
    claimed = claim_payment(session, payment.id, locale="en", at=AT)
    assert claimed is not None
    assert claim_payment(session, payment.id, locale="zh", at=AT + timedelta(seconds=19)) is None
    again = claim_payment(session, payment.id, locale="zh", at=AT + timedelta(seconds=20))
    assert again is not None
    assert again.locale == "en", "a second try must say the very same thing"
    note_refused(session, payment.id, "rate_limit", final=False)
    assert claim_payment(session, payment.id, locale="zh", at=AT + timedelta(seconds=21)) is not None
    note_refused(session, payment.id, "amount_too_small", final=True)
    assert payment.state is PaymentState.CLOSED
    assert claim_payment(session, payment.id, locale="zh", at=LATER) is None


def test_reading_captures_once(session: Session) -> None:
    payment = make_open(session)
    note_read(session, payment.id, truth_of(payment), at=AT)
    assert captures(session) == []
    for _ in range(3):
        note_read(session, payment.id, truth_of(payment, captured=10_000), at=LATER)
    assert captures(session) == [10_000]
    assert (payment.state, payment.captured_fen, payment.method) == (PaymentState.CAPTURED, 10_000, "card")


def test_an_old_reading_takes_nothing_back(session: Session) -> None:
    payment = make_captured(session)
    disputed = truth_of(payment, captured=10_000, disputed_fen=10_000)
    note_read(session, payment.id, disputed, at=LATER)
    note_read(session, payment.id, truth_of(payment), at=AT)
    note_read(session, payment.id, truth_of(payment, status=ProviderStatus.expired), at=AT)
    assert (payment.state, payment.captured_fen, payment.disputed_fen) == (PaymentState.CAPTURED, 10_000, 10_000)
    note_read(session, payment.id, truth_of(payment, captured=10_000), at=LATER + timedelta(days=1))
    assert payment.disputed_fen == 0


def test_money_after_closing_is_captured(session: Session) -> None:
    payment = make_open(session)
    note_read(session, payment.id, truth_of(payment, status=ProviderStatus.expired), at=LATER)
    assert payment.state is PaymentState.CLOSED
    note_read(session, payment.id, truth_of(payment, captured=10_000), at=LATER)
    assert payment.state is PaymentState.CAPTURED
    assert captures(session) == [10_000]


def test_the_truth_about_another_payment_is_refused(session: Session) -> None:
    payment, other = make_open(session), make_open(session)
    with pytest.raises(Conflict):
        note_read(session, payment.id, truth_of(other, captured=10_000), at=AT)
    with pytest.raises(Conflict):
        note_read(session, payment.id, truth_of(payment, reference="cs_other", captured=10_000), at=AT)
    assert captures(session) == []


def test_a_page_whose_opening_we_never_learnt_is_found_by_its_order(session: Session) -> None:
    payment = make_payment(session)
    truth = truth_of(payment, reference="cs_lost", captured=10_000)
    assert reconciling.find_payment_of(session, truth) == payment.id
    assert reconciling.find_payment_of(session, truth_of(payment, reference="cs_lost", captured=1, amount_fen=1)) is None
    note_read(session, payment.id, truth, at=AT)
    note_opened(session, payment.id, Redirect("cs_lost", "https://pay.example/cs_lost"), at=LATER)
    assert (payment.state, payment.provider_reference) == (PaymentState.CAPTURED, "cs_lost")


def test_stopping(session: Session) -> None:
    created, opened = make_payment(session), make_open(session)
    transfer = make_payment(session, provider=Provider.BANK_TRANSFER)
    for payment in (created, opened, transfer):
        stop_payments(session, payment.order_code, at=LATER)
    assert (created.state, transfer.state) == (PaymentState.CLOSED, PaymentState.CLOSED)
    assert (opened.state, opened.close_asked_at) == (PaymentState.OPEN, LATER)
    stop_payments(session, opened.order_code, at=LATER + timedelta(hours=1))
    assert opened.close_asked_at == LATER


def test_what_nobody_can_pay_is_closed_by_the_clock(session: Session) -> None:
    created, opened = make_payment(session), make_open(session)
    assert reconciling.close_forgotten(session, at=created.expires_at) == 1
    assert (created.state, opened.state) == (PaymentState.CLOSED, PaymentState.OPEN)


# ---------------------------------------------------------------- under fire


def committed_open() -> tuple[UUID, ProviderPayment]:
    with work() as session:
        payment = make_open(session)
        return payment.id, truth_of(payment, captured=10_000)


def counted() -> tuple[list[int], list[int]]:
    with work() as session:
        return captures(session), list(session.scalars(select(Payment.captured_fen)))


def read(payment_id: UUID, truth: ProviderPayment) -> str:
    with work() as session:
        note_read(session, payment_id, truth, at=AT)
    return "read"


def test_twenty_readers_capture_once(database: str) -> None:
    payment_id, truth = committed_open()
    assert together(20, lambda _: read(payment_id, truth)) == {"read": 20}
    assert counted() == ([10_000], [10_000])


def forget_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The row lock forgotten, and both readers look before either writes."""
    both = threading.Barrier(2)

    def looking(session: Session, payment_id: UUID) -> Payment:
        payment = session.get_one(Payment, payment_id)
        both.wait(20)
        return payment

    monkeypatch.setattr(paying, "lock_payment", looking)


def test_without_the_lock_the_compare_and_set_holds(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payment_id, truth = committed_open()
    forget_the_lock(monkeypatch)
    assert together(2, lambda _: read(payment_id, truth)) == {"read": 1, "Conflict": 1}
    assert counted() == ([10_000], [10_000])


def test_without_both_the_money_is_counted_twice(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    payment_id, truth = committed_open()
    forget_the_lock(monkeypatch)
    monkeypatch.setattr(paying, "unchanged", lambda _: true())
    assert together(2, lambda _: read(payment_id, truth)) == {"read": 2}
    assert counted() == ([10_000, 10_000], [20_000])


def start(code: str, seller: UUID) -> str:
    with work() as session:
        start_payment(session, order_code=code, seller_id=seller, amount=Money(10_000), provider=Provider.STRIPE, at=AT)
    return "started"


def test_twenty_starters_get_one_payment(database: str) -> None:
    with work() as session:
        seller, code = make_organization(session, OrganizationKind.OPERATOR).id, new_order_code()
    assert together(20, lambda _: start(code, seller)) == {"started": 20}
    assert counted()[1] == [0]


def test_without_the_starters_lock_the_index_refuses_a_second(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with work() as session:
        seller, code = make_organization(session, OrganizationKind.OPERATOR).id, new_order_code()
    both = threading.Barrier(2)
    plain = paying._list_waiting

    def waiting(session: Session, order_code: str) -> list[Payment]:
        found = plain(session, order_code)
        both.wait(20)
        return found

    monkeypatch.setattr(paying, "_lock_code", lambda *_: None)
    monkeypatch.setattr(paying, "_list_waiting", waiting)
    assert together(2, lambda _: start(code, seller)) == {"started": 1, IntegrityError.__name__: 1}
    assert counted()[1] == [0]
