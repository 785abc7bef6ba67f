"""Guests: known by a phone, claimed by whoever confirms it, with everything that is theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel import outbox
from kernel.db import Base
from kernel.errors import Invalid
from kernel.idempotency import ClaimedKey
from shop import wiring
from shop.accounts import claiming
from shop.accounts.claiming import open_guest
from shop.accounts.confirming import agree, enter_account
from shop.accounts.models import Address, Guest, SignInCode
from shop.accounts.one_time_code import derive
from shop.accounts.queries import find_actor, find_reach, list_addresses
from shop.accounts.signing import open_session
from shop.basket.filling import add_boxes
from shop.basket.queries import Owner, count_boxes
from shop.cases.claiming import ask_about_order
from shop.cases.handling import open_case
from shop.cases.queries import list_own_cases
from shop.cases.states import CaseKind
from shop.orders.queries import list_orders_of
from tests.factories.catalog import form
from tests.factories.shop import SHANGHAI, make_address, make_goods, make_order

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


@pytest.mark.parametrize("same_browser", [True, False])
def test_what_a_guest_bought_becomes_the_accounts(session: Session, at: datetime, same_browser: bool) -> None:
    """What else the guest left comes along only in the browser it was left with: nobody confirmed the phone of a guest."""
    wiring.register()
    guest = open_guest(session, PHONE, at=at)
    token = open_session(session, guest.id, at=at)
    make_address(session, guest.id, at=at).is_default = True
    agree(session, guest.id, at=at)
    key = ClaimedKey(scope=f"person:{guest.id}|x", key="k" * 8, fingerprint="f", status=200, headers={}, body="", created_at=at)
    session.add(key)
    actor = find_actor(session, token, at=at)
    assert actor is not None
    goods = make_goods(session)
    order = make_order(session, {goods.sku: 1}, actor)
    ask_about_order(session, actor, order.code, CaseKind.PAYMENT, text="怎么付款？", at=at)
    open_case(session, actor, CaseKind.SCAN_REPORT, subjects=["1234"], text="扫不出来。", at=at)
    add_boxes(session, Owner(person_id=guest.id), goods.sku, 2, at=at)
    session.flush()
    outbox.deliver_all()
    person = enter_account(session, PHONE, guest.id if same_browser else None, at=at)
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    assert [row.code for row in list_orders_of(session, person_id=person.id)] == [order.code]
    assert len(list_own_cases(session, person.id)) == (2 if same_browser else 1), "the one about the order at least"
    assert count_boxes(session, Owner(person_id=person.id)) == (2 if same_browser else 0)
    assert [row.is_default for row in list_addresses(session, person.id)] == ([False] if same_browser else [])
    assert session.scalar(select(func.count()).select_from(ClaimedKey)) == 0
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


def become_guest_with_usual_address(app: Flask, session: Session, sku: str) -> FlaskClient:
    browser = app.test_client()
    browser.post("/basket/lines", data=form(sku=sku, quantity=1))
    browser.post("/checkout/address", data=form(**(SHANGHAI | {"agree": "1", "phone": PHONE, "street": "别人的路 9 号"})))
    newest = session.scalars(select(Address).order_by(Address.id.desc())).first()
    assert newest is not None
    assert browser.post(f"/account/addresses/{newest.id}/default", data=form()).status_code == 302
    return browser


def confirm(app: Flask, session: Session, browser: FlaskClient) -> Any:
    browser.post("/sign-in/code", data=form(contact=PHONE))
    code = session.scalars(select(SignInCode)).one()
    return browser.post("/sign-in/code/confirm", data={"code": derive(app.config["SECRET_KEY"], code.id, PHONE), "agree": "1"})


def test_strangers_under_a_phone_neither_lock_its_owner_out_nor_choose_where_parcels_go(app: Flask, session: Session) -> None:
    wiring.register()
    sku = make_goods(session).sku
    for _ in range(2):
        become_guest_with_usual_address(app, session, sku)
    owner = app.test_client()
    assert confirm(app, session, owner).status_code == 302
    outbox.deliver_all()
    assert "别人的路" not in owner.get("/account/addresses").text


def test_without_the_look_at_the_browser_they_would(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(claiming, "is_same_browser", lambda *_: True)
    become_guest_with_usual_address(app, session, make_goods(session).sku)
    owner = app.test_client()
    confirm(app, session, owner)
    assert "别人的路" in owner.get("/account/addresses").text


def test_a_browser_keeps_its_own_address_and_basket(app: Flask, session: Session) -> None:
    wiring.register()
    goods = make_goods(session)
    browser = become_guest_with_usual_address(app, session, goods.sku)
    assert confirm(app, session, browser).status_code == 302
    outbox.deliver_all()
    assert goods.name in browser.get("/basket").text
    assert "别人的路" in browser.get("/account/addresses").text
