"""From basket to order through the doors: the address, the tick, the price that was shown."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from catalog.products.models import Temperature
from kernel import clock
from kernel.clock import today_shanghai
from kernel.web import limiter
from shop.accounts import addressing
from shop.basket.queries import Owner, count_boxes
from shop.orders.models import Order
from shop.orders.placing import TRANSFER_WITHIN
from shop.storefront import checking_out
from tests.factories.catalog import form, make_organization, make_person, make_price, make_product
from tests.factories.logistics import make_allocations, make_stock
from tests.factories.shop import SHANGHAI, make_address, make_goods, make_order, set_freight


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


@pytest.fixture
def buyer(client: FlaskClient, person: Person, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


def fill(client: FlaskClient, sku: str, quantity: int = 2) -> None:
    client.post("/basket/lines", data=form(sku=sku, quantity=quantity))


def read_form(page: str) -> dict[str, Any]:
    """The hidden fields of the form that places the order, and the address that is chosen."""
    body = page[page.index('action="/checkout" class="form"') :]
    found: dict[str, Any] = {name: re.findall(rf'name="{name}" value="([^"]*)"', body) for name in ("line", "was")}
    chosen = re.search(r'name="address" form="place" value="([^"]*)" checked', page)
    if chosen:
        body += f'name="address" value="{chosen[1]}"'
    for name in ("checkout_key", "address", "expected_total", "idempotency_key"):
        match = re.search(rf'name="{name}" value="([^"]*)"', body)
        assert match, name
        found[name] = match[1]
    return found


def orders(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(Order)) or 0


def test_a_stranger_may_sign_in_first_and_keeps_the_basket(
    client: FlaskClient, session: Session, person: Person, sign_in: Any
) -> None:
    product = make_goods(session)
    fill(client, product.sku)
    assert "/sign-in?next=/checkout" in client.get("/checkout").text
    assert client.post("/checkout", data=form()).location == "/sign-in?next=/"
    page = sign_in(client, person).get("/checkout").text
    assert product.name in page
    assert "送到哪里" in page


def test_the_whole_way(buyer: FlaskClient, session: Session, person: Person) -> None:
    product = make_goods(session)
    set_freight(session, product)
    fill(buyer, product.sku)
    answer = buyer.post("/checkout/address", data=form(**SHANGHAI))
    assert answer.status_code == 302
    data = read_form(buyer.get(answer.location).text)
    assert data["expected_total"] == str(25_600 + 800 + 2 * 200)
    placed = buyer.post("/checkout", data=data | {"no_return": "1"})
    order = session.scalars(select(Order)).one()
    assert placed.location == f"/orders/{order.code}"
    assert (order.total_fen, order.buyer_person_id, order.address["street"]) == (26_800, person.id, "示例路 1 号")
    assert order.no_return_agreed_at is not None
    assert count_boxes(session, Owner(person_id=person.id)) == 0
    assert "购物篮还是空的" in buyer.get("/basket").text
    assert "去付款" in buyer.get(placed.location).text


def test_parcels_and_their_days_are_told_before_and_after(buyer: FlaskClient, session: Session, person: Person) -> None:
    meat = make_goods(session)
    tea = make_product(session, seller_id=meat.seller_id, temperature=Temperature.AMBIENT, category="茶叶")
    make_stock(session, tea, boxes=5)
    set_freight(session, meat, cold_fen=1_000)
    make_address(session, person.id)
    fill(buyer, meat.sku)
    fill(buyer, tea.sku, 1)
    today = clock.today_shanghai(clock.now())
    first, last = today + timedelta(days=2), today + timedelta(days=3)
    arrives = f"预计 {first.month}月{first.day}日–{last.month}月{last.day}日 到"
    for path in ("/basket", "/checkout"):
        page = buyer.get(path).text
        parcels = ("包裹 1（冷冻） · 2 件 · 今天付款，", "包裹 2（常温） · 1 件")
        for told in (*parcels, arrives, "包裹 1（冷冻） · 冷链包装和运输", "包裹 2（常温） · 运费 1.1 千克"):
            assert told in page, (path, told)
    placed = buyer.post("/checkout", data=read_form(page) | {"no_return": "1"})
    order = session.scalars(select(Order)).one()
    assert order.freight_fen == (800 + 2 * 200 + 1_000) + (800 + 200)
    page = buyer.get(placed.location).text
    for told in ("包裹 1（冷冻）", "包裹 2（常温）", arrives, "到手时保质期至少还有", "不支持七天无理由退货", "支持七天无理由退货"):
        assert told in page, told


def test_what_would_not_arrive_fresh_is_said_in_the_basket(buyer: FlaskClient, session: Session, person: Person) -> None:
    today = clock.today_shanghai(clock.now())
    product = make_product(session, shelf_life_days=30, at=clock.now())
    make_stock(session, product, boxes=2, at=clock.now(), expires_on=today + timedelta(days=14))
    set_freight(session, product)
    set_freight(session, product, province_code="310000", days_to=8)
    make_address(session, person.id)
    fill(buyer, product.sku, 1)
    for path in ("/basket", "/checkout"):
        page = buyer.get(path).text
        assert "保质期剩得不多了" in page
        assert "提交订单" not in page


def test_the_same_page_sent_twice_is_one_order(buyer: FlaskClient, session: Session, person: Person) -> None:
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1"}
    first = buyer.post("/checkout", data=data)
    again = buyer.post("/checkout", data=data)
    other_form = buyer.post("/checkout", data=data | form())
    assert first.location == again.location == other_form.location
    assert orders(session) == 1


def test_fresh_goods_ask_for_the_tick(buyer: FlaskClient, session: Session, person: Person) -> None:
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    answer = buyer.post("/checkout", data=read_form(buyer.get("/checkout").text))
    assert answer.status_code == 422
    assert "请先勾选" in answer.text
    assert orders(session) == 0


def test_without_that_guard_it_would_be_placed(
    buyer: FlaskClient, session: Session, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    monkeypatch.setattr(checking_out, "must_agree", lambda *_: False)
    assert buyer.post("/checkout", data=read_form(buyer.get("/checkout").text)).status_code == 302


def test_goods_that_keep_need_no_tick(buyer: FlaskClient, session: Session, person: Person) -> None:
    fill(buyer, make_goods(session, category="茶叶").sku)
    make_address(session, person.id)
    page = buyer.get("/checkout").text
    assert "no_return" not in page
    assert buyer.post("/checkout", data=read_form(page)).status_code == 302


def test_a_changed_price_is_shown_and_asked(buyer: FlaskClient, session: Session, person: Person) -> None:
    product = make_goods(session)
    fill(buyer, product.sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1"}
    make_price(session, product, 13_900, valid_from=today_shanghai(clock.now()))
    session.flush()
    answer = buyer.post("/checkout", data=data)
    assert answer.status_code == 409
    assert "价格刚刚有变化" in answer.text
    assert "¥278.00" in answer.text
    assert f"{product.name}：每件从 ¥128.00 变为 ¥139.00" in answer.text, "which one it is"
    assert orders(session) == 0
    agreed = read_form(answer.text) | {"no_return": "1"}
    assert agreed["expected_total"] == "27800"
    assert buyer.post("/checkout", data=agreed).status_code == 302
    assert session.scalars(select(Order.total_fen)).one() == 27_800


def test_another_tab_does_not_change_what_is_ordered(buyer: FlaskClient, session: Session, person: Person) -> None:
    shown, added = make_goods(session), make_goods(session)
    fill(buyer, shown.sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1"}
    fill(buyer, added.sku, 1)
    buyer.post("/checkout", data=data)
    order = session.scalars(select(Order)).one()
    assert [line.sku for line in order.lines] == [shown.sku]
    assert count_boxes(session, Owner(person_id=person.id)) == 1, "the other stays in the basket"


def test_sold_out_meanwhile_is_said_and_nothing_is_written(buyer: FlaskClient, session: Session, person: Person) -> None:
    product = make_goods(session, boxes=3)
    fill(buyer, product.sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1"}
    make_allocations(session, product.id, 2, at=clock.now())
    session.flush()
    answer = buyer.post("/checkout", data=data)
    assert answer.status_code == 409
    assert "只剩 1 盒" in answer.text
    assert orders(session) == 0
    make_allocations(session, product.id, 1, at=clock.now())
    session.flush()
    gone = buyer.post("/checkout", data=data | form())
    assert gone.location == "/basket"
    assert "刚刚卖完" in buyer.get("/basket").text


def test_another_persons_address_is_refused(buyer: FlaskClient, session: Session, person: Person) -> None:
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    foreign = make_address(session, make_person(session).id, street="别人家 9 号")
    session.flush()
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1", "address": str(foreign.id)}
    answer = buyer.post("/checkout", data=data)
    assert answer.status_code == 404
    assert "别人家" not in answer.text
    assert "别人家" not in buyer.get(f"/checkout?address={foreign.id}").text
    assert orders(session) == 0


def test_without_the_owner_check_it_would_be_used(
    buyer: FlaskClient, session: Session, person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    foreign = make_address(session, make_person(session).id, street="别人家 9 号")
    session.flush()
    monkeypatch.setattr(addressing, "owns", lambda *_: True)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1", "address": str(foreign.id)}
    assert buyer.post("/checkout", data=data).status_code == 302


@pytest.mark.parametrize(
    "wrong",
    [
        {"line": ["nothing"]},
        {"line": ["SKU:-1"]},
        {"line": ["SKU:1e3"]},
        {"expected_total": "1.5"},
        {"expected_total": ""},
        {"line": []},
    ],
)
def test_a_garbled_page_is_a_clear_sentence(buyer: FlaskClient, session: Session, person: Person, wrong: dict[str, Any]) -> None:
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1"} | wrong
    assert buyer.post("/checkout", data=data).status_code == 422
    assert orders(session) == 0


def test_a_wrong_address_names_each_field_and_keeps_the_rest(buyer: FlaskClient, session: Session) -> None:
    fill(buyer, make_goods(session).sku)
    answer = buyer.post("/checkout/address", data=form(**(SHANGHAI | {"phone": "1", "city": ""})))
    assert answer.status_code == 422
    for text in ("请填写 11 位手机号", "请填写城市", "示例路 1 号"):
        assert text in answer.text


def test_an_empty_basket_has_no_checkout(buyer: FlaskClient) -> None:
    assert buyer.get("/checkout").location == "/basket"


def test_nobody_can_place_an_order_for_less(buyer: FlaskClient, session: Session, person: Person) -> None:
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    data = read_form(buyer.get("/checkout").text) | {"no_return": "1", "expected_total": "1"}
    assert buyer.post("/checkout", data=data).status_code == 409
    assert orders(session) == 0


def test_a_seller_paid_by_transfer_is_named_before_ordering(buyer: FlaskClient, session: Session, person: Person) -> None:
    """And the boxes are kept as long as a transfer needs, as the page says."""
    cooperative = make_organization(session)
    fill(buyer, make_goods(session).sku)
    make_address(session, person.id)
    assert "不收在线支付" not in buyer.get("/checkout").text
    fill(buyer, make_goods(session, seller_id=cooperative.id).sku)
    page = buyer.get("/checkout").text
    assert f"{cooperative.name}不收在线支付" in page
    assert "留货 3 天" in page
    assert "60 分钟" not in page
    assert f"{cooperative.name} takes no online payment" in buyer.get("/checkout?lang=en").text
    placed = buyer.post("/checkout", data=read_form(page) | {"no_return": "1"})
    order = session.scalars(select(Order)).one()
    assert order.expires_at == order.placed_at + TRANSFER_WITHIN
    assert "转账付款" in buyer.get(f"{placed.location}?lang=zh").text


def test_an_order_is_kept_until_the_hour_is_over(session: Session) -> None:
    order = make_order(session)
    assert order.expires_at is not None
    assert order.expires_at - order.placed_at == timedelta(minutes=60)


def test_every_address_is_offered_and_the_chosen_one_counts(buyer: FlaskClient, session: Session, person: Person) -> None:
    """Choosing sends nothing; who orders without having it counted anew is told the other price, and then gets it there."""
    product = make_goods(session)
    set_freight(session, product)
    set_freight(session, product, province_code="540000", first_fen=5_000)
    tibet = {"province_code": "540000", "city": "拉萨市", "district": "城关区"}
    far = make_address(session, person.id, **tibet)
    for number in range(9):
        make_address(session, person.id, street=f"示例路 {number} 号")
    fill(buyer, product.sku)
    page = buyer.get("/checkout").text
    assert page.count('name="address" form="place"') == 10
    near = read_form(page)
    assert near["address"] != str(far.id)
    again = buyer.post("/checkout", data=near | {"step": "address", "address": str(far.id)})
    assert (again.status_code, f"address={far.id}" in again.location, orders(session)) == (302, True, 0)
    asked = buyer.post("/checkout", data=near | {"address": str(far.id), "no_return": "1"})
    assert (asked.status_code, orders(session)) == (409, 0)
    assert "价格刚刚有变化" in asked.text
    assert "商品单价没有变" in asked.text
    placed = buyer.post("/checkout", data=read_form(asked.text) | {"no_return": "1"})
    assert placed.status_code == 302
    assert session.scalars(select(Order)).one().province_code == "540000"


def test_orders_are_limited_for_each_person(client: FlaskClient, session: Session, sign_in: Any) -> None:
    """A family behind one address: what one of them sends too often does not stop another."""
    limiter.reset()
    first, second = make_person(session), make_person(session)
    make_address(session, first.id)
    sign_in(client, first)
    assert [client.post("/checkout", data=form()).status_code for _ in range(21)][-2:] == [302, 429]
    assert sign_in(client, second).post("/checkout", data=form()).status_code == 302
