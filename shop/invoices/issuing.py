"""Record what the seller issued in the tax system: the invoice, or its red-letter correction.

Numbers and amounts are checked, not believed.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from catalog.documents.numbers import NumberKind, parse_number
from catalog.parties.acting import tell_act
from catalog.parties.models import Actor, Organization, Role
from kernel.clock import today_shanghai
from kernel.errors import FieldError, Invalid, Problem
from kernel.money import Money
from kernel.outbox import publish
from shop.invoices.document import TaxDocument
from shop.invoices.models import InvoiceCorrected, InvoiceRequest
from shop.invoices.queries import get_invoice
from shop.invoices.states import STATES, InvoiceState

RED_WITHIN = timedelta(days=3)  # ours, not the law's: a red-letter invoice is asked for in the month of the refund


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
    """Note the invoice the seller issued; the seller's clerk or the operator may. Only its XML tells of names, seller and kind.

    Refused unless amount and buyer's tax number are those asked for. Raises NotFound, Forbidden, Invalid with every wrong field, Conflict.
    """
    invoice = _lock_for_seller(session, actor, code)
    STATES.check(invoice.state, InvoiceState.ISSUED)
    errors: list[FieldError] = []
    number = _read_number(session, invoice, invoice_number, "invoice_number", errors)
    typed = buyer_tax_number.strip().upper()
    if amount != Money(invoice.amount_fen):
        params = {"asked": Money(invoice.amount_fen).format(), "typed": amount.format()}
        errors.append(FieldError("amount", "价税合计应为 %(asked)s，您填的是 %(typed)s。请核对发票。", params))
    if invoice.tax_number is not None and not typed:
        errors.append(FieldError("buyer_tax_number", "请填写发票上的购买方税号。"))
    elif (typed or None) != invoice.tax_number:
        errors.append(FieldError("buyer_tax_number", "购买方税号和申请的不一样，请核对发票。"))
    if issued_on > today_shanghai(at):
        errors.append(FieldError("issued_on", "开票日期不能晚于今天。"))
    if errors:
        raise Invalid("发票和申请对不上，没有登记。", errors=errors)
    invoice.move(InvoiceState.ISSUED)
    tell_act(session, actor, "invoice.recorded", invoice.code, {"state": "requested"}, {"state": "issued", "number": number}, at=at)
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
    after = {"state": "red", "number": number, "reason": reason.strip()[:200]}
    tell_act(session, actor, "invoice.red", invoice.code, {"state": "issued", "number": invoice.invoice_number}, after, at=at)
    invoice.red_number, invoice.red_on, invoice.red_reason = number, red_on, reason.strip()[:200]
    publish(session, InvoiceCorrected(invoice.code, number, at), at=at)
    session.flush()
    return invoice


def record_document(session: Session, actor: Actor, code: str, document: TaxDocument, *, at: datetime) -> InvoiceRequest:
    """Note what the invoice's own XML says: the invoice itself, or the red-letter one that takes it back.

    Checked as typed figures are, and besides: buyer's name, seller's tax number, kind. Raises as ``record_issued`` and ``record_red``.
    """
    invoice = _lock_for_seller(session, actor, code)
    errors = _compare(session, invoice, document)
    if errors:
        raise Invalid("发票和申请对不上，没有登记。", errors=errors)
    if document.is_red:
        reason = "按红字发票文件登记"
        return record_red(session, actor, code, red_number=document.number, red_on=document.issued_on, reason=reason, at=at)
    return record_issued(
        session,
        actor,
        code,
        invoice_number=document.number,
        amount=document.amount,
        buyer_tax_number=document.buyer_tax_number,
        issued_on=document.issued_on,
        at=at,
    )


def _compare(session: Session, invoice: InvoiceRequest, document: TaxDocument) -> list[FieldError]:
    """What of the document is not as asked for; that ``record_issued`` does not look at itself."""
    seller, errors = session.get_one(Organization, invoice.seller_id), []
    if "".join(document.buyer_name.split()) != "".join(invoice.title.split()):
        told = {"asked": invoice.title, "found": document.buyer_name}
        errors.append(FieldError("document", "购买方应为“%(asked)s”，发票上是“%(found)s”。", told))
    if not seller.uscc and not seller.is_demo:
        errors.append(FieldError("document", "销售方还没有登记统一社会信用代码，文件无从核对。请先登记，或照着发票填。"))
    elif seller.uscc and document.seller_tax_number.upper() != seller.uscc:
        told = {"asked": seller.uscc, "found": document.seller_tax_number or "—"}
        errors.append(FieldError("document", "销售方税号应为 %(asked)s，发票上是 %(found)s。", told))
    if document.special is None:
        errors.append(FieldError("document", "文件里没有写明是普通发票还是专用发票，无从核对。请照着发票填。"))
    if document.special is False and invoice.special:
        errors.append(FieldError("document", "申请的是专用发票，这张是普通发票。"))
    if document.special and not invoice.special:
        errors.append(FieldError("document", "申请的是普通发票，这张是专用发票。"))
    if document.is_red:
        if (document.buyer_tax_number.upper() or None) != invoice.tax_number:
            errors.append(FieldError("document", "购买方税号和申请的不一样，请核对发票。"))
        if -document.amount != Money(invoice.amount_fen):
            told = {"asked": Money(-invoice.amount_fen).format(), "found": document.amount.format()}
            errors.append(
                FieldError("document", "红字发票应为 %(asked)s，文件里是 %(found)s。部分红冲请先在税务系统全额红冲。", told)
            )
    return errors


def owe_red(invoice: InvoiceRequest, *, at: datetime) -> bool:
    """Money went back after this locked invoice was issued, so its seller owes the red-letter one; False when it did before."""
    if invoice.red_due_at is not None:
        return False
    invoice.red_due_at = at + RED_WITHIN
    return True


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
