"""Give out the next number of a seller: unique and without a gap."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from shop.invoices.models import InvoiceCounter


def take_number(session: Session, seller_id: UUID) -> int:
    """The seller's next number. The counter row stays locked until the caller's transaction ends: a rollback gives the number back."""
    session.execute(insert(InvoiceCounter).values(seller_id=seller_id, last=0).on_conflict_do_nothing())
    return session.execute(
        update(InvoiceCounter)
        .where(InvoiceCounter.seller_id == seller_id)
        .values(last=InvoiceCounter.last + 1)
        .returning(InvoiceCounter.last)
        .execution_options(synchronize_session=False)
    ).scalar_one()
