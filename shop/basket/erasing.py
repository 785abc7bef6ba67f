"""What an erased person had in the basket goes with them."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectErased, SubjectKind
from shop.basket.models import Basket, BasketLine


def forget_basket(session: Session, event: SubjectErased) -> None:
    """The reaction."""
    if event.kind is SubjectKind.PERSON:
        own = select(Basket.id).where(Basket.person_id == event.subject_id)
        session.execute(delete(BasketLine).where(BasketLine.basket_id.in_(own)))
        session.execute(delete(Basket).where(Basket.person_id == event.subject_id))
