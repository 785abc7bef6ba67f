"""Buying without an account, from the basket to the order page and on another phone."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from catalog.parties.erasing import SubjectKind, erase_person
from catalog.parties.models import Person
from kernel import clock, outbox
from kernel.web import limiter
from shop import wiring
from shop.accounts.confirming import enter_account
from shop.accounts.models import Address, Agreement, Guest
from shop.accounts.signing import STAYS
from shop.backoffice.tracing import find_subject
from shop.invoices.models import InvoiceRequest
from shop.invoices.states import InvoiceState
from shop.orders.models import Order
from shop.orders.states import OrderState
from shop.reviews.models import Review
from shop.storefront import rationing
from shop.storefront.forgetting import forget_idle_guests
from shop.storefront.views import found
from tests.factories.catalog import form, make_person
from tests.factories.logistics import make_allocations
from tests.factories.shop import SHANGHAI, deliver, make_goods, make_order, pay
from tests.shop.storefront.test_checkout import read_form


def become_guest(client: FlaskClient, sku: str, quantity: int = 2, **more: str) -> Any:
    client.post("/basket/lines", data=form(sku=sku, quantity=quantity))
    return client.post("/checkout/address", data=form(**(SHANGHAI | {"agree": "1"} | more)))


def buy(client: FlaskClient, sku: str, quantity: int = 2, **more: str) -> Any:
    """The whole way of a guest; returns the last answer."""
    answer = become_guest(client, sku, quantity, **more)
    return client.post("/checkout", data=read_form(client.get(answer.location).text) | {"no_return": "1"})


def newest(session: Session) -> Order:
    return session.scalars(select(Order).order_by(Order.id.desc())).first()  # type: ignore[return-value]


def test_a_stranger_buys_without_an_account(app: Flask, client: FlaskClient, session: Session) -> None:
    placed = buy(client, make_goods(session).sku)
    order = newest(session)
    assert placed.location == f"/orders/{order.code}"
    page = client.get(placed.location).text
    assert "去付款" in page
    assert "您没有登录就买了" in page
    assert order.buyer_person_id is not None
    guest = session.get_one(Guest, order.buyer_person_id)
    assert guest.phone == SHANGHAI["phone"]
    assert session.scalars(select(Agreement.person_id)).all() == [guest.person_id]
    assert order.code in client.get("/orders").text
    assert app.test_client().get(placed.location).status_code == 302, "another browser does not see it"
    assert client.post(f"/orders/{order.code}/cancel", data=form(reason="")).status_code == 302
    session.expire_all()
    assert newest(session).state is OrderState.CANCELLED


def test_the_page_of_a_stranger_offers_both_ways(client: FlaskClient, session: Session) -> None:
    client.post("/basket/lines", data=form(sku=make_goods(session).sku, quantity=1))
    page = client.get("/checkout").text
    assert "不用注册也能买" in page
    assert "/sign-in?next=/checkout" in page
    assert 'action="/checkout" class="form"' not in page, "an address first"


def test_nobody_becomes_a_guest_without_the_tick(client: FlaskClient, session: Session) -> None:
    answer = become_guest(client, make_goods(session).sku, agree="")
    assert answer.status_code == 422
    assert "同意后勾选" in answer.text
    assert SHANGHAI["street"] in answer.text, "what was typed stays"
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_a_wrong_address_makes_nobody(client: FlaskClient, session: Session) -> None:
    assert become_guest(client, make_goods(session).sku, street="").status_code == 422
    assert become_guest(client, make_goods(session).sku, contact_phone="12").status_code == 422
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_the_buyers_own_phone_is_kept_beside_the_recipients(client: FlaskClient, session: Session) -> None:
    buy(client, make_goods(session).sku, contact_phone="13800138000")
    assert session.scalars(select(Guest.phone)).one() == "13800138000"
    assert newest(session).address["phone"] == SHANGHAI["phone"]


def test_one_address_makes_few_guests(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    sku = make_goods(session).sku
    made = [become_guest(app.test_client(), sku).status_code for _ in range(11)]
    assert made == [302] * 10 + [429]
    monkeypatch.setattr(limiter, "enabled", False)
    assert become_guest(app.test_client(), sku).status_code == 302, "the guard switched off"


def test_guests_cannot_take_the_shelf(app: Flask, session: Session, sign_in: Any) -> None:
    """Ten boxes: guests who do not pay get five, whatever phones they give; the rest is for those who signed in."""
    sku = make_goods(session, boxes=10).sku
    assert buy(app.test_client(), sku, 3, phone="13900000001").status_code == 302
    refused = buy(app.test_client(), sku, 3, phone="13900000002")
    assert refused.status_code == 409
    assert "请登录后再买" in refused.text
    assert buy(app.test_client(), sku, 2, phone="13900000003").status_code == 302
    assert buy(app.test_client(), sku, 1, phone="13900000004").status_code == 409
    member = sign_in(app.test_client(), make_person(session))
    answer = become_guest(member, sku, 3)
    placed = member.post("/checkout", data=read_form(member.get(answer.location).text) | {"no_return": "1"})
    assert placed.status_code == 302
    assert session.scalar(select(func.count()).select_from(Order)) == 3


def test_the_same_page_again_is_the_same_order_whatever_is_left_by_now(client: FlaskClient, session: Session) -> None:
    goods = make_goods(session, boxes=10)
    data = read_form(client.get(become_guest(client, goods.sku, 5).location).text) | {"no_return": "1"}
    placed = client.post("/checkout", data=data)
    make_allocations(session, goods.id, 5, at=clock.now())
    session.flush()
    assert client.post("/checkout", data=data | form()).location == placed.location


def test_without_that_guard_they_could(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(rationing, "is_fair", lambda *_: True)
    sku = make_goods(session, boxes=10).sku
    assert [buy(app.test_client(), sku, 5, phone=f"1390000000{n}").status_code for n in range(2)] == [302, 302]


def order_more(member: FlaskClient, sku: str, quantity: int) -> Any:
    answer = become_guest(member, sku, quantity)
    return member.post("/checkout", data=read_form(member.get(answer.location).text) | {"no_return": "1"})


def test_one_account_cannot_take_the_shelf_either(
    app: Flask, session: Session, sign_in: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what nobody else has, over all its unpaid orders; what was paid for no longer counts; the last box is sold."""
    sku = make_goods(session, boxes=4).sku
    member = sign_in(app.test_client(), make_person(session))
    refused = order_more(member, sku, 3)
    assert refused.status_code == 409
    assert "最多有 2 盒" in refused.text
    member.post(f"/basket/lines/{sku}", data=form(quantity=0))
    assert order_more(member, sku, 2).status_code == 302
    assert order_more(member, sku, 1).status_code == 409
    pay(session, newest(session))
    member.post(f"/basket/lines/{sku}", data=form(quantity=0))
    assert order_more(member, sku, 1).status_code == 302
    pay(session, newest(session))
    assert order_more(member, sku, 1).status_code == 302, "one of one"
    monkeypatch.setattr(rationing, "is_fair", lambda *_: True)
    assert order_more(sign_in(app.test_client(), make_person(session)), make_goods(session, boxes=9).sku, 9).status_code == 302, (
        "the guard switched off"
    )


def test_one_account_has_few_unpaid_orders(app: Flask, session: Session, sign_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rationing, "MOST_UNPAID_OF_ACCOUNT", 2)
    sku = make_goods(session, boxes=20).sku
    member = sign_in(app.test_client(), make_person(session))
    assert [order_more(member, sku, 1).status_code for _ in range(3)] == [302, 302, 409]
    monkeypatch.setattr(rationing, "MOST_UNPAID_OF_ACCOUNT", 100)
    assert order_more(member, sku, 1).status_code == 302, "the guard switched off"


def test_one_phone_has_few_unpaid_orders(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rationing, "is_fair", lambda *_: True)
    sku = make_goods(session, boxes=20).sku
    assert [buy(app.test_client(), sku, 1).status_code for _ in range(4)] == [302, 302, 302, 409]
    monkeypatch.setattr(rationing, "MOST_UNPAID", 100)
    assert buy(app.test_client(), sku, 1).status_code == 302, "the guard switched off"


@pytest.mark.parametrize(
    ("taken", "left", "fair"), [(1, 0, True), (2, 0, False), (2, 1, True), (5, 5, True), (6, 4, False), (1, 9, True)]
)
def test_half_is_rounded_up(taken: int, left: int, fair: bool) -> None:
    assert rationing.is_fair(taken, left) is fair


def look_up(client: FlaskClient, code: str, tail: str) -> Any:
    return client.post("/find-order", data={"code": code, "tail": tail})


def test_on_another_phone_the_code_and_four_digits_show_how_it_goes(app: Flask, client: FlaskClient, session: Session) -> None:
    buy(client, make_goods(session).sku, contact_phone="13800138000")
    order = newest(session)
    other = app.test_client()
    unknown = other.get(f"/find-order/{order.code}")
    assert (unknown.status_code, order.lines[0].name in unknown.text) == (404, False)
    for tail in ("8000", SHANGHAI["phone"][-4:]):
        assert look_up(other, order.code.lower().replace("-", " "), tail).location == f"/find-order/{order.code}"
    page = other.get(f"/find-order/{order.code}").text
    assert order.lines[0].name in page
    for secret in (SHANGHAI["street"], SHANGHAI["recipient"], SHANGHAI["phone"], "/pay", "/cancel"):
        assert secret not in page, secret
    assert other.get(f"/orders/{order.code}").status_code == 302, "it opens no other door"
    back = f"/find-order?code={order.code}"
    assert client.get(back).location == f"/orders/{order.code}", "who bought it goes on to it"
    elsewhere = other.get(back)
    assert (elsewhere.status_code, f'value="{order.code}"' in elsewhere.text) == (200, True)
    assert f"/sign-in?next=/orders/{order.code}" in elsewhere.text
    with other.session_transaction() as cookie:
        cookie[found.FOUND][1] -= found.MAY_READ
        cookie.modified = True
    assert other.get(f"/find-order/{order.code}").status_code == 404, "after an hour it is asked for again"


def test_every_miss_reads_the_same(app: Flask, client: FlaskClient, session: Session) -> None:
    buy(client, make_goods(session).sku)
    bought = newest(session)
    members = make_order(session)
    session.flush()
    read = set()
    for code, tail in ((bought.code, "1234"), (bought.code, ""), ("ORD-0000-0000-00", "0000"), (members.code, "0000")):
        answer = look_up(app.test_client(), code, tail)
        read.add((answer.status_code, re.sub(r'value="[^"]*"|next=[^"]*"', "", answer.text)))
    assert len(read) == 1
    assert next(iter(read))[0] == 422


def test_four_digits_are_not_guessed(app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    buy(client, make_goods(session).sku)
    code = newest(session).code
    right = SHANGHAI["phone"][-4:]
    guessed = []
    for number in range(11):  # each from an address of its own
        browser = app.test_client()
        browser.environ_base["REMOTE_ADDR"] = f"10.0.0.{number}"
        guessed.append(look_up(browser, code, f"{number + 1:04d}").status_code)
    assert guessed == [422] * 10 + [429]
    assert look_up(client, code, right).status_code == 429, "the right digits too, until an hour has passed"
    monkeypatch.setattr(limiter, "enabled", False)
    assert look_up(client, code, right).status_code == 302, "the guard switched off"


def test_without_the_look_at_the_phone_the_code_would_do(
    client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    buy(client, make_goods(session).sku)
    monkeypatch.setattr(found, "knows_phone", lambda *_: True)
    assert look_up(client, newest(session).code, "1234").status_code == 302


def test_confirming_the_phone_takes_the_order_into_the_account(
    app: Flask, client: FlaskClient, session: Session, sign_in: Any
) -> None:
    wiring.register()
    buy(client, make_goods(session).sku)
    code = newest(session).code
    person = enter_account(session, SHANGHAI["phone"], at=clock.now())
    session.flush()
    outbox.deliver_all()
    assert client.get(f"/orders/{code}").status_code == 302, "the guest's browser is signed out"
    member = sign_in(app.test_client(), person)
    assert code in member.get("/orders").text
    assert member.get(f"/orders/{code}").status_code == 200
    assert look_up(app.test_client(), code, SHANGHAI["phone"][-4:]).status_code == 422, "from now on it takes the account"


def test_a_guests_basket_goes_along_on_signing_in(client: FlaskClient, session: Session) -> None:
    from shop.accounts.signing import add_login

    goods = make_goods(session)
    become_guest(client, goods.sku, 2)
    person = make_person(session)
    add_login(session, person.id, "member", "harvest-moon-7", at=clock.now())
    session.flush()
    client.post("/sign-in", data={"name": "member", "password": "harvest-moon-7"})
    assert goods.name in client.get("/basket").text


def test_messages_reach_a_guest(client: FlaskClient, session: Session, tmp_path: Any) -> None:
    from kernel import mail
    from shop.notices import notifying, tasks

    buy(client, make_goods(session).sku)
    order = newest(session)
    assert order.buyer_person_id is not None
    notifying.send_notice(
        session, person_id=order.buyer_person_id, kind="order_shipped", key="x", params={"order": order.code}, order_code=None, at=clock.now()
    )  # fmt: skip
    session.flush()
    sink = mail.FolderMailer(tmp_path / "all")
    tasks.use_mailer(sink)
    tasks.send_due()
    assert [letter["to"] for letter in sink.list_letters()] == [SHANGHAI["phone"]]


def test_a_guest_is_found_and_erased_like_anybody(client: FlaskClient, session: Session) -> None:
    wiring.register()
    buy(client, make_goods(session).sku)
    order = newest(session)
    client.post(f"/orders/{order.code}/cancel", data=form(reason=""))
    assert find_subject(session, SHANGHAI["phone"]) == (SubjectKind.PERSON, order.buyer_person_id)
    assert order.buyer_person_id is not None
    erase_person(session, order.buyer_person_id, reason="request", at=clock.now())
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    assert session.scalar(select(func.count()).select_from(Guest)) == 0
    assert newest(session).address["phone"] == ""
    assert look_up(client, order.code, "0000").status_code == 422


def test_guests_who_bought_nothing_are_forgotten(app: Flask, session: Session) -> None:
    wiring.register()
    goods = make_goods(session)
    become_guest(app.test_client(), goods.sku, phone="13900000001")
    buy(app.test_client(), goods.sku, phone="13900000002")
    late = clock.now() + STAYS
    assert forget_idle_guests(session, at=clock.now()) == 0
    assert forget_idle_guests(session, at=late) == 1
    session.flush()
    outbox.deliver_all()
    assert session.scalars(select(Guest.phone)).all() == ["13900000002"]
    assert session.scalar(select(func.count()).select_from(Address)) == 1


def ask_invoice(client: FlaskClient, path: str, part: str, **over: str) -> Any:
    values = {"part": part, "title_kind": "personal", "title": "个人", "tax_number": "", "email": ""}
    return client.post(path, data=form(**(values | over)))


def test_a_guest_asks_for_an_invoice_in_the_browser_that_bought(client: FlaskClient, session: Session) -> None:
    buy(client, make_goods(session).sku)
    order = pay(session, newest(session), at=clock.now())
    assert "申请发票" in client.get(f"/orders/{order.code}").text
    assert ask_invoice(client, f"/orders/{order.code}/invoice", f"{order.code}-1").status_code == 302
    assert session.scalars(select(InvoiceRequest.buyer_person_id)).all() == [order.buyer_person_id]


def test_a_guest_asks_for_an_invoice_where_the_order_was_found(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(client, make_goods(session).sku)
    order = pay(session, newest(session), at=clock.now())
    other, path, part = app.test_client(), f"/find-order/{newest(session).code}/invoice", f"{newest(session).code}-1"
    assert other.get(f"{path}?part={part}").status_code == ask_invoice(other, path, part).status_code == 404, "found first"
    look_up(other, order.code, SHANGHAI["phone"][-4:])
    assert "申请发票" in other.get(f"/find-order/{order.code}").text
    assert "价税合计" in other.get(f"{path}?part={part}").text
    missing = ask_invoice(other, path, part, title_kind="organization", title="示例单位")
    assert missing.status_code == 422
    assert "请填写统一社会信用代码" in missing.text
    assert "示例单位" in missing.text, "what was typed stays"
    assert ask_invoice(other, path, part).status_code == 302
    asked = session.scalars(select(InvoiceRequest)).one()
    assert asked.code in other.get(f"/find-order/{order.code}").text
    assert ask_invoice(other, path, part).status_code == 409
    stranger = app.test_client()
    with monkeypatch.context() as off:
        off.setattr(found, "_was_found", lambda _code: True)
        assert stranger.get(f"{path}?part={part}").status_code == 200, "the guard switched off"


def test_four_digits_take_no_request_back_and_ask_for_no_special_one(app: Flask, client: FlaskClient, session: Session) -> None:
    buy(client, make_goods(session).sku)
    order = pay(session, newest(session), at=clock.now())
    found_by, path, part = app.test_client(), f"/find-order/{order.code}/invoice", f"{order.code}-1"
    look_up(found_by, order.code, SHANGHAI["phone"][-4:])
    assert 'value="special"' not in found_by.get(f"{path}?part={part}").text
    body = {"title_kind": "organization", "title": "别人的公司", "tax_number": "91110000600037341L", "kind": "special"}
    refused = ask_invoice(found_by, path, part, **body)
    assert (refused.status_code, "要开专用发票，请先用下单的手机号登录" in refused.text) == (422, True)
    assert ask_invoice(found_by, path, part).status_code == 302
    asked = session.scalars(select(InvoiceRequest)).one()
    assert found_by.post(f"/invoices/{asked.code}/withdraw", data=form()).status_code in (302, 401, 403, 404)
    assert found_by.post(f"{path}/{asked.code}/withdraw", data=form()).status_code == 404
    session.expire_all()
    assert session.scalars(select(InvoiceRequest.state)).all() == [InvoiceState.REQUESTED]
    client.post(f"/invoices/{asked.code}/withdraw", data=form())
    session.expire_all()
    assert session.scalars(select(InvoiceRequest.state)).all() == [InvoiceState.WITHDRAWN], "in the browser that bought"


def test_invoice_and_review_follow_the_order_into_the_account(
    app: Flask, client: FlaskClient, session: Session, sign_in: Any
) -> None:
    wiring.register()
    buy(client, make_goods(session).sku)
    order = deliver(session, newest(session), at=clock.now())
    line = order.lines[0]
    ask_invoice(client, f"/orders/{order.code}/invoice", f"{order.code}-1")
    assert client.post(f"/reviews/{line.code}", data=form(stars="5", text="很甜。")).status_code == 302
    person = enter_account(session, SHANGHAI["phone"], at=clock.now())
    session.flush()
    outbox.deliver_all()
    session.expire_all()
    assert (
        session.scalars(select(Review.person_id)).all()
        == session.scalars(select(InvoiceRequest.buyer_person_id)).all()
        == [person.id]
    )
    member = sign_in(app.test_client(), person)
    assert session.scalars(select(InvoiceRequest.code)).one() in member.get("/invoices/").text
    with pytest.raises(DBAPIError, match="not rewritten"):
        session.execute(update(Review).values(person_id=order.buyer_person_id, text="改过"))
