"""What an erased person had in the basket goes with them."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from shop.basket.models import Basket, BasketLine


def forget_basket(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.PERSON:
        empty_basket(session, event.subject_id)


def empty_basket(session: Session, person_id: UUID) -> None:
    """Delete the person's basket with all that lies in it."""
    own = select(Basket.id).where(Basket.person_id == person_id)
    session.execute(delete(BasketLine).where(BasketLine.basket_id.in_(own)))
    session.execute(delete(Basket).where(Basket.person_id == person_id))
