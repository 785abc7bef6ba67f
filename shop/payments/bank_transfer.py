"""Bank transfer (对公转账): the account to pay into, and statements matched to payments by the code each transfer quotes.

Matched money is counted whole, whatever the amount: the order uses what it needs and sends the rest back (``MoneyToReturn``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Role
from catalog.parties.queries import get_organization
from kernel.clock import day_shanghai
from kernel.errors import Conflict, FieldError, Invalid, NotFound
from kernel.ids import uuid7
from shop.payments.models import PayeeAccount, Payment, Provider, StatementImport, StatementLine, Verdict
from shop.payments.paying import count_capture, lock_payment
from shop.payments.remittance import Candidate, list_candidates
from shop.payments.statement import StatementRow

METHOD = "bank_transfer"
COUNTED = (Verdict.EXACT, Verdict.PART, Verdict.OVER, Verdict.DOUBLE)


def set_account(
    session: Session, actor: Actor, seller_id: UUID, *, holder: str, bank: str, number: str, at: datetime
) -> PayeeAccount:
    """Record the account a seller is paid into. Operators only: who may change it decides where money goes."""
    actor.must(Role.operator)
    seller = get_organization(session, seller_id)
    digits = "".join(number.split())
    errors = [
        FieldError(field, "请填写 2 到 80 个字。")
        for field, text in (("holder", holder), ("bank", bank))
        if not 2 <= len(text.strip()) <= 80
    ]
    if not (digits.isascii() and digits.isdigit() and 8 <= len(digits) <= 30):
        errors.append(FieldError("number", "账号应为 8 到 30 位数字。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    known = session.get(PayeeAccount, seller_id)
    before = {"holder": known.holder, "bank": known.bank, "number": known.number[-4:]} if known else {}
    account = known or PayeeAccount(seller_id=seller_id)
    account.holder, account.bank, account.number = holder.strip(), bank.strip(), digits
    account.changed_by, account.changed_at = actor.label, at
    session.add(account)
    session.flush()
    after = {"holder": account.holder, "bank": account.bank, "number": digits[-4:]}
    tell_act(session, actor, "account.set", seller.code, before, after, at=at)
    return account


@dataclass(frozen=True)
class LineReport:
    """One line of a statement and what became of it. ``payment_code`` is set when it was matched or points at another seller's."""

    number: int
    booked_on: str
    amount_fen: int | None
    payer: str
    memo: str
    verdict: Verdict
    payment_code: str = ""
    order_code: str = ""


def check_may_import(actor: Actor, seller_id: UUID) -> None:
    """Raises Forbidden unless the actor keeps the seller's books or operates the market."""
    actor.must_any({Role.operator: None, Role.finance: seller_id})


def import_statement(
    session: Session, actor: Actor, seller_id: UUID, rows: Sequence[StatementRow], *, file_name: str, at: datetime
) -> StatementImport:
    """Count every credit of a statement that quotes a code, once however often it is imported, and keep each line's verdict.

    Raises Forbidden, or Invalid for a statement without a single line.
    """
    check_may_import(actor, seller_id)
    if not rows:
        raise Invalid("文件里没有流水，请检查导出的日期范围。", field="file")
    _lock_books(session, seller_id)
    made = StatementImport(seller_id=seller_id, file_name=file_name[:120], lines=[], imported_by=actor.label, imported_at=at)
    session.add(made)
    session.flush()
    payments = _lock_candidates(session, rows)
    made.lines = [asdict(_take(session, made, row, payments)) for row in rows]
    counted = sum(line["verdict"] in COUNTED for line in made.lines)
    after = {"file": made.file_name, "lines": len(rows), "counted": counted}
    tell_act(session, actor, "statement.imported", get_organization(session, seller_id).code, {}, after, at=at)
    return made


def _lock_books(session: Session, seller_id: UUID) -> None:
    """One import of a seller at a time: two files with the same new lines in other orders would wait for each other."""
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(f"statement\x1f{seller_id}", 0))))


def _lock_candidates(session: Session, rows: Iterable[StatementRow]) -> dict[str, Payment]:
    """Every payment a memo may mean, by remittance code, locked in key order so that two imports cannot deadlock."""
    codes = {candidate.code for row in rows for candidate in list_candidates(row.memo)}
    query = select(Payment).where(Payment.remittance_code.in_(codes)).order_by(Payment.id).with_for_update()
    found = session.scalars(query.execution_options(populate_existing=True))
    return {payment.remittance_code or "": payment for payment in found}


def _take(session: Session, made: StatementImport, row: StatementRow, payments: Mapping[str, Payment]) -> LineReport:
    report = LineReport(
        row.number, row.booked_on.isoformat() if row.booked_on else "", row.amount_fen, row.payer, row.memo, Verdict.UNREADABLE
    )
    if row.booked_on is None or row.amount_fen is None:
        return report
    if row.amount_fen <= 0:
        return replace(report, verdict=Verdict.NOT_CREDIT)
    payment, verdict = match(row, list_candidates(row.memo), payments, made.seller_id)
    counted = payment if verdict in COUNTED else None
    stored = session.scalar(
        insert(StatementLine)
        .values(
            id=uuid7(), import_id=made.id, seller_id=made.seller_id, fingerprint=row.fingerprint(str(made.seller_id)),
            booked_on=row.booked_on, amount_fen=row.amount_fen, payer=row.payer, memo=row.memo, verdict=verdict,
            payment_id=counted.id if counted else None, imported_at=made.imported_at,
        )
        .on_conflict_do_nothing(index_elements=["fingerprint"])
        .returning(StatementLine.id)
    )  # fmt: skip
    if stored is None:
        return replace(report, verdict=Verdict.KNOWN)
    if counted:
        _count(session, counted, row.amount_fen, booked=day_shanghai(row.booked_on)[0], at=made.imported_at)
    named = payment if payment and verdict is not Verdict.OTHER_SELLER else None
    return replace(report, verdict=verdict, payment_code=named.code if named else "", order_code=named.order_code if named else "")


def match(
    row: StatementRow, candidates: Sequence[Candidate], payments: Mapping[str, Payment], seller_id: UUID
) -> tuple[Payment | None, Verdict]:
    """Which payment a credit is for. A bare number counts only when its amount fits to the fen: it may be a date or a phone number."""
    assert row.amount_fen is not None
    marked = [payments[c.code] for c in candidates if c.marked and c.code in payments]
    bare = [payments[c.code] for c in candidates if not c.marked and c.code in payments]
    found = marked or [payment for payment in bare if _missing(payment) == row.amount_fen]
    if not found:
        return None, Verdict.UNMATCHED
    if len(found) > 1:
        return None, Verdict.AMBIGUOUS
    payment = found[0]
    if payment.seller_id != seller_id:
        return payment, Verdict.OTHER_SELLER
    missing = _missing(payment)
    if missing <= 0:
        return payment, Verdict.DOUBLE
    if row.amount_fen == missing:
        return payment, Verdict.EXACT
    return payment, Verdict.PART if row.amount_fen < missing else Verdict.OVER


def _missing(payment: Payment) -> int:
    return payment.amount_fen - payment.captured_fen


def _count(session: Session, payment: Payment, amount_fen: int, *, booked: datetime, at: datetime) -> None:
    """A transfer counts from the day the bank booked it, but never before it was asked for nor in the future."""
    count_capture(session, payment, amount_fen, method=METHOD, at=min(max(booked, payment.created_at), at))


def assign_line(session: Session, actor: Actor, line_id: UUID, code: str, *, at: datetime) -> StatementLine:
    """A person says which payment an unmatched credit is for (by remittance or payment code).

    Raises NotFound, Forbidden, Conflict when it is assigned already, Invalid for a code of no payment by transfer to this seller.
    """
    line = session.get(StatementLine, line_id, with_for_update=True)
    if line is None:
        raise NotFound("没有这条流水。")
    check_may_import(actor, line.seller_id)
    if line.payment_id is not None:
        raise Conflict("这条流水已经入账，请刷新页面查看。")
    wanted = [c.code for c in list_candidates(code)]
    query = select(Payment.id).where(
        (Payment.code == code.strip().upper()) | Payment.remittance_code.in_(wanted),
        Payment.seller_id == line.seller_id, Payment.provider == Provider.BANK_TRANSFER,
    )  # fmt: skip
    found = session.scalars(query).all()
    if len(found) != 1:
        raise Invalid("没有找到这笔转账付款，请核对汇款识别码。", field="code")
    payment = lock_payment(session, found[0])
    before = {"verdict": line.verdict.value, "captured_fen": payment.captured_fen}
    line.payment_id, line.verdict, line.assigned_by = payment.id, Verdict.ASSIGNED, actor.label
    _count(session, payment, line.amount_fen, booked=day_shanghai(line.booked_on)[0], at=at)
    after = {"verdict": line.verdict.value, "captured_fen": payment.captured_fen}
    tell_act(session, actor, "statement.assigned", payment.code, before, after, at=at)
    return line
