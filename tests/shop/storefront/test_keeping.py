"""Kept pages: one question a showing, and whatever a page says is true at that moment."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, event, select, text, update
from sqlalchemy.orm import Session

from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM, Organization
from catalog.prices.models import Price
from catalog.products.models import Product, ProductState
from kernel import clock, web
from logistics.stock.models import StockLot
from shop.assistance.sharing import set_shares
from shop.basket.models import MOST_BOXES
from shop.storefront.views import product as product_view
from shop.storefront.views import shelf as shelf_view
from tests.factories.catalog import make_product
from tests.factories.logistics import make_presale, make_stock
from tests.factories.shop import make_goods, set_freight
from traceability.lots.models import Lot
from traceability.lots.states import RecallState


def warm(client: FlaskClient, path: str) -> str:
    """The page, drawn twice: the first time nobody knows yet what to watch."""
    client.get(path)
    return client.get(path).text


def change_price(session: Session, product: Product) -> None:
    session.execute(update(Price).where(Price.product_id == product.id).values(fen=Price.fen + 100))


def sell_out(session: Session, product: Product) -> None:
    session.execute(update(StockLot).where(StockLot.product_id == product.id).values(held=StockLot.on_hand))


def recall(session: Session, product: Product) -> None:
    lots = select(StockLot.lot_id).where(StockLot.product_id == product.id)
    session.execute(update(Lot).where(Lot.id.in_(lots)).values(recall_state=RecallState.RECALLED))


def take_off(session: Session, product: Product) -> None:
    session.execute(update(Product).where(Product.id == product.id).values(state=ProductState.DELISTED))


def revoke_paper(session: Session, _product: Product) -> None:
    paper = update(Document).where(Document.kind == DocumentKind.GEOGRAPHICAL_INDICATION)
    session.execute(paper.values(revoked_at=clock.now() - timedelta(minutes=1), revoked_reason="注销"))


def move_seller(session: Session, product: Product) -> None:
    session.execute(update(Organization).where(Organization.id == product.seller_id).values(contact_phone="13911112222"))


def dearer_freight(session: Session, product: Product) -> None:
    set_freight(session, product, province_code="310000", first_fen=9_900)


def slower_way(session: Session, product: Product) -> None:
    set_freight(session, product, province_code="310000", days_from=7, days_to=8)


def agree_shares(session: Session, product: Product) -> None:
    set_shares(session, SYSTEM, product, {"household": 6_100, "cooperative": 3_900}, "示例协议", at=clock.now())


def arrival_in(first: int, last: int) -> str:
    """How the page tells of an arrival in so many days."""
    days = [clock.today_shanghai(clock.now()) + timedelta(days=number) for number in (first, last)]
    return "–".join(f"{day.month}月{day.day}日" for day in days)


CHANGES: list[tuple[Callable[[Session, Product], None], str]] = [
    (change_price, "¥129.00"),
    (sell_out, "暂时没有现货"),
    (recall, "暂时没有现货"),
    (take_off, "今天不能销售"),
    (revoke_paper, "今天不能销售"),
    (move_seller, "13911112222"),
    (dearer_freight, "¥101.00"),
    (slower_way, arrival_in(8, 9)),
    (agree_shares, "¥61.00"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_what_changed_is_said_at_once(
    client: FlaskClient, session: Session, change: Callable[[Session, Product], None], said: str
) -> None:
    product = make_goods(session)
    set_freight(session, product)
    path = f"/products/{product.sku}?province=310000"
    assert said not in warm(client, path)
    with session.begin_nested():  # a transaction of its own, as any act: rows it writes carry its number
        change(session, product)
    assert said in client.get(path).text


def test_without_the_look_an_old_price_would_stand(client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_goods(session)
    monkeypatch.setattr(product_view, "look_at_product", lambda *_: "all is well")
    path = f"/products/{product.sku}"
    assert "¥128.00" in warm(client, path)
    with session.begin_nested():
        change_price(session, product)
    assert "¥128.00" in client.get(path).text


def test_a_list_tells_price_and_boxes_as_they_are(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    page = warm(client, "/products")
    assert "¥128.00" in page
    assert "暂无现货" not in page
    with session.begin_nested():
        change_price(session, product)
        sell_out(session, product)
    page = client.get("/products").text
    assert "¥129.00" in page
    assert "暂无现货" in page


def test_without_the_look_a_list_would_lie(client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_goods(session)
    monkeypatch.setattr(shelf_view, "look_at_list", lambda *_: "all is well")
    warm(client, "/products")
    with session.begin_nested():
        change_price(session, product)
    assert "¥128.00" in client.get("/products").text


@pytest.mark.parametrize("path", ["/products/{sku}", "/products", "/", "/counties/640323"])
def test_a_kept_page_costs_one_question(
    client: FlaskClient, session: Session, count_queries: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = clock.now()
    monkeypatch.setattr(clock, "now", lambda: moment)  # a list is drawn anew every ten seconds
    product = make_goods(session)
    path = path.format(sku=product.sku)
    page = warm(client, path)
    with count_queries() as statements:
        again = client.get(path)
    assert len(statements) == 1, statements
    assert without_tokens(again.text) == without_tokens(page)


def without_tokens(page: str) -> str:
    return re.sub(r'(name="(?:csrf_token|idempotency_key)" value=)"[^"]+"', r"\1", page)


def test_each_showing_has_tokens_of_its_own_and_they_work(app: Flask, session: Session) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    product = make_goods(session)
    path, first, second = f"/products/{product.sku}", app.test_client(), app.test_client()

    def tokens(client: FlaskClient) -> dict[str, str]:
        return dict(re.findall(r'name="(csrf_token|idempotency_key)" value="([^"]+)"', client.get(path).text))

    warm(first, path)
    shown = [tokens(first), tokens(first), tokens(second)]
    assert len({each["idempotency_key"] for each in shown}) == 3
    wanted = {"sku": product.sku, "quantity": "1"}
    assert second.post("/basket/lines", data=wanted | shown[0]).status_code == 422, "another reader's token"
    assert second.post("/basket/lines", data=wanted | shown[2]).status_code in (302, 303)


def test_readers_see_their_own_menu_and_basket(app: Flask, session: Session) -> None:
    product = make_goods(session)
    path, buyer, stranger = f"/products/{product.sku}", app.test_client(), app.test_client()
    assert "/sign-in" in warm(stranger, path)
    buyer.post("/basket/lines", data={"sku": product.sku, "quantity": "3", "idempotency_key": "keeping-0001"})
    assert '<span class="count">3</span>' in warm(buyer, path)
    assert 'class="count"' not in stranger.get(path).text
    english = stranger.get(path, headers={"Accept-Language": "en"}).text
    assert '<html lang="en">' in english


def test_a_message_is_for_one_reader(app: Flask, session: Session) -> None:
    product = make_goods(session)
    path, first, second = f"/products/{product.sku}", app.test_client(), app.test_client()
    warm(first, path)
    with first.session_transaction() as cookie:
        cookie["_flashes"] = [("message", "只给您的一句话")]
    assert "只给您的一句话" in first.get(path).text
    assert "只给您的一句话" not in first.get(path).text
    assert "只给您的一句话" not in second.get(path).text


def test_an_address_of_ones_own_making_is_drawn_and_not_kept(app: Flask, client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    for number in range(3):
        assert client.get(f"/products/{product.sku}?n={number}").status_code == 200
    assert not app.extensions["pages"]._kept


def test_the_name_a_reader_called_us_by_is_in_no_page(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    for _ in range(2):
        client.get(f"/products/{product.sku}", headers={"Host": "evil.example"})
    assert "evil.example" not in client.get(f"/products/{product.sku}").text


def test_a_page_that_could_not_be_drawn_leaves_nothing_behind(app: Flask, client: FlaskClient, session: Session) -> None:
    assert client.get("/products/SKU-NONE").status_code == 404
    page = client.get("/sign-in").text
    assert web.hole("csrf") not in page
    assert re.search(r'name="csrf_token" value="[^":;]+"', page)


@pytest.mark.parametrize("path", ["/products/{sku}", "/products"])
def test_the_look_seeks(client: FlaskClient, session: Session, engine: Engine, path: str) -> None:
    """Every part of it finds its rows by an index, as soon as that is cheaper; also planned once, before it is known what is asked."""
    goods = make_goods(session)
    make_presale(session, goods, at=clock.now())
    path = path.format(sku=goods.sku)
    warm(client, path)
    session.execute(text("SET LOCAL enable_seqscan = off"))
    asked: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        asked.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        client.get(path)
    finally:
        event.remove(engine, "before_cursor_execute", note)
    [look] = [statement for statement in asked if statement.startswith("SELECT")]
    numbers = itertools.count(1)
    numbered = re.sub(r"%\(\w+\)s", lambda _: f"${next(numbers)}", look)
    plan = "\n".join(session.connection().exec_driver_sql(f"EXPLAIN (GENERIC_PLAN) {numbered}").scalars())
    assert "stock_lot.on_hand > 0" in look, "a parameter there would keep the plan from the partial index"
    assert "Index" in plan
    assert "Seq Scan" not in plan, plan


def test_a_kept_page_counts_what_arrives_fresh_there(client: FlaskClient, session: Session) -> None:
    """Many boxes may be sold near by, five far away: the page for far away follows those five."""
    at = clock.now()
    today = clock.today_shanghai(at)
    product = make_product(session, shelf_life_days=30)
    make_stock(session, product, boxes=2 * MOST_BOXES, expires_on=today + timedelta(days=14), at=at)
    far = make_stock(session, product, boxes=5, expires_on=today + timedelta(days=25), at=at)
    set_freight(session, product)
    set_freight(session, product, province_code="540000", days_to=8)
    path = f"/products/{product.sku}?province=540000"
    assert "还剩 5 件" in warm(client, path)
    session.execute(update(StockLot).where(StockLot.id == far.id).values(held=1))
    assert "还剩 4 件" in client.get(path).text
    assert "还剩" not in warm(client, path.replace("540000", "310000"))
