"""An invoice and its title are kept as tax law asks (发票管理办法); the address it was mailed to and notes are not."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from kernel.db import may_erase
from shop.invoices.models import InvoiceRequest


def forget_address(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.PERSON:
        own = update(InvoiceRequest).where(
            InvoiceRequest.buyer_person_id == event.subject_id, InvoiceRequest.buyer_organization_id.is_(None)
        )
        with may_erase(session):
            session.execute(own.values(email="", note=""))
