"""Invoice requests as buyers, sellers and the operator look at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, true
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import NotFound
from shop.invoices.models import InvoiceRequest
from shop.invoices.states import InvoiceState

BUYER_ROLES = (Role.requester, Role.finance)
AWAITS_RED = and_(InvoiceRequest.state == InvoiceState.ISSUED, InvoiceRequest.red_due_at.is_not(None))
LIVE = (InvoiceState.REQUESTED, InvoiceState.ISSUED)


def is_buyer(invoice: InvoiceRequest, actor: Actor) -> bool:
    """Whether the actor bought it, or works for the buying organisation as requester or finance officer."""
    if invoice.buyer_person_id is not None and invoice.buyer_person_id == actor.person_id:
        return True
    where = invoice.buyer_organization_id
    return where is not None and any(actor.has(role, where) for role in BUYER_ROLES)


def visible_to(actor: Actor) -> ColumnElement[bool]:
    """SQL condition: the requests an actor may see: own ones, those to a seller they are clerk of; an operator sees all."""
    if actor.has(Role.operator):
        return true()
    buying = {where for role in BUYER_ROLES for where in actor.organizations_with(role)}
    return or_(
        InvoiceRequest.buyer_person_id == actor.person_id if actor.person_id else InvoiceRequest.id.is_(None),
        InvoiceRequest.buyer_organization_id.in_(buying),
        InvoiceRequest.seller_id.in_(actor.organizations_with(Role.clerk)),
    )


def get_invoice(session: Session, code: str, actor: Actor, *, lock: bool = False) -> InvoiceRequest:
    """The request with this code when the actor may see it, locked until the transaction ends if asked. Raises NotFound."""
    query = select(InvoiceRequest).where(InvoiceRequest.code == code, visible_to(actor))
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    invoice = session.scalar(query)
    if invoice is None:
        raise NotFound("没有这个开票申请，请检查申请号。")
    return invoice


def find_live(session: Session, subject_code: str) -> InvoiceRequest | None:
    """The request that stands (asked for or issued) for a sub-order or settlement, or None."""
    return session.scalar(select(InvoiceRequest).where(InvoiceRequest.subject_code == subject_code, InvoiceRequest.state.in_(LIVE)))


def list_invoices_of(session: Session, subject_codes: Collection[str]) -> Sequence[InvoiceRequest]:
    """Every request for these sub-orders or settlements, taken back ones too, oldest first."""
    return session.scalars(
        select(InvoiceRequest).where(InvoiceRequest.subject_code.in_(subject_codes)).order_by(InvoiceRequest.id)
    ).all()


def list_invoices(
    session: Session,
    actor: Actor,
    *,
    state: InvoiceState | None = None,
    red: bool = False,
    after: UUID | None = None,
    limit: int = 50,
) -> Sequence[InvoiceRequest]:
    """What the actor may see, newest first; ``red``: what awaits its red-letter invoice. ``after`` is the last id of the page before."""
    query = select(InvoiceRequest).where(visible_to(actor)).order_by(InvoiceRequest.id.desc()).limit(limit)
    if red:
        query = query.where(AWAITS_RED)
    elif state is not None:
        query = query.where(InvoiceRequest.state == state)
    return session.scalars(query.where(InvoiceRequest.id < after) if after else query).all()


def count_red_due(session: Session) -> int:
    """How many issued invoices await their red-letter one."""
    return session.scalar(select(func.count()).select_from(InvoiceRequest).where(AWAITS_RED)) or 0
