"""What staff do with money in any room is in the record, with before and after; what the system does by itself is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties import acting
from catalog.parties.models import SYSTEM, Actor, Role
from catalog.parties.queries import get_organization
from kernel import outbox
from kernel.clock import today_shanghai
from kernel.money import Money
from shop import wiring
from shop.backoffice.models import AuditEntry
from shop.basket.couponing import end_coupon
from shop.invoices.issuing import record_issued, record_red
from shop.orders.cancelling import cancel_order
from shop.orders.models import Order
from shop.payments.bank_transfer import assign_line, import_statement, set_account
from shop.payments.models import Provider, StatementLine
from shop.payments.refunding import claim_refund, note_paid_back, note_refused, request_refund, send_again
from shop.payments.statement import StatementRow
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.invoices import USCC, make_invoice_request
from tests.factories.payments import make_captured, make_payment
from tests.factories.shop import make_coupon, make_order


@pytest.fixture(autouse=True)
def reactions() -> None:
    wiring.register()


def recorded(session: Session) -> list[tuple[str, str, dict[str, object], dict[str, object]]]:
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return sorted(((row.what, row.subject, row.before, row.after) for row in rows), key=lambda row: row[:2])


def test_the_account_money_goes_to(session: Session) -> None:
    operator, seller = make_actor(session, Role.operator), make_organization(session)
    for number in ("6222000000000001", "6222000000000002"):
        set_account(session, operator, seller.id, holder="示例合作社", bank="示例银行", number=number, at=AT)
    first, second = sorted(recorded(session), key=lambda row: len(row[2]))
    assert (first[0], first[1], first[2], first[3]["number"]) == ("account.set", seller.code, {}, "0001")
    assert (second[2]["number"], second[3]["number"]) == ("0001", "0002"), "never the whole number"


def test_a_statement_and_a_credit_given_to_a_payment_by_hand(session: Session) -> None:
    operator = make_actor(session, Role.operator)
    payment = make_payment(session, provider=Provider.BANK_TRANSFER)
    row = StatementRow(1, today_shanghai(AT), 10_000, "示例付款人", "货款", "S1")
    import_statement(session, operator, payment.seller_id, [row], file_name="流水.csv", at=AT)
    line = session.scalars(select(StatementLine)).one()
    assign_line(session, operator, line.id, payment.code, at=AT)
    code = get_organization(session, payment.seller_id).code
    assert recorded(session) == [
        ("statement.assigned", payment.code, {"verdict": "unmatched", "captured_fen": 0}, {"verdict": "assigned", "captured_fen": 10_000}),
        ("statement.imported", code, {}, {"file": "流水.csv", "lines": 1, "counted": 0}),
    ]  # fmt: skip


def test_refunds_begun_anew_or_made_by_hand(session: Session) -> None:
    operator = make_actor(session, Role.operator)
    online = make_captured(session)
    failed = request_refund(session, "x", online.id, Money(500), "坏了", "one", AT)
    claim_refund(session, failed.id, at=AT)
    note_refused(session, failed.id, "charge_disputed", at=AT)
    send_again(session, operator, failed.id, at=AT + timedelta(hours=1))
    transfer = make_payment(session, provider=Provider.BANK_TRANSFER)
    transfer.captured_fen = 10_000
    session.flush()
    back = request_refund(session, "x", transfer.id, Money(700), "坏了", "two", AT)
    note_paid_back(session, operator, back.id, "20261122001", at=AT)
    rows = {row[0]: row[1:] for row in recorded(session)}
    assert rows["refund.sent_again"][0] == online.code
    assert (rows["refund.sent_again"][1]["code"], rows["refund.sent_again"][2]["state"]) == ("charge_disputed", "requested")
    assert rows["refund.paid_back"] == (
        transfer.code, {"state": "requested"}, {"state": "done", "amount_fen": 700, "reference": "20261122001"},
    )  # fmt: skip


def test_coupons_and_invoices(session: Session) -> None:
    operator = make_actor(session, Role.operator)
    invoice = make_invoice_request(session)
    day, number = today_shanghai(AT), "26112000000012345678"
    record_issued(
        session, operator, invoice.code, invoice_number=number, amount=Money(12_800), buyer_tax_number=USCC, issued_on=day, at=AT
    )
    record_red(session, operator, invoice.code, red_number=number[::-1], red_on=day, reason="抬头写错", at=AT)
    make_coupon(session, invoice.seller_id)
    for _ in range(2):
        end_coupon(session, operator, "SHAN-20", at=AT)
    assert [row[:2] for row in recorded(session)] == [
        ("coupon.ended", "SHAN-20"), ("invoice.recorded", invoice.code), ("invoice.red", invoice.code),
    ], "what the system issued is no act of staff"  # fmt: skip


@pytest.mark.parametrize(("who", "count"), [("operator", 1), ("buyer", 0), ("system", 0)])
def test_an_order_cancelled_by_staff(session: Session, who: str, count: int) -> None:
    buyer = make_actor(session)
    actors: dict[str, Callable[[], Actor]] = {
        "operator": lambda: make_actor(session, Role.operator), "buyer": lambda: buyer, "system": lambda: SYSTEM,
    }  # fmt: skip
    order = make_order(session, None, buyer)
    cancel_order(session, actors[who](), order.code, reason="缺货", at=AT)
    rows = [row for row in recorded(session) if row[0] == "order.cancelled"]
    assert rows == [("order.cancelled", order.code, {"state": "placed"}, {"state": "cancelled", "reason": "缺货"})] * count


def test_without_telling_nothing_is_recorded(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(acting, "publish", lambda *_, **__: None)
    set_account(
        session, make_actor(session, Role.operator), make_organization(session).id, holder="示例合作社", bank="示例银行",
        number="6222000000000001", at=AT,
    )  # fmt: skip
    assert recorded(session) == []


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (select(Order.id).where(Order.placed_at >= AT), "ix_orders_order_placed_at"),
        (select(Order.code).where(Order.reference.in_(["PR-1"]), Order.reference != ""), "ix_orders_order_reference"),
    ],
    ids=["orders of a day", "orders of a request"],
)
def test_orders_are_found_by_an_index(session: Session, query: object, index: str) -> None:
    make_order(session)
    session.flush()
    session.execute(text("SET LOCAL enable_seqscan = off"))
    compiled = query.compile(session.get_bind(), compile_kwargs={"literal_binds": True})  # type: ignore[attr-defined]
    plan = "\n".join(session.scalars(text(f"EXPLAIN {compiled}")))
    assert index in plan
