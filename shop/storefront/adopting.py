"""What a guest bought becomes an account's own, in every room that keeps whose it is."""

from __future__ import annotations

from sqlalchemy import exists, update
from sqlalchemy.orm import Session

from kernel.db import may_adopt
from shop.accounts.claiming import GuestClaimed
from shop.basket.erasing import empty_basket
from shop.basket.filling import merge_on_sign_in
from shop.basket.queries import Owner
from shop.cases.models import Case, CaseSubject
from shop.invoices.models import InvoiceRequest
from shop.notices.models import Notice
from shop.orders.models import Order
from shop.reviews.models import Review


def adopt_guest(session: Session, event: GuestClaimed) -> None:
    """The reaction: orders, what was asked about them, their invoices and reviews, and the messages.

    A guest never confirmed the phone: only the same browser takes its basket and its other cases along. A stranger's basket goes, and
    their other cases are from then on those of somebody without an account.
    """
    about = exists().where(CaseSubject.case_id == Case.id, CaseSubject.code == Order.code, Order.buyer_person_id == event.guest_id)
    cases = update(Case).where(Case.opened_by == event.guest_id)
    session.execute((cases if event.same_browser else cases.where(about)).values(opened_by=event.person_id))
    session.execute(cases.values(opened_by=None))
    with may_adopt(session):  # invoices asked for and reviews are never rewritten but for whose they are
        for owner in (Order.buyer_person_id, Notice.person_id, InvoiceRequest.buyer_person_id, Review.person_id):
            session.execute(update(owner.class_).where(owner == event.guest_id).values({owner: event.person_id}))
    if event.same_browser:
        merge_on_sign_in(session, event.person_id, Owner(person_id=event.guest_id), at=event.at)
    else:
        empty_basket(session, event.guest_id)
