"""Ordering ahead through the doors: told apart from stock on every page, agreed to, and an order of its own."""

from __future__ import annotations

import re
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Person
from catalog.parties.queries import get_actor
from catalog.products.models import Product
from kernel import clock
from logistics.stock.announcing import end
from logistics.stock.models import Presale
from logistics.stock.preselling import promise
from logistics.stock.queries import available
from shop.basket.models import BasketLine
from shop.orders.cancelling import cancel_order
from shop.orders.models import Order
from shop.storefront import checking_out
from tests.factories.catalog import form, make_person, make_product
from tests.factories.logistics import make_presale, make_stock
from tests.factories.shop import make_address, make_goods, make_order, pay
from tests.shop.storefront.test_checkout import read_form as read_any_form


def read_form(page: str) -> dict[str, Any]:
    """The hidden fields of the form that places the order, the pre-sale among them."""
    body = page[page.index('action="/checkout" class="form"') :]
    (presale,) = re.findall(r'name="presale" value="([^"]*)"', body[: body.index("</form>")])
    return read_any_form(page) | {"presale": presale}


@pytest.fixture
def presale(session: Session) -> Presale:
    return make_presale(session, make_goods(session, boxes=3), at=clock.now())


@pytest.fixture
def product(session: Session, presale: Presale) -> Product:
    return session.get_one(Product, presale.product_id)


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


@pytest.fixture
def buyer(client: FlaskClient, session: Session, person: Person, sign_in: Any) -> FlaskClient:
    make_address(session, person.id)
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


def put_in(client: FlaskClient, product: Product, presale: Presale | None, quantity: int = 2, **more: str) -> str | None:
    code = presale.code if presale else ""
    return client.post("/basket/lines", data=form(sku=product.sku, presale=code, quantity=quantity, **more)).location


def use_up(session: Session, presale: Presale, boxes: int) -> None:
    """Others order so many of it, in a transaction of its own."""
    with session.begin_nested():
        promise(session, presale.code, order_code="O", line_code="L", holder="others", boxes=boxes, at=clock.now())


def give_up(session: Session, presale: Presale) -> None:
    """The harvest fails."""
    with session.begin_nested():
        end(session, SYSTEM, presale.code, note="霜冻", at=clock.now())


def said(presale: Presale) -> str:
    """The promised day as Chinese pages write it."""
    return f"{presale.ship_by.month}月{presale.ship_by.day}日前发货"


def test_the_page_tells_it_apart_from_stock(client: FlaskClient, session: Session, product: Product, presale: Presale) -> None:
    page = client.get(f"/products/{product.sku}").text
    assert "还剩 3 件" in page
    assert f"预售 · 预计{said(presale)}" in page
    assert "还能订 50 件，每人限 10 件" in page
    assert "取消订单，全额退款" in page
    english = client.get(f"/products/{product.sku}?lang=en").text
    assert "Pre-sale · ships by" in english
    assert "all money back" in english


def test_kept_pages_follow_it(client: FlaskClient, session: Session, product: Product, presale: Presale) -> None:
    path = f"/products/{product.sku}"
    for _ in range(2):
        assert "还能订 50 件" in client.get(path).text
    use_up(session, presale, 10)
    assert "还能订 40 件" in client.get(path).text
    give_up(session, presale)
    assert "预售" not in client.get(path).text


def test_lists_show_it_while_it_can_be_ordered(client: FlaskClient, session: Session) -> None:
    product = make_product(session)
    presale = make_presale(session, product, boxes=10, at=clock.now())
    tag = f"预售 · {said(presale).removesuffix('发货')}<"
    for path in ("/", "/products", f"/search?q={product.name[:2]}"):
        for _ in range(2):
            assert tag in client.get(path).text
    assert "正在预售" in client.get("/").text
    assert "预售</span>" in client.get("/season").text
    assert '"https://schema.org/PreOrder"' in client.get(f"/products/{product.sku}").text
    use_up(session, presale, 10)
    for path in ("/", "/products"):
        assert tag not in client.get(path).text
    assert "已经订完了" in client.get(f"/products/{product.sku}").text


def test_a_basket_keeps_both_apart(buyer: FlaskClient, session: Session, product: Product, presale: Presale) -> None:
    put_in(buyer, product, None, 1)
    assert put_in(buyer, product, presale, 2) == "/basket"
    put_in(buyer, product, presale, 1)
    lines = session.execute(select(BasketLine.presale_id, BasketLine.quantity).order_by(BasketLine.id)).all()
    assert [tuple(line) for line in lines] == [(None, 1), (presale.id, 3)]
    page = buyer.get("/basket").text
    assert page.count(f'href="/products/{product.sku}"') == 2
    assert f"/checkout?presale={presale.code}" in page
    buyer.post(f"/basket/lines/{product.sku}", data=form(quantity=3, step=1, presale=presale.code))
    assert f'name="line" value="{product.sku}:1"' in buyer.get("/checkout").text
    assert f'name="line" value="{product.sku}:4"' in buyer.get(f"/checkout?presale={presale.code}").text
    buyer.post(f"/basket/lines/{product.sku}", data=form(quantity=0, presale=presale.code))
    assert session.scalars(select(BasketLine.presale_id)).all() == [None]


def test_what_is_over_is_not_put_in_and_said_in_the_basket(
    buyer: FlaskClient, session: Session, product: Product, presale: Presale
) -> None:
    put_in(buyer, product, presale)
    other = make_goods(session)
    assert buyer.post("/basket/lines", data=form(sku=other.sku, presale=presale.code)).status_code == 404
    give_up(session, presale)
    assert buyer.post("/basket/lines", data=form(sku=product.sku, presale=presale.code)).status_code == 409
    assert "已经截止或订完" in buyer.get("/basket").text
    assert buyer.get(f"/checkout?presale={presale.code}").location == "/basket"


def test_the_whole_way(buyer: FlaskClient, session: Session, product: Product, presale: Presale) -> None:
    put_in(buyer, product, None, 1)
    where = put_in(buyer, product, presale, 2, then="checkout")
    assert where == f"/checkout?presale={presale.code}"
    page = buyer.get(where).text
    assert "提交预售订单" in page
    assert "收成不够就取消订单，全额退款" in page
    data = form(**read_form(page), no_return="1")
    answer = buyer.post("/checkout", data=data)
    assert answer.status_code == 422
    assert "请先勾选：我知道这是预售" in answer.text
    assert session.scalars(select(Order)).all() == []
    answer = buyer.post("/checkout", data=form(**read_form(answer.text), no_return="1", presale_agreed="1"))
    order = session.scalars(select(Order)).one()
    assert answer.location == f"/orders/{order.code}"
    assert (order.presale_code, order.ship_by, order.lines[0].quantity) == (presale.code, presale.ship_by, 2)
    assert available(session, [product.id], clock.now()) == {product.id: 3}
    assert session.scalars(select(BasketLine.presale_id)).all() == [None]
    shown = buyer.get(answer.location).text
    assert f"预计{said(presale)}" in shown
    assert "采收装盒" in shown
    assert "预售" in buyer.get("/orders").text


def test_without_the_tick_it_would_be_placed(
    buyer: FlaskClient, session: Session, product: Product, presale: Presale, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: whoever posts the form without its tick gets an order all the same."""
    put_in(buyer, product, presale)
    data = form(**read_form(buyer.get(f"/checkout?presale={presale.code}").text), no_return="1")
    monkeypatch.setattr(checking_out, "must_know", lambda _: None)
    assert "/orders/" in str(buyer.post("/checkout", data=data).location)


def test_the_order_page_follows_the_harvest(
    buyer: FlaskClient, session: Session, person: Person, product: Product, presale: Presale
) -> None:
    actor, at = get_actor(session, person.id), clock.now()
    order = make_order(session, {product.sku: 2}, actor, presale=presale.code, at=at)
    pay(session, order, at=at)
    assert "采收装盒后按付款先后发货" in buyer.get(f"/orders/{order.code}").text
    make_stock(session, product, boxes=5, at=at)
    page = buyer.get(f"/orders/{order.code}").text
    assert "收成已经到了" in page
    assert "已采收装盒" in page
    cancel_order(session, actor, order.code, reason="", at=at)
    session.flush()
    assert "这张预售订单已经结束" in buyer.get(f"/orders/{order.code}").text


def test_one_account_does_not_hold_more_than_half_of_it_unpaid(
    buyer: FlaskClient, session: Session, product: Product, presale: Presale
) -> None:
    use_up(session, presale, 10)
    promise(session, presale.code, order_code="P", line_code="M", holder="more", boxes=10, at=clock.now())
    for number in range(2):
        promise(
            session, presale.code, order_code=f"Q{number}", line_code=f"R{number}", holder=f"S{number}", boxes=10, at=clock.now()
        )
    put_in(buyer, product, presale, 6)
    data = read_form(buyer.get(f"/checkout?presale={presale.code}").text)
    answer = buyer.post("/checkout", data=form(**data, no_return="1", presale_agreed="1"))
    assert answer.status_code == 409
    assert "最多有 5 盒" in answer.text


def test_counted_anew_for_another_address_it_stays_the_pre_sale(buyer: FlaskClient, product: Product, presale: Presale) -> None:
    put_in(buyer, product, presale)
    fields = read_form(buyer.get(f"/checkout?presale={presale.code}").text)
    counted = buyer.post("/checkout", data=fields | {"step": "address"})
    assert f"presale={presale.code}" in counted.location
    assert f'name="presale" value="{presale.code}"' in buyer.get(counted.location).text
