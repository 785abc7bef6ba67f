"""Coupons: on their own seller's goods, within budget and turns whatever happens at once, given back when the order ends unfulfilled."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, Actor, Role
from catalog.parties.queries import get_organization
from catalog.products.models import Product
from kernel.clock import today_shanghai
from kernel.db import work
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.money import Money
from shop.accounts.models import Address
from shop.basket import couponing
from shop.basket.couponing import CouponDraft, CouponRefused, end_coupon, issue_coupon, return_coupon, tidy_code
from shop.basket.models import Coupon, CouponUse
from shop.orders import settling
from shop.orders.cancelling import cancel_order, expire_orders
from shop.orders.models import Order, OrderClosed, OrderLine
from shop.orders.placing import PriceChanged
from shop.orders.pricing import price_lines
from shop.orders.states import OrderState
from shop.storefront.checking_out import Checkout, check_out
from tests.concurrency.test_stock import all_at_once
from tests.factories.catalog import AT, act_as, form, make_actor, make_organization
from tests.factories.shop import make_address, make_coupon, make_goods, pay


class Shopper:
    """Somebody with an address who buys one box at a time."""

    def __init__(self, session: Session, product: Product) -> None:
        self.sku, self.actor, self.count = product.sku, make_actor(session), 0
        assert self.actor.person_id is not None
        self.address: Address = make_address(session, self.actor.person_id)
        session.flush()

    def buy(self, session: Session, coupon: str = "SHAN-20", total: int = 10_800, key: str | None = None) -> Order:
        self.count += 1
        checkout = Checkout(
            {self.sku: 1}, self.address.id, Money(total), key or f"checkout-{self.count}", no_return_agreed=True, coupon=coupon
        )
        return check_out(session, self.actor, checkout, at=AT)


@pytest.fixture
def product(session: Session) -> Product:
    return make_goods(session, boxes=50)


@pytest.fixture
def shopper(session: Session, product: Product) -> Shopper:
    return Shopper(session, product)


def test_the_amount_goes_off_the_lines_and_is_booked(session: Session, product: Product, shopper: Shopper) -> None:
    coupon = make_coupon(session, product.seller_id)
    order = shopper.buy(session)
    (line,) = order.lines
    assert (order.items_fen, order.total_fen, line.discount_fen, line.amount_fen) == (10_800, 10_800, 2_000, 10_800)
    assert order.sub_orders[0].payable_fen == 10_800
    use = session.get_one(CouponUse, order.code)
    assert (use.coupon_id, use.amount_fen, use.turn) == (coupon.id, 2_000, 1)
    session.refresh(coupon)
    assert coupon.spent_fen == 2_000


def test_the_same_checkout_again_is_booked_once(session: Session, product: Product, shopper: Shopper) -> None:
    coupon = make_coupon(session, product.seller_id)
    first = shopper.buy(session, key="the-same")
    assert shopper.buy(session, key="the-same").code == first.code
    session.refresh(coupon)
    assert coupon.spent_fen == 2_000


def test_a_total_without_the_coupon_is_not_taken(session: Session, product: Product, shopper: Shopper) -> None:
    make_coupon(session, product.seller_id)
    with pytest.raises(PriceChanged):
        shopper.buy(session, total=12_800)


def spoil(session: Session, product: Product, how: str) -> None:
    today = today_shanghai(AT)
    over: dict[str, dict[str, Any]] = {
        "unknown": {"code": "OTHERS"},
        "ahead": {"valid_from": today + timedelta(days=1)},
        "too little": {"at_least": 12_801},
        "another's": {},
    }
    seller = make_organization(session).id if how == "another's" else product.seller_id
    coupon = make_coupon(session, seller, **over.get(how, {}))
    if how == "over":
        coupon.valid_from, coupon.valid_to = today - timedelta(days=2), today - timedelta(days=1)
    if how == "ended":
        end_coupon(session, SYSTEM, coupon.code, at=AT)
    if how == "spent":
        coupon.spent_fen = coupon.budget_fen - 1_999
    session.flush()


@pytest.mark.parametrize(
    ("how", "said"),
    [("unknown", "没有这个优惠码"), ("ahead", "起才能用"), ("over", "已经结束"), ("ended", "已经结束"), ("spent", "已经用完了"),
     ("too little", "要满 ¥128.01 才能用，现在是 ¥128.00"), ("another's", "只减发放方自己的商品")],
)  # fmt: skip
def test_why_it_does_not_apply(session: Session, product: Product, shopper: Shopper, how: str, said: str) -> None:
    spoil(session, product, how)
    with pytest.raises((CouponRefused, NotFound)) as refused:
        shopper.buy(session)
    assert said in refused.value.text(str)
    assert session.scalar(select(func.count()).select_from(Order)) == 0


def test_turns_are_counted_and_come_free_with_a_cancelled_order(session: Session, product: Product, shopper: Shopper) -> None:
    coupon = make_coupon(session, product.seller_id)
    order = shopper.buy(session)
    with pytest.raises(CouponRefused, match="每人可用"):
        shopper.buy(session)
    cancel_order(session, shopper.actor, order.code, reason="", at=AT)
    for _ in range(2):
        return_coupon(session, OrderClosed(order.code, "cancelled", AT))
    session.refresh(coupon)
    assert coupon.spent_fen == 0, "given back once"
    shopper.buy(session)


def expire(session: Session, order: Order) -> Coupon:
    """Nobody paid in time; the coupon goes back."""
    later = AT + timedelta(days=4)
    assert expire_orders(session, at=later) == 1
    return_coupon(session, OrderClosed(order.code, "expired", later))
    return session.scalars(select(Coupon).execution_options(populate_existing=True)).one()


def test_late_money_does_not_revive_an_order_whose_coupon_went_back(session: Session, product: Product, shopper: Shopper) -> None:
    make_coupon(session, product.seller_id, budget=2_000)
    first = shopper.buy(session)
    assert expire(session, first).spent_fen == 0
    second = shopper.buy(session)
    pay(session, second)
    pay(session, first)
    assert (first.state, first.paid_fen) == (OrderState.EXPIRED, 0), "the money goes back"
    assert session.scalars(select(Coupon.spent_fen)).one() == 2_000


def test_without_that_guard_the_coupon_is_given_twice(
    session: Session, product: Product, shopper: Shopper, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_coupon(session, product.seller_id, budget=2_000)
    first = shopper.buy(session)
    expire(session, first)
    pay(session, shopper.buy(session))
    monkeypatch.setattr(settling, "may_revive", lambda *_: True)
    pay(session, first)
    given = session.scalar(select(func.sum(OrderLine.discount_fen)))
    assert (first.state, given) == (OrderState.PAID, 4_000)


def test_an_order_still_waiting_keeps_its_coupon(session: Session, product: Product, shopper: Shopper) -> None:
    coupon = make_coupon(session, product.seller_id)
    order = shopper.buy(session)
    return_coupon(session, OrderClosed(order.code, "expired", AT))
    session.refresh(coupon)
    assert coupon.spent_fen == 2_000


def test_guests_sign_in_first(session: Session, product: Product) -> None:
    make_coupon(session, product.seller_id)
    guest = replace(make_actor(session), guest=True)
    priced = price_lines(session, {product.sku: 1}, province_code=None, at=AT)
    with pytest.raises(Forbidden, match="先登录"):
        couponing.find_discount(session, guest, "SHAN-20", priced.quote, priced.sellers, at=AT)


def test_only_the_seller_and_the_operator_issue_and_end(session: Session, product: Product) -> None:
    draft = CouponDraft("SHAN-20", Money(1), Money(2), Money(1), 1, today_shanghai(AT), None)
    stranger = make_actor(session, Role.clerk)
    with pytest.raises(Forbidden):
        issue_coupon(session, stranger, product.seller_id, draft, at=AT)
    clerk = make_actor(session, Role.clerk, get_organization(session, product.seller_id))
    issue_coupon(session, clerk, product.seller_id, draft, at=AT)
    with pytest.raises(Conflict):
        issue_coupon(session, clerk, product.seller_id, draft, at=AT)
    with pytest.raises(Forbidden):
        end_coupon(session, stranger, "SHAN-20", at=AT)


def test_every_fault_of_a_draft_is_told_at_once(session: Session, product: Product) -> None:
    today = today_shanghai(AT)
    bad = CouponDraft("山", Money(0), Money(-1), Money(-1), 0, today - timedelta(days=1), today - timedelta(days=2))
    with pytest.raises(Invalid) as refused:
        issue_coupon(session, SYSTEM, product.seller_id, bad, at=AT)
    assert {error.field for error in refused.value.errors} == {
        "code",
        "off",
        "at_least",
        "budget",
        "per_person",
        "valid_from",
        "valid_to",
    }


@pytest.mark.parametrize("typed", ["shan-20", " SHAN -20 ", "ＳＨＡＮ－２０"])
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert tidy_code(typed) == "SHAN-20"


def rush(buyers: int, *, one_person: bool) -> dict[str, int]:
    """So many checkouts at once with a coupon whose budget is enough for five: what they ended with."""
    with work() as session:
        product = make_goods(session, boxes=buyers)
        make_coupon(session, product.seller_id, per_person=1 if one_person else 9)
        shoppers = [Shopper(session, product) for _ in range(1 if one_person else buyers)]

    def go(number: int) -> str:
        try:
            with work() as session:
                shoppers[number % len(shoppers)].buy(session, key=f"rush-{number}")
        except CouponRefused:
            return "refused"
        except IntegrityError as error:
            return str(error.orig.diag.constraint_name)
        return "bought"

    return dict(all_at_once(buyers, go, threads=buyers))


def booked() -> tuple[int, int]:
    with work() as session:
        return session.scalars(select(Coupon.spent_fen)).one(), int(
            session.scalar(select(func.sum(CouponUse.amount_fen)).where(CouponUse.returned_at.is_(None))) or 0
        )


def test_thirty_at_once_get_five(database: str) -> None:
    assert rush(30, one_person=False) == {"bought": 5, "refused": 25}
    assert booked() == (10_000, 10_000)


def test_one_person_thirty_times_at_once_gets_one(database: str) -> None:
    assert rush(30, one_person=True) == {"bought": 1, "refused": 29}
    assert booked() == (2_000, 2_000)


def test_without_the_condition_the_check_holds_the_budget(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couponing, "_in_budget", lambda _amount: text("true"))
    outcome = rush(30, one_person=False)
    assert outcome["bought"] == 5
    assert outcome["ck_basket_coupon_within_budget"] > 0


def test_without_the_check_either_too_much_is_given(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with work() as session:
        session.execute(text("ALTER TABLE basket_coupon DROP CONSTRAINT ck_basket_coupon_within_budget"))
    monkeypatch.setattr(couponing, "_in_budget", lambda _amount: text("true"))
    assert rush(30, one_person=False)["bought"] > 5


def test_without_counting_the_index_holds_the_turns(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couponing, "_count_turns", lambda *_: 0)
    monkeypatch.setattr(couponing, "_free_turn", lambda *_: 1)
    outcome = rush(10, one_person=True)
    assert outcome["bought"] == 1
    assert outcome["uq_basket_coupon_use_turn"] == 9


# ---------------------------------------------------------------- the doors


def test_the_checkout_page_shows_the_coupon_and_orders_with_it(
    client: FlaskClient, session: Session, product: Product, sign_in: Any
) -> None:
    make_coupon(session, product.seller_id)
    shopper = Shopper(session, product)
    from catalog.parties.models import Person

    sign_in(client, session.get_one(Person, shopper.actor.person_id))
    client.post("/basket/lines", data=form(sku=product.sku, quantity=1))
    wrong = client.get("/checkout?coupon=NOPE-1").text
    assert "没有这个优惠码" in wrong
    assert 'value="NOPE-1"' in wrong, "what was typed stays"
    assert 'name="coupon"' not in wrong[wrong.index('action="/checkout" class="form"') :], "the order goes without it"
    page = client.get("/checkout?coupon=shan-20").text
    assert "优惠：SHAN-20" in page
    assert "¥108.00" in page
    body = page[page.index('action="/checkout" class="form"') :]
    fields = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', body))
    assert fields["coupon"] == "shan-20"
    placed = client.post("/checkout", data=fields | {"no_return": "1"})
    assert placed.status_code == 302
    order = session.scalars(select(Order)).one()
    assert (order.total_fen, session.get_one(CouponUse, order.code).amount_fen) == (10_800, 2_000)
    assert "-¥20.00" in client.get(placed.location).text


def as_clerk(app: Flask, session: Session, product: Product) -> Actor:
    clerk = make_actor(session, Role.clerk, get_organization(session, product.seller_id))
    act_as(app, clerk)
    return clerk


def issue(client: FlaskClient, session: Session, product: Product, **over: Any) -> Any:
    seller = get_organization(session, product.seller_id).code
    values = {
        "seller": seller,
        "code": "shan-20",
        "off": "20",
        "at_least": "100",
        "budget": "100",
        "per_person": "1",
        "valid_from": "",
    }
    return client.post("/coupons/", data=form(**(values | over)))


def test_a_clerk_issues_sees_and_ends_a_coupon(app: Flask, client: FlaskClient, session: Session, product: Product) -> None:
    as_clerk(app, session, product)
    assert "还没有优惠码" in client.get("/coupons/").text
    assert issue(client, session, product).status_code == 302
    page = client.get("/coupons/").text
    assert "SHAN-20" in page
    assert "进行中" in page
    assert client.post("/coupons/SHAN-20/end", data=form()).status_code == 302
    assert "已结束" in client.get("/coupons/").text


def test_what_was_typed_stays_when_something_is_wrong(app: Flask, client: FlaskClient, session: Session, product: Product) -> None:
    as_clerk(app, session, product)
    answer = issue(client, session, product, off="zwanzig", at_least="8")
    assert answer.status_code == 422
    assert 'value="zwanzig"' in answer.text
    assert session.scalars(select(Coupon)).all() == []


def test_another_sellers_clerk_neither_issues_nor_sees(app: Flask, client: FlaskClient, session: Session, product: Product) -> None:
    make_coupon(session, product.seller_id)
    act_as(app, make_actor(session, Role.clerk))
    assert "SHAN-20" not in client.get("/coupons/").text
    assert issue(client, session, product, code="OTHER").status_code == 403
    assert client.post("/coupons/SHAN-20/end", data=form()).status_code == 403


def test_with_that_guard_off_it_would_be_issued(
    app: Flask, client: FlaskClient, session: Session, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    act_as(app, make_actor(session, Role.clerk))
    monkeypatch.setattr(Actor, "must_any", lambda *_: None)
    assert issue(client, session, product).status_code == 302


def test_the_list_is_paged_and_asks_a_fixed_number_of_questions(
    app: Flask, client: FlaskClient, session: Session, product: Product, count_queries: Callable[[], Any]
) -> None:
    as_clerk(app, session, product)
    counts = []
    for first in (0, 60):
        for number in range(first, first + 60):
            make_coupon(session, product.seller_id, code=f"CODE-{number}")
        with count_queries() as statements:
            page = client.get("/coupons/").text
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert page.count("/end") == 50
    assert "?after=" in page
