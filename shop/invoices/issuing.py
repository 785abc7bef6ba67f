"""Record what the seller issued in the tax system: the invoice, or its red-letter correction.

Numbers and amounts are checked, not believed.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.documents.numbers import NumberKind, parse_number
from catalog.parties.models import Actor, Organization, Role
from kernel.clock import today_shanghai
from kernel.errors import FieldError, Invalid, Problem
from kernel.money import Money
from shop.invoices.models import InvoiceRequest
from shop.invoices.queries import get_invoice
from shop.invoices.states import STATES, InvoiceState


def record_issued(
    session: Session,
    actor: Actor,
    code: str,
    *,
    invoice_number: str,
    amount: Money,
    buyer_tax_number: str,
    issued_on: date,
    at: datetime,
) -> InvoiceRequest:
    """Note the invoice the seller issued; the seller's clerk or the operator may.

    Refused unless amount and buyer's tax number are those asked for. Raises NotFound, Forbidden, Invalid with every wrong field, Conflict.
    """
    invoice = _lock_for_seller(session, actor, code)
    STATES.check(invoice.state, InvoiceState.ISSUED)
    errors: list[FieldError] = []
    number = _read_number(session, invoice, invoice_number, "invoice_number", errors)
    if amount != Money(invoice.amount_fen):
        params = {"asked": Money(invoice.amount_fen).format(), "typed": amount.format()}
        errors.append(FieldError("amount", "价税合计应为 %(asked)s，您填的是 %(typed)s。请核对发票。", params))
    if (buyer_tax_number.strip().upper() or None) != invoice.tax_number:
        errors.append(FieldError("buyer_tax_number", "购买方税号和申请的不一样，请核对发票。"))
    if issued_on > today_shanghai(at):
        errors.append(FieldError("issued_on", "开票日期不能晚于今天。"))
    if errors:
        raise Invalid("发票和申请对不上，没有登记。", errors=errors)
    invoice.move(InvoiceState.ISSUED)
    invoice.invoice_number, invoice.issued_on = number, issued_on
    invoice.recorded_by, invoice.recorded_at = actor.label, at
    session.flush()
    return invoice


def record_red(
    session: Session, actor: Actor, code: str, *, red_number: str, red_on: date, reason: str, at: datetime
) -> InvoiceRequest:
    """Note the red-letter invoice (红字发票) that takes the whole invoice back; then a new one may be asked for.

    Raises NotFound, Forbidden, Invalid, Conflict (not issued).
    """
    invoice = _lock_for_seller(session, actor, code)
    STATES.check(invoice.state, InvoiceState.RED)
    assert invoice.issued_on is not None
    errors: list[FieldError] = []
    number = _read_number(session, invoice, red_number, "red_number", errors)
    if not invoice.issued_on <= red_on <= today_shanghai(at):
        errors.append(FieldError("red_on", "红字发票的日期要在开票之后，且不晚于今天。"))
    if not reason.strip():
        errors.append(FieldError("reason", "请填写红冲原因。"))
    if errors:
        raise Invalid("有几处需要改一下。", errors=errors)
    invoice.move(InvoiceState.RED)
    invoice.red_number, invoice.red_on, invoice.red_reason = number, red_on, reason.strip()[:200]
    session.flush()
    return invoice


def _lock_for_seller(session: Session, actor: Actor, code: str) -> InvoiceRequest:
    invoice = get_invoice(session, code, actor, lock=True)
    actor.must_any({Role.clerk: invoice.seller_id, Role.operator: None})
    return invoice


def _read_number(session: Session, invoice: InvoiceRequest, text: str, field: str, errors: list[FieldError]) -> str:
    """The 20 digits of a fully digitalised invoice (数电发票号码); made-up numbers only for a made-up seller."""
    try:
        demo = session.get_one(Organization, invoice.seller_id).is_demo
        number = parse_number(NumberKind.VAT_INVOICE, text, demo=demo, field=field)
    except Problem as problem:
        errors += problem.errors
        return ""
    taken = select(InvoiceRequest.id).where(or_(InvoiceRequest.invoice_number == number, InvoiceRequest.red_number == number))
    if session.scalar(taken) is not None:
        errors.append(FieldError(field, "号码 %(number)s 已经登记过了。", {"number": number}))
    return number
