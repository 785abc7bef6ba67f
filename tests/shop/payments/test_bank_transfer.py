"""Statements: each credit counted once, for the payment its code names, and for no other."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Role
from kernel import outbox
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid
from shop.payments import bank_transfer
from shop.payments.bank_transfer import assign_line, import_statement, set_account
from shop.payments.models import Payment, PaymentCaptured, Provider, StatementImport, StatementLine, Verdict
from shop.payments.queries import list_unmatched
from shop.payments.remittance import show_remittance_code
from shop.payments.statement import StatementRow, read_statement
from shop.payments.states import PaymentState
from tests.factories.catalog import AT, make_actor, make_organization
from tests.factories.payments import make_account, make_payment, together

DAY = AT + timedelta(days=1)


@pytest.fixture(autouse=True)
def one_reaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "_reactions", {PaymentCaptured.__name__: ["tests:count"]})


def told(session: Session) -> list[tuple[str, int]]:
    session.flush()
    rows = session.scalars(select(outbox.OutboxRow).where(outbox.OutboxRow.event == PaymentCaptured.__name__))
    return [(row.body["order_code"], row.body["amount_fen"]) for row in rows]


@pytest.fixture
def seller(session: Session) -> Organization:
    account = make_account(session)
    return session.get_one(Organization, account.seller_id)


def transfer(session: Session, seller: Organization, amount: int = 10_000) -> Payment:
    return make_payment(session, amount, provider=Provider.BANK_TRANSFER, seller_id=seller.id)


def rows(*lines: tuple[int, str], start: int = 1) -> list[StatementRow]:
    text = "日期,金额,付款人,附言,流水号\n"
    for number, (fen, memo) in enumerate(lines, start):
        text += f"2026-11-23,{fen / 100:.2f},示例采购单位,{memo},S{number:04d}\n"
    return read_statement(text.encode())


def take(session: Session, seller: Organization, found: Sequence[StatementRow]) -> list[str]:
    made = import_statement(session, SYSTEM, seller.id, found, file_name="流水.csv", at=DAY)
    return [line["verdict"] for line in made.lines]


def test_exact(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    made = import_statement(
        session, SYSTEM, seller.id, rows((10_000, f"货款{payment.remittance_code}")), file_name="流水.csv", at=DAY
    )
    assert made.lines[0]["verdict"] == "exact"
    assert made.lines[0]["order_code"] == payment.order_code
    assert (payment.state, payment.captured_fen, payment.method) == (PaymentState.CAPTURED, 10_000, "bank_transfer")
    assert payment.captured_at is not None
    assert AT < payment.captured_at <= DAY
    assert told(session) == [(payment.order_code, 10_000)]


def test_parts_then_the_rest_then_again(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    code = show_remittance_code(payment.remittance_code or "")
    assert take(session, seller, rows((4_000, code), (6_000, code), (10_000, code))) == ["part", "exact", "double"]
    assert payment.captured_fen == 20_000
    assert [amount for _code, amount in told(session)] == [4_000, 6_000, 10_000]


def test_over(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    assert take(session, seller, rows((10_001, payment.remittance_code or ""))) == ["over"]
    assert told(session) == [(payment.order_code, 10_001)], "the order sends back what it cannot use"


def test_the_same_file_twice_counts_once(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    found = rows((4_000, payment.remittance_code or ""), (123, "不认识"))
    assert take(session, seller, found) == ["part", "unmatched"]
    assert take(session, seller, found) == ["known", "known"]
    longer = rows((4_000, payment.remittance_code or ""), (123, "不认识"), (6_000, payment.remittance_code or ""))
    assert take(session, seller, longer) == ["known", "known", "exact"]
    assert payment.captured_fen == 10_000


def test_without_the_unique_fingerprint_it_counts_twice(
    session: Session, seller: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = transfer(session, seller)
    numbers = iter(range(9))
    monkeypatch.setattr(StatementRow, "fingerprint", lambda self, seller: f"{next(numbers)}")
    found = rows((10_000, payment.remittance_code or ""))
    assert take(session, seller, found) == ["exact"]
    assert take(session, seller, found) == ["double"]
    assert payment.captured_fen == 20_000


def test_what_waits_for_a_person(session: Session, seller: Organization) -> None:
    one, two = transfer(session, seller), transfer(session, seller)
    other = transfer(session, make_organization(session))
    bare = (one.remittance_code or "")[2:]
    verdicts = take(
        session,
        seller,
        rows(
            (10_000, "货款"), (10_000, f"{one.remittance_code} {two.remittance_code}"), (10_000, other.remittance_code or ""),
            (9_999, bare), (0, one.remittance_code or ""), (-10_000, one.remittance_code or ""),
        ),
    )  # fmt: skip
    assert verdicts == ["unmatched", "ambiguous", "other_seller", "unmatched", "not_credit", "not_credit"]
    assert told(session) == []
    assert len(list_unmatched(session, [seller.id])) == 4
    assert take(session, seller, rows((10_000, bare), start=9)) == ["exact"], "a bare number with its amount to the fen"


def test_unreadable_lines_keep_the_others(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    found = read_statement(
        f"日期,金额,付款人,附言\n昨天,1,a,b\n2026-11-23,=1+1,a,b\n2026-11-23,100.00,a,{payment.remittance_code}\n".encode()
    )
    assert take(session, seller, found) == ["unreadable", "unreadable", "exact"]


def test_assigning_by_hand(session: Session, seller: Organization) -> None:
    payment = transfer(session, seller)
    take(session, seller, rows((10_000, "忘了写")))
    (line,) = list_unmatched(session, [seller.id])
    with pytest.raises(Forbidden):
        assign_line(session, make_actor(session, Role.finance), line.id, payment.code, at=DAY)
    for wrong in ("", "PAY-XXXX", transfer(session, make_organization(session)).code):
        with pytest.raises(Invalid):
            assign_line(session, SYSTEM, line.id, wrong, at=DAY)
    books = make_actor(session, Role.finance, seller)
    assign_line(session, books, line.id, show_remittance_code(payment.remittance_code or ""), at=DAY)
    assert (line.verdict, line.assigned_by, payment.state) == (Verdict.ASSIGNED, books.label, PaymentState.CAPTURED)
    with pytest.raises(Conflict):
        assign_line(session, books, line.id, payment.code, at=DAY)
    assert told(session) == [(payment.order_code, 10_000)]


def test_late_money_of_a_closed_payment_still_counts(session: Session, seller: Organization) -> None:
    first = transfer(session, seller)
    second = make_payment(session, 9_000, provider=Provider.BANK_TRANSFER, seller_id=seller.id, order_code=first.order_code)
    assert (first.state, second.state) == (PaymentState.CLOSED, PaymentState.OPEN)
    assert take(session, seller, rows((10_000, first.remittance_code or ""))) == ["exact"]
    assert first.state is PaymentState.CAPTURED


def test_who_may_import(session: Session, seller: Organization) -> None:
    found = rows((1, "x"))
    for stranger in (make_actor(session, Role.finance), make_actor(session), make_actor(session, Role.clerk, seller)):
        with pytest.raises(Forbidden):
            import_statement(session, stranger, seller.id, found, file_name="x.csv", at=DAY)
    import_statement(session, make_actor(session, Role.finance, seller), seller.id, found, file_name="x.csv", at=DAY)
    with pytest.raises(Invalid):
        import_statement(session, SYSTEM, seller.id, [], file_name="x.csv", at=DAY)
    with pytest.raises(Forbidden):
        set_account(
            session, make_actor(session, Role.finance, seller), seller.id, holder="我的", bank="银行", number="62220000", at=DAY
        )
    with pytest.raises(Invalid) as wrong:
        set_account(session, SYSTEM, seller.id, holder="", bank="x", number="=1+1", at=DAY)
    assert [error.field for error in wrong.value.errors] == ["holder", "bank", "number"]


def test_without_the_permission_check_a_stranger_imports(
    session: Session, seller: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = transfer(session, seller)
    monkeypatch.setattr(bank_transfer, "check_may_import", lambda *_: None)
    import_statement(session, make_actor(session), seller.id, rows((10_000, payment.remittance_code or "")), file_name="x", at=DAY)
    assert payment.captured_fen == 10_000


def spoil(code: str, dice: Random) -> str:
    """What banks and people make of a code."""
    digits = code[2:]
    marks = [
        f"SH-{digits[:5]}-{digits[5:]}",
        f"sh{digits}",
        f"SH {digits[:5]} {digits[5:]}",
        f"SH{digits.lstrip('0')}",
        f"ＳＨ{digits}",
    ]
    around = ["%s", "货款%s", "食堂采购 %s 11月", "转账:%s/示例单位", "%s 13900000000", "合同2026-118 %s"]
    return dice.choice(around) % dice.choice(marks)


def test_two_hundred_lines_without_a_wrong_match(session: Session, seller: Organization) -> None:
    """commerce.md 6.8: at least 95 in a hundred matched by themselves, none wrongly, the rest in a queue."""
    dice = Random(20261122)
    payments = [transfer(session, seller, amount=1_000 + number) for number in range(200)]
    lines = [(payment.amount_fen, spoil(payment.remittance_code or "", dice)) for payment in payments]
    noise = [(dice.randrange(1, 99_999), memo) for memo in ("工资", "20261122", "房租 13900000000", "SH", "退款") * 4]
    verdicts = take(session, seller, rows(*lines, *noise))
    assert verdicts[200:] == ["unmatched"] * 20
    assert verdicts[:200].count("exact") >= 190
    assert all(payment.captured_fen in (0, payment.amount_fen) for payment in payments)


def test_without_the_sellers_lock_two_files_wait_for_each_other(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same new lines in opposite orders: the database ends the deadlock, one of the two imports is refused."""
    with work() as session:
        seller_id = make_organization(session, OrganizationKind.COOPERATIVE).id
    both = threading.Barrier(2)
    plain = bank_transfer._take

    def waiting(session: Session, made: StatementImport, row: StatementRow, payments: Any) -> Any:
        report = plain(session, made, row, payments)
        if not both.broken and both.n_waiting < 2 and (made.id, "met") not in met:
            met.add((made.id, "met"))
            both.wait(20)
        return report

    met: set[tuple[UUID, str]] = set()
    found = rows((1, "a"), (2, "b"))
    orders = [found, list(reversed(found))]
    with monkeypatch.context() as patch:
        patch.setattr(bank_transfer, "_lock_books", lambda *_: None)
        patch.setattr(bank_transfer, "_take", waiting)
        assert together(2, lambda number: _import_committed(seller_id, orders[number])) == {"imported": 1, "OperationalError": 1}
    assert together(2, lambda number: _import_committed(seller_id, orders[number])) == {"imported": 2}


def _import_committed(seller_id: UUID, found: list[StatementRow]) -> str:
    with work() as session:
        import_statement(session, SYSTEM, seller_id, found, file_name="x.csv", at=DAY)
    return "imported"


def test_ten_imports_of_one_file_at_once_count_once(database: str) -> None:
    with work() as session:
        seller = make_organization(session, OrganizationKind.COOPERATIVE)
        payments = [transfer(session, seller) for _ in range(5)]
        noise = [(number, "不认识") for number in range(1, 40)]
        found = rows(*noise, *[(10_000, payment.remittance_code or "") for payment in payments])
        backwards = list(reversed(found))
    outcome = together(10, lambda number: _import_committed(seller.id, found if number % 2 else backwards))
    assert outcome == {"imported": 10}
    with work() as session:
        assert session.scalar(select(func.sum(Payment.captured_fen))) == 50_000
        assert (session.scalar(select(func.count(StatementLine.id))), session.scalar(select(func.count(StatementImport.id)))) == (
            44,
            10,
        )
        assert len(told(session)) == 5
