"""What a guest did becomes an account's own, in every room that keeps whose it is."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from shop.accounts.claiming import GuestClaimed
from shop.basket.filling import merge_on_sign_in
from shop.basket.queries import Owner
from shop.cases.models import Case
from shop.notices.models import Notice
from shop.orders.models import Order


def adopt_guest(session: Session, event: GuestClaimed) -> None:
    """The reaction: orders, cases, messages and the basket. Reviews stay as they were written: no row of theirs is ever changed."""
    for owner in (Order.buyer_person_id, Case.opened_by, Notice.person_id):
        session.execute(update(owner.class_).where(owner == event.guest_id).values({owner: event.person_id}))
    merge_on_sign_in(session, event.person_id, Owner(person_id=event.guest_id), at=event.at)
