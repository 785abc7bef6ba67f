"""Payments as pages and other rooms look at them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.parties.queries import map_organizations
from kernel.errors import NotFound
from shop.payments.models import (
    Notice,
    PayeeAccount,
    Payment,
    Provider,
    Reconciliation,
    Refund,
    StatementImport,
    StatementLine,
)
from shop.payments.states import PaymentState, RefundState


def get_payment(session: Session, code: str) -> Payment:
    """Raises NotFound."""
    payment = session.scalar(select(Payment).where(Payment.code == code))
    if payment is None:
        raise NotFound("没有这笔付款，请检查编号。")
    return payment


def get_organization_name(session: Session, seller_id: UUID) -> str:
    """The seller of record, as its licence names it."""
    return session.get_one(Organization, seller_id).name


def takes_online(session: Session, seller_ids: Iterable[UUID]) -> frozenset[UUID]:
    """Those of these sellers who are paid through the provider: the operator selling itself (自营), whose account is behind our key there.

    Collecting there for anybody else would be clearing without a licence (二清); they are paid by transfer to their own account.
    """
    found = map_organizations(session, seller_ids)
    return frozenset(key for key, seller in found.items() if seller.kind is OrganizationKind.OPERATOR)


def find_account(session: Session, seller_id: UUID) -> PayeeAccount | None:
    """The bank account a seller is paid into."""
    return session.get(PayeeAccount, seller_id)


def list_payments_of(session: Session, order_codes: Iterable[str]) -> Sequence[Payment]:
    """Every payment of these sub-orders, oldest first."""
    return session.scalars(select(Payment).where(Payment.order_code.in_(list(order_codes))).order_by(Payment.id)).all()


def list_refunds_of(session: Session, payment_ids: Iterable[UUID]) -> Sequence[Refund]:
    """Every refund of these payments, oldest first."""
    return session.scalars(select(Refund).where(Refund.payment_id.in_(list(payment_ids))).order_by(Refund.id)).all()


def sum_counted_refunds(session: Session, payment_id: UUID) -> int:
    """Fen given or being given back of what the order had counted of a payment; late and double money is not among it."""
    query = select(func.coalesce(func.sum(Refund.amount_fen), 0))
    wanted = query.where(Refund.payment_id == payment_id, Refund.unused.is_(False), Refund.state != RefundState.FAILED)
    return int(session.scalar(wanted) or 0)


def sum_done_refunds(session: Session, payment_id: UUID) -> int:
    """Fen of counted money that went back, as ``PaymentRefunded`` told of it: what a bank sent back afterwards is still among it."""
    query = select(func.coalesce(func.sum(Refund.amount_fen), 0))
    return int(
        session.scalar(query.where(Refund.payment_id == payment_id, Refund.unused.is_(False), Refund.done_at.is_not(None))) or 0
    )


def list_payments(
    session: Session, *, state: PaymentState | None = None, search: str = "", after: UUID | None = None, limit: int = 50
) -> Sequence[Payment]:
    """Newest first; ``search`` is (the beginning of) a payment's, sub-order's or remittance code."""
    query = select(Payment).order_by(Payment.id.desc()).limit(limit)
    if state is not None:
        query = query.where(Payment.state == state)
    if search:
        wanted = search.strip().upper()
        remittance = wanted.replace("-", "")
        query = query.where(
            Payment.code.startswith(wanted, autoescape=True)
            | Payment.order_code.startswith(wanted, autoescape=True)
            | Payment.remittance_code.startswith(remittance, autoescape=True)
        )
    return session.scalars(query.where(Payment.id < after) if after else query).all()


@dataclass(frozen=True)
class OpenWork:
    """What waits for a person, as numbers: failed refunds, refunds to pay back by hand, unmatched credits."""

    failed_refunds: int
    transfers_back: int
    unmatched: int


def count_open_work(session: Session) -> OpenWork:
    """Three small counts over partial indexes."""

    def count(query: object) -> int:
        return session.scalar(query) or 0  # type: ignore[call-overload]

    number = select(func.count())
    return OpenWork(
        failed_refunds=count(number.select_from(Refund).where(Refund.state == RefundState.FAILED)),
        transfers_back=count(number.select_from(Refund).join(Payment).where(*_TO_PAY_BACK)),
        unmatched=count(number.select_from(StatementLine).where(StatementLine.payment_id.is_(None))),
    )


_TO_PAY_BACK = (Refund.state == RefundState.REQUESTED, Payment.provider == Provider.BANK_TRANSFER)


def list_refunds_to_tend(session: Session, *, limit: int = 100) -> Sequence[tuple[Refund, Payment]]:
    """Refunds a person must see to: failed ones, and those to be paid back by transfer; oldest first."""
    query = select(Refund, Payment).join(Payment)
    wanted = (Refund.state == RefundState.FAILED) | (_TO_PAY_BACK[0] & _TO_PAY_BACK[1])
    return [(refund, payment) for refund, payment in session.execute(query.where(wanted).order_by(Refund.id).limit(limit))]


def list_accounts_for(session: Session, actor: Actor) -> Sequence[tuple[PayeeAccount, Organization]]:
    """The accounts whose statements ``actor`` may import, by the seller's name."""
    query = select(PayeeAccount, Organization).join(Organization, Organization.id == PayeeAccount.seller_id)
    if not actor.has(Role.operator):
        query = query.where(PayeeAccount.seller_id.in_(actor.organizations_with(Role.finance)))
    return [(account, seller) for account, seller in session.execute(query.order_by(Organization.name))]


def list_unmatched(session: Session, seller_ids: Iterable[UUID], *, limit: int = 100) -> Sequence[StatementLine]:
    """Credits that wait for a person, oldest first."""
    query = select(StatementLine).where(StatementLine.payment_id.is_(None), StatementLine.seller_id.in_(list(seller_ids)))
    return session.scalars(query.order_by(StatementLine.id).limit(limit)).all()


def list_lines_of(session: Session, payment_id: UUID) -> Sequence[StatementLine]:
    """The credits counted on a payment."""
    return session.scalars(select(StatementLine).where(StatementLine.payment_id == payment_id).order_by(StatementLine.id)).all()


def get_import(session: Session, import_id: UUID) -> StatementImport:
    """Raises NotFound."""
    found = session.get(StatementImport, import_id)
    if found is None:
        raise NotFound("没有这次导入。")
    return found


def list_imports(session: Session, seller_ids: Iterable[UUID], *, limit: int = 20) -> Sequence[StatementImport]:
    """The latest imports of these sellers."""
    query = select(StatementImport).where(StatementImport.seller_id.in_(list(seller_ids)))
    return session.scalars(query.order_by(StatementImport.id.desc()).limit(limit)).all()


def find_last_run(session: Session) -> Reconciliation | None:
    """The last whole reconciliation."""
    query = select(Reconciliation).where(Reconciliation.finished_at.is_not(None))
    return session.scalar(query.order_by(Reconciliation.finished_at.desc()).limit(1))


def list_strange_notices(session: Session, *, limit: int = 50) -> Sequence[Notice]:
    """Notices about payments we do not have: money someone must look for."""
    query = select(Notice).where(Notice.last_error == "no_such_payment").order_by(Notice.received_at.desc())
    return session.scalars(query.limit(limit)).all()
