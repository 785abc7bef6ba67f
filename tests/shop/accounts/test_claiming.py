"""Guests: known by a phone, claimed by whoever confirms it, with everything that is theirs."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel import outbox
from kernel.db import Base
from kernel.errors import Invalid
from shop import wiring
from shop.accounts.claiming import open_guest
from shop.accounts.confirming import enter_account
from shop.accounts.models import Address, Guest
from shop.accounts.queries import find_actor, find_reach
from shop.accounts.signing import open_session
from shop.basket.filling import add_boxes
from shop.basket.queries import Owner, count_boxes
from shop.cases.claiming import ask_about_order
from shop.cases.states import CaseKind
from shop.orders.queries import list_orders_of
from tests.factories.shop import make_address, make_goods, make_order

PHONE = "13900000000"


@pytest.mark.parametrize("typed", ["139 0000 0000", "+8613900000000", "0592-1234567"])
def test_a_guest_is_known_by_a_phone_and_nothing_else(session: Session, at: datetime, typed: str) -> None:
    guest = open_guest(session, typed, at=at)
    assert (guest.phone, guest.email) == (None, None)
    assert find_reach(session, guest.id) in (PHONE, "0592-1234567")
    actor = find_actor(session, open_session(session, guest.id, at=at), at=at)
    assert actor is not None
    assert actor.guest


@pytest.mark.parametrize("typed", ["", "12", "a@example.cn"])
def test_without_a_phone_there_is_no_guest(session: Session, at: datetime, typed: str) -> None:
    with pytest.raises(Invalid):
        open_guest(session, typed, at=at)


def test_everything_of_a_guest_becomes_the_accounts(session: Session, at: datetime) -> None:
    wiring.register()
    guest = open_guest(session, PHONE, at=at)
    token = open_session(session, guest.id, at=at)
    make_address(session, guest.id, at=at)
    actor = find_actor(session, token, at=at)
    assert actor is not None
    goods = make_goods(session)
    order = make_order(session, {goods.sku: 1}, actor)
    ask_about_order(session, actor, order.code, CaseKind.PAYMENT, text="怎么付款？", at=at)
    add_boxes(session, Owner(person_id=guest.id), goods.sku, 2, at=at)
    session.flush()
    outbox.deliver_all()
    person = enter_account(session, PHONE, at=at)
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    assert [row.code for row in list_orders_of(session, person_id=person.id)] == [order.code]
    assert count_boxes(session, Owner(person_id=person.id)) == 2
    assert session.scalar(select(func.count()).select_from(Address).where(Address.person_id == person.id)) == 1
    assert find_actor(session, token, at=at) is None, "the guest's browser is signed out"
    assert session.get(Guest, guest.id) is None
    left = [
        f"{table}.{column.name}"
        for table in Base.metadata.tables.values()
        for key in table.foreign_keys
        if key.column.table.name == "parties_person"
        for column in [key.parent]
        if session.scalar(text(f"SELECT count(*) FROM {table} WHERE {column.name} = :guest"), {"guest": guest.id})
    ]
    assert left == [], "nothing points at the guest any more"


def test_another_phone_claims_nothing(session: Session, at: datetime) -> None:
    guest = open_guest(session, PHONE, at=at)
    enter_account(session, "13800138000", at=at)
    enter_account(session, "a@example.cn", at=at)
    assert session.get(Guest, guest.id) is not None
    assert session.get_one(Person, guest.id).name == "139****0000"
