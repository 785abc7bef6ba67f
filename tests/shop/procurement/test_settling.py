"""Settlement: invoice, remittance code, and money spread over sub-orders to the fen."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel import outbox
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from kernel.outbox import OutboxRow
from shop.orders.collecting import start_part_payment
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.payments.models import PaymentCaptured, Provider
from shop.payments.paying import count_capture, lock_payment
from shop.procurement import accepting, queries
from shop.procurement.approving import submit_request
from shop.procurement.drafting import change_request
from shop.procurement.exporting import make_evidence
from shop.procurement.models.settlements import Settlement, SettlementPart
from shop.procurement.ordering import order_again
from shop.procurement.quoting import WantedDelivery
from shop.procurement.settling import ask_invoice, settle_payment, spread, start_transfer
from shop.procurement.states import RequestState, SettlementState
from tests.factories.catalog import make_actor
from tests.factories.invoices import USCC
from tests.factories.procurement import (
    Office,
    approve,
    deliver_orders,
    make_draft_request,
    make_office,
    make_ordered,
    wanted,
)
from tests.factories.shop import SHANGHAI, make_goods


@pytest.fixture
def office(session: Session) -> Office:
    return make_office(session)


def settled(session: Session, office: Office, at: datetime, people: int = 3) -> Settlement:
    """The open settlement of a request of so many orders."""
    request = make_ordered(session, office, 2, people=people)
    deliver_orders(session, request)
    accepting.accept_delivered(session, office.inspector, request.code, at=at)
    return queries.list_settlements(session, request.id)[0]


def pay(session: Session, office: Office, settlement: Settlement, fen: int, at: datetime) -> None:
    """A transfer of so much arrives, as the statement import counts it."""
    payment = start_transfer(session, office.finance, settlement.code, at=at)
    count_capture(session, lock_payment(session, payment.id), fen, method="bank_transfer", at=at)
    settle_payment(session, PaymentCaptured(payment.id, settlement.code, fen, at))
    session.flush()


def test_the_remittance_code_is_the_same_until_it_is_paid(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    first = start_transfer(session, office.finance, settlement.code, at=at)
    assert start_transfer(session, office.finance, settlement.code, at=at) is first
    assert (first.provider, first.amount_fen, first.seller_id) == (
        Provider.BANK_TRANSFER,
        settlement.amount_fen,
        office.product.seller_id,
    )
    assert first.remittance_code


def test_only_finance_pays(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    with pytest.raises(Forbidden):
        start_transfer(session, office.requester, settlement.code, at=at)
    for actor in (
        office.approver,
        office.inspector,
        make_actor(session, Role.finance),
        make_actor(session, Role.requester, office.organization),
    ):
        with pytest.raises(NotFound):
            start_transfer(session, actor, settlement.code, at=at)


def test_a_transfer_pays_every_order_and_ends_the_request(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    pay(session, office, settlement, settlement.amount_fen, at)
    assert (settlement.state, settlement.paid_at) == (SettlementState.PAID, at)
    orders = session.scalars(select(Order)).all()
    assert {(order.state, order.paid_fen == order.total_fen) for order in orders} == {(OrderState.COMPLETED, True)}
    request = queries.list_requests(session, office.requester)[0]
    assert request.state is RequestState.SETTLED
    with pytest.raises(Conflict):
        start_transfer(session, office.finance, settlement.code, at=at)


def test_part_now_and_the_rest_later(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    pay(session, office, settlement, 30_000, at)
    assert (settlement.state, settlement.paid_fen) == (SettlementState.OPEN, 30_000)
    assert [part.paid_fen for part in settlement.parts] == [25_600, 4_400, 0]
    pay(session, office, settlement, settlement.amount_fen - 30_000, at)
    assert settlement.state is SettlementState.PAID


def test_too_much_goes_back(app: object, session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    pay(session, office, settlement, settlement.amount_fen + 77, at)
    assert settlement.paid_fen == settlement.amount_fen
    rows = session.scalars(select(OutboxRow).where(OutboxRow.event == "MoneyToReturn")).all()
    assert [row.body["amount_fen"] for row in rows] == [77]


def test_money_for_other_things_is_none_of_ours(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    payment = start_transfer(session, office.finance, settlement.code, at=at)
    settle_payment(session, PaymentCaptured(payment.id, "ORD-OTHER-1", 5, at))
    assert settlement.paid_fen == 0


def test_no_settlement_is_paid_above_what_was_accepted(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    with pytest.raises(IntegrityError), session.begin_nested():
        session.execute(text("UPDATE procurement_settlement SET paid_fen = amount_fen + 1 WHERE id = :id"), {"id": settlement.id})


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 500), st.integers(0, 500)), min_size=1, max_size=6), st.integers(0, 4000))
def test_spreading_loses_no_fen(rows: list[tuple[int, int]], amount: int) -> None:
    parts = [SettlementPart(sub_order_code=str(n), amount_fen=due, paid_fen=min(paid, due)) for n, (due, paid) in enumerate(rows)]
    shares = spread(parts, amount)
    assert sum(share for _, share in shares) == amount
    assert all(share > 0 for _, share in shares)
    over = [part for part, share in shares if part.paid_fen + share > part.amount_fen]
    assert over in ([], [parts[-1]]), "only the last part takes what is too much"


def test_one_invoice_for_a_settlement(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    with pytest.raises(Invalid):
        ask_invoice(session, office.requester, settlement.code, title="示例机关", tax_number="1", at=at)
    invoice = ask_invoice(session, office.requester, settlement.code, title="示例机关", tax_number=USCC, at=at)
    assert (Money(invoice.amount_fen), invoice.subject_code) == (Money(settlement.amount_fen), settlement.code)
    with pytest.raises(Conflict):
        ask_invoice(session, office.finance, settlement.code, title="示例机关", tax_number=USCC, at=at)
    with pytest.raises(NotFound):
        ask_invoice(session, office.inspector, settlement.code, title="示例机关", tax_number=USCC, at=at)


def test_the_evidence_holds_every_step(session: Session, office: Office, at: datetime) -> None:
    settlement = settled(session, office, at)
    ask_invoice(session, office.finance, settlement.code, title="示例机关", tax_number=USCC, at=at)
    pay(session, office, settlement, settlement.amount_fen, at)
    request = queries.list_requests(session, office.requester)[0]
    tables = {table.name: table for table in make_evidence(session, request, str)}
    assert all(table.rows for table in tables.values())
    assert all(len(row) == len(table.headings) for table in tables.values() for row in table.rows)
    assert sum(row[10].minor for row in tables["明细"].rows) == request.total_fen  # type: ignore[attr-defined]
    assert tables["付款记录"].rows[0][3] == Money(settlement.amount_fen)
    assert any("不计入832平台统计" in str(row[1]) for row in tables["申请"].rows)


def test_reactions_are_wired(app: object) -> None:
    wired = outbox.reactions()
    assert "shop.procurement.settling:settle_payment" in wired["PaymentCaptured"]
    assert "shop.procurement.ordering:place_approved" in wired["RequestApproved"]
    assert "shop.procurement.budgeting:return_refund" in wired["OrderRefunded"]


def test_each_seller_is_due_thirty_days_after_its_own_goods(session: Session, office: Office, at: datetime) -> None:
    """国令第802号: another seller's late parcel does not put off what is owed to this one."""
    other = make_goods(session, boxes=100)
    request = make_draft_request(session, office, 2)
    wants = [*wanted(office, 2), WantedDelivery(SHANGHAI | {"recipient": "示例职工九"}, {other.sku: 2})]
    change_request(session, office.requester, request.code, wants, at=at)
    assert submit_request(session, office.requester, request.code, expected_fen=request.total_fen, at=at)
    approve(session, office.approver, request)
    order_again(session, office.requester, request.code, at=at)
    early, late = deliver_orders(session, request)
    late.delivered_at = at + timedelta(days=10)
    accepting.accept_delivered(session, office.inspector, request.code, at=at + timedelta(days=10))
    due = {each.seller_id: each.due_on for each in queries.list_settlements(session, request.id)}
    assert due[early.sub_orders[0].seller_id] == date(2026, 12, 22)
    assert due[late.sub_orders[0].seller_id] == date(2027, 1, 1)


def test_an_order_of_a_settlement_is_not_paid_by_itself(session: Session, office: Office, at: datetime) -> None:
    """Else the settlement stays open, and only finance may pay for the organisation."""
    settlement = settled(session, office, at, people=1)
    (part,) = settlement.parts
    with pytest.raises(Conflict, match="结算单"):
        start_part_payment(session, office.inspector, part.order_code, part.sub_order_code, Provider.STRIPE, at=at)
