"""Ask for an invoice, or take the request back. Upper rooms check that the thing is the buyer's and what it cost."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from catalog.documents.numbers import NumberKind, parse_number
from catalog.parties.models import Actor
from catalog.parties.queries import get_organization
from kernel.errors import Conflict, FieldError, Invalid, Problem
from kernel.money import Money
from shop.invoices.models import InvoiceRequest, TitleKind
from shop.invoices.numbering import take_number
from shop.invoices.queries import find_live, get_invoice, is_buyer
from shop.invoices.states import InvoiceState

LONGEST = 100
_MAIL = re.compile(r"[^@\s<>\"']+@[^@\s<>\"']+\.[^@\s<>\"'.]+")


@dataclass(frozen=True, slots=True)
class Item:
    """One thing sold: boxes of a product, or freight; ``amount_fen`` is what it cost before anything was given back."""

    name: str
    quantity: int
    unit: str
    amount_fen: int


@dataclass(frozen=True)
class InvoiceDraft:
    """What the buyer wants on the invoice; ``subject_code`` is the sub-order (or settlement) it is for, ``amount`` what that cost.

    ``items`` is what it was for; their amounts are cut down to ``amount`` in proportion. ``special``: a 专用发票, for bodies only.
    """

    subject_code: str
    seller_id: UUID
    amount: Money
    title_kind: TitleKind
    title: str
    tax_number: str = ""
    email: str = ""
    note: str = ""
    special: bool = False
    items: Sequence[Item] = ()
    buyer_person_id: UUID | None = None
    buyer_organization_id: UUID | None = None


def request_invoice(session: Session, actor: Actor, draft: InvoiceDraft, *, at: datetime) -> InvoiceRequest:
    """Ask ``draft.seller_id`` for an invoice. Raises Invalid with every wrong field, Conflict when one is asked for or issued already.

    That the thing was bought by this buyer, from this seller, for this amount is checked by the room that calls.
    """
    seller = get_organization(session, draft.seller_id)
    title, tax_number, email = _check(draft, demo=seller.is_demo)
    # The number first: its lock puts two requests for one thing in a row, so that the second sees the first.
    number = take_number(session, seller.id)
    if find_live(session, draft.subject_code) is not None:
        raise Conflict("这一笔已经申请过开票。要改抬头，请先撤回原来的申请；已开票的，请联系销售方红冲。")
    invoice = InvoiceRequest(
        code=f"KP-{seller.code}-{number:06d}",
        seller_id=seller.id,
        number=number,
        subject_code=draft.subject_code,
        buyer_person_id=draft.buyer_person_id,
        buyer_organization_id=draft.buyer_organization_id,
        title_kind=draft.title_kind,
        title=title,
        tax_number=tax_number,
        email=email,
        note=draft.note.strip()[:LONGEST],
        amount_fen=draft.amount.minor,
        special=draft.special,
        items=_share(draft),
        asked_by=actor.label,
        asked_at=at,
    )
    session.add(invoice)
    session.flush()
    return invoice


def _share(draft: InvoiceDraft) -> list[dict[str, object]]:
    """The items with amounts that add up to the invoice's, to the fen."""
    weights = [item.amount_fen for item in draft.items]
    shares = draft.amount.split(weights) if sum(weights) else []
    return [asdict(item) | {"amount_fen": share.minor} for item, share in zip(draft.items, shares, strict=False) if share.minor]


def withdraw_invoice(session: Session, actor: Actor, code: str) -> InvoiceRequest:
    """Take back a request nobody has answered yet; its number stays used. Raises NotFound, Forbidden, Conflict."""
    invoice = get_invoice(session, code, actor, lock=True)
    if not is_buyer(invoice, actor):
        actor.must_any({})
    invoice.move(InvoiceState.WITHDRAWN)
    return invoice


def _check(draft: InvoiceDraft, *, demo: bool) -> tuple[str, str | None, str]:
    errors = []
    title, email, tax_number = " ".join(draft.title.split()), draft.email.strip(), None
    if not 1 <= len(title) <= LONGEST:
        errors.append(FieldError("title", "请填写发票抬头，最多 %(most)s 个字。", {"most": LONGEST}))
    if email and (len(email) > 254 or not _MAIL.fullmatch(email)):
        errors.append(FieldError("email", "收票邮箱不对，请检查后重填。"))
    if draft.special and draft.title_kind is not TitleKind.ORGANIZATION:
        errors.append(FieldError("special", "专用发票只开给单位。个人请选普通发票。"))
    if draft.title_kind is TitleKind.ORGANIZATION:
        try:
            tax_number = parse_number(NumberKind.USCC, draft.tax_number, demo=demo, field="tax_number")
        except Problem as problem:
            errors += problem.errors
    if draft.amount.minor <= 0:
        errors.append(FieldError("amount", "金额为 0，不需要开票。"))
    if errors:
        raise Invalid("开票资料有几处需要改一下。", errors=errors)
    return title, tax_number, email
