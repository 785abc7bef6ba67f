"""A coupon with budget for fifty, and 200 buyers with whole checkouts at once, on a real, committed database."""

from __future__ import annotations

import pytest
from sqlalchemy import func, select, text

from kernel.db import work
from kernel.money import Money
from logistics.stock.models import StockLot
from shop.basket import couponing
from shop.basket.couponing import CouponRefused
from shop.basket.models import Coupon, CouponUse
from shop.orders.models import Order
from shop.storefront.checking_out import Checkout, check_out
from tests.concurrency.test_stock import all_at_once
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import make_address, make_coupon, make_goods

BUYERS, TURNS = 200, 50
OFF, TOTAL = 2_000, Money(10_800)


def rush(buyers: int = BUYERS, turns: int = TURNS) -> dict[str, int]:
    """Everybody orders one box with the coupon: what they were told, and how often."""
    with work() as session:
        product = make_goods(session, boxes=buyers)
        make_coupon(session, product.seller_id, off=OFF, budget=OFF * turns)
        sku, actors = product.sku, [make_actor(session) for _ in range(buyers)]
        addresses = [make_address(session, actor.person_id).id for actor in actors if actor.person_id]

    def buy(number: int) -> str:
        page = Checkout({sku: 1}, addresses[number], TOTAL, "rush", no_return_agreed=True, coupon="SHAN-20")
        try:
            with work() as session:
                check_out(session, actors[number], page, at=AT)
        except CouponRefused:
            return "refused"
        return "bought"

    return dict(all_at_once(buyers, buy))


def totals() -> tuple[int, int, int, int, int]:
    """(orders, discounts on their lines, uses, what the coupon says it gave, boxes allocated)."""
    with work() as session:
        orders, discounts = session.execute(select(func.count(), func.coalesce(func.sum(25_600 // 2 - Order.items_fen), 0))).one()
        uses = session.scalar(select(func.count()).select_from(CouponUse)) or 0
        spent = session.scalars(select(Coupon.spent_fen)).one()
        return orders, int(discounts), uses, spent, session.scalars(select(StockLot.allocated)).one()


def test_200_buyers_use_a_coupon_for_50_exactly_50_times(database: str) -> None:
    assert rush() == {"bought": TURNS, "refused": BUYERS - TURNS}
    assert totals() == (TURNS, TURNS * OFF, TURNS, TURNS * OFF, TURNS), "who was refused has neither an order nor a box"


def test_without_condition_and_check_more_is_given_than_there_is(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards switched off: the look before the booking alone lets too many through."""
    with work() as session:
        session.execute(text("ALTER TABLE basket_coupon DROP CONSTRAINT ck_basket_coupon_within_budget"))
    monkeypatch.setattr(couponing, "_in_budget", lambda _amount: text("true"))
    assert rush(60, 10)["bought"] > 10
