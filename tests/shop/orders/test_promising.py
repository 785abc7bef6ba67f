"""What becomes a parcel: charged as it is sent, promised from the day of payment, fresh where it arrives."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.products.models import Product, ReturnClass, Temperature
from kernel.clock import today_shanghai
from kernel.money import Money
from logistics.shipments.models import PackingTask, Shipment
from logistics.stock.models import Allocation
from logistics.stock.preselling import find_promise
from logistics.stock.queries import Shelves
from logistics.stock.reserving import OutOfStock
from shop.orders import placing, pricing, settling
from shop.orders.cancelling import expire_orders
from shop.orders.forwarding import forward_order
from shop.orders.models import Order, OrderParcel
from shop.orders.placing import PriceChanged
from shop.orders.pricing import PricedOrder
from shop.orders.states import OrderState
from tests.factories.catalog import make_product
from tests.factories.logistics import make_hub, make_presale, make_stock
from tests.factories.shop import SHANGHAI, make_goods, make_order, pay, set_freight

TIBET = SHANGHAI | {"province_code": "540000", "city": "拉萨市"}


@pytest.fixture
def meat(session: Session) -> Product:
    """Frozen meat at two hubs, two boxes at the first; its seller carries for 8 yuan and 2 for each further kilogram."""
    product = make_goods(session, boxes=2)
    make_stock(session, product, boxes=5)
    set_freight(session, product, cold_fen=1_000)
    return product


@pytest.fixture
def tea(session: Session, meat: Product) -> Product:
    """Dry goods of the same seller, at a hub of its own."""
    product = make_product(session, seller_id=meat.seller_id, temperature=Temperature.AMBIENT)
    make_stock(session, product, boxes=9, place=make_hub(session))
    return product


def parcels_of(order: Order) -> list[OrderParcel]:
    return [parcel for part in order.sub_orders for parcel in part.parcels]


def test_what_is_charged_is_what_is_sent(session: Session, meat: Product, tea: Product, at: datetime) -> None:
    other = make_goods(session)
    order = make_order(session, {meat.sku: 3, tea.sku: 2, other.sku: 1})
    pay(session, order)
    forward_order(session, order.code, at=at)
    boxes = dict(
        session.execute(select(PackingTask.shipment_id, func.sum(PackingTask.quantity)).group_by(PackingTask.shipment_id)).all()
    )
    sent = Counter(
        {
            (row.seller_id, row.from_place_id, row.temperature): int(boxes[row.id])
            for row in session.scalars(select(Shipment).where(Shipment.order_code == order.code))
        }
    )
    charged = Counter(
        {
            (part.seller_id, parcel.place_id, parcel.temperature.value): parcel.boxes
            for part in order.sub_orders
            for parcel in part.parcels
        }
    )
    assert sent == charged
    assert len(sent) == 4, "meat from two hubs, tea from a third, and the other seller's"
    for part in order.sub_orders:
        assert part.freight_fen == sum(parcel.freight_fen for parcel in part.parcels)
    # 2.2 kg and 1.1 kg of meat, each with the cold; 2.2 kg of tea.
    assert sorted(parcel.freight_fen for parcel in order.sub_orders[0].parcels) == [1_200, 2_000, 2_200]
    assert order.freight_fen == 5_400


def test_boxes_taken_from_elsewhere_meanwhile_are_asked_about(
    session: Session, meat: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page was drawn when two boxes lay at one hub; somebody buys one of them before this buyer does."""
    shown = pricing.price_lines(session, {meat.sku: 2}, province_code="310000", at=make_order(session, {meat.sku: 1}).placed_at)
    assert len(shown.quote.sellers[0].parcels) == 2
    before = Shelves([(meat.id, make_hub(session).id, None, 2)])
    monkeypatch.setattr(pricing, "look_at_shelves", lambda *_: before)
    one_parcel = Money(2 * 12_800 + 800 + 2 * 200 + 1_000)
    with pytest.raises(PriceChanged) as asked, session.begin_nested():
        make_order(session, {meat.sku: 2}, expected_total=one_parcel)
    assert asked.value.now == shown.quote.total
    # The second look switched off: the buyer would be charged for one parcel and two would be sent.
    monkeypatch.setattr(PricedOrder, "leaving", lambda priced, *_: priced)
    wrong = make_order(session, {meat.sku: 2}, expected_total=one_parcel)
    assert wrong.freight_fen != shown.quote.freight.minor


def test_an_order_promises_days_and_counts_them_from_payment(session: Session, at: datetime) -> None:
    product = make_goods(session, shelf_life_days=365)
    set_freight(session, product, handling_days=2, days_from=1, days_to=3)
    order = make_order(session, {product.sku: 2})
    (parcel,), (line,), today = parcels_of(order), order.lines, today_shanghai(at)
    assert (parcel.ship_by, parcel.arrive_from, parcel.arrive_by) == tuple(today + timedelta(days=n) for n in (2, 3, 5))
    expires = session.scalars(select(Allocation)).one().stock_lot.expires_on
    assert expires is not None
    assert line.fresh_days == (expires - today).days - 5
    pay(session, order, at=at + timedelta(days=2))
    assert (parcel.ship_by, parcel.arrive_by) == (today + timedelta(days=4), today + timedelta(days=7))
    assert line.fresh_days == (expires - today).days - 7


def test_late_money_takes_boxes_from_where_they_lie_then(session: Session, meat: Product, at: datetime) -> None:
    """Both boxes lay at one hub; when the money comes one of them is gone, and two parcels are sent for the freight of one."""
    order = make_order(session, {meat.sku: 2})
    assert [parcel.boxes for parcel in parcels_of(order)] == [2]
    paid = order.freight_fen
    late = at + timedelta(days=4)
    assert expire_orders(session, at=late) == 1
    make_order(session, {meat.sku: 1}, at=late)
    pay(session, order, at=late)
    assert order.state is OrderState.PAID
    assert [(parcel.boxes, parcel.freight_fen) for parcel in parcels_of(order)] == [(1, paid // 2)] * 2
    forward_order(session, order.code, at=late)
    sent = session.scalars(select(Shipment.from_place_id).where(Shipment.order_code == order.code))
    assert set(sent) == {parcel.place_id for parcel in parcels_of(order)}


def test_no_day_is_promised_where_the_seller_has_said_none(session: Session) -> None:
    order = make_order(session)
    (parcel,) = parcels_of(order)
    assert (parcel.ship_by, parcel.arrive_by, parcel.freight_fen, order.lines[0].fresh_days) == (None, None, 0, None)


def test_far_away_only_what_still_arrives_fresh_is_sold(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product(session, shelf_life_days=30)
    make_stock(session, product, boxes=3, expires_on=today_shanghai(at) + timedelta(days=14))
    set_freight(session, product)
    set_freight(session, product, province_code="540000", days_to=8)
    priced = pricing.price_lines(session, {product.sku: 1}, province_code="540000", at=at)
    assert (priced.stale, pricing.price_lines(session, {product.sku: 1}, province_code="310000", at=at).stale) == (
        [product.sku],
        [],
    )
    with pytest.raises(OutOfStock, match="保质期剩得不多了"), session.begin_nested():
        make_order(session, {product.sku: 1}, address=TIBET)
    assert make_order(session, {product.sku: 1}).lines[0].fresh_days == 11
    # The look at the buyer's province switched off: it would arrive five days before its end.
    monkeypatch.setattr(PricedOrder, "keeping", lambda *_: {})
    assert make_order(session, {product.sku: 1}, address=TIBET).lines[0].fresh_days == 5


def test_lines_keep_what_the_buyer_was_told(session: Session) -> None:
    product = make_goods(session)
    (line,) = make_order(session, {product.sku: 1}).lines
    told = (product.return_class, product.temperature, product.storage, product.shelf_life_days)
    product.return_class, product.storage, product.shelf_life_days = ReturnClass.SEVEN_DAYS, "阴凉处", 9
    session.flush()
    session.expire_all()
    assert (line.return_class, line.temperature, line.storage, line.shelf_life_days) == told
    assert line.return_class is ReturnClass.FRESH_NO_RETURN


def test_an_order_is_placed_in_as_many_queries_as_before(session: Session, at: datetime, count_queries: Any) -> None:
    """One look at the shelf more than without parcels; many lines cost no more than two."""
    seller = make_goods(session)
    goods = [make_goods(session, seller_id=seller.seller_id) for _ in range(5)]
    set_freight(session, seller)

    def place(wanted: list[Product]) -> int:
        with count_queries() as queries:
            make_order(session, {product.sku: 1 for product in wanted})
        return len([query for query in queries if "SELECT" in query[:40].upper()])

    assert place(goods[:2]) == place(goods)


def test_the_second_look_is_made_by_placing(session: Session, meat: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Money] = []
    check = placing._must_be_expected
    monkeypatch.setattr(placing, "_must_be_expected", lambda draft, quote: (looked.append(quote.total), check(draft, quote))[1])
    order = make_order(session, {meat.sku: 3})
    assert looked == [Money(order.total_fen)] * 2


def test_an_order_from_a_harvest_is_one_parcel_counted_from_its_day(session: Session, at: datetime) -> None:
    """Nobody knows the place yet, today's shelf is not looked at, and paying later moves no day."""
    product = make_product(session, shelf_life_days=30)
    make_stock(session, product, boxes=9, expires_on=today_shanghai(at) + timedelta(days=14))
    set_freight(session, product, days_to=8, cold_fen=1_000)
    presale = make_presale(session, product)
    order = make_order(session, {product.sku: 3}, presale=presale.code, expected_total=Money(3 * 12_800 + 1_000 + 800 + 3 * 200))
    (parcel,), (line,) = parcels_of(order), order.lines
    days = [presale.ship_by + timedelta(days=n) for n in (0, 1, 8)]
    assert (parcel.place_id, parcel.boxes, parcel.freight_fen) == (None, 3, order.freight_fen)
    assert ([parcel.ship_by, parcel.arrive_from, parcel.arrive_by], line.fresh_days) == (days, None)
    assert session.scalars(select(Allocation)).all() == []
    expire_orders(session, at=at + timedelta(days=4))
    pay(session, order, at=at + timedelta(days=4))
    assert order.state is OrderState.PAID
    assert [parcel.ship_by, parcel.arrive_from, parcel.arrive_by] == days
    assert find_promise(session, order.code) is not None


def test_late_money_takes_only_what_still_arrives_fresh(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product(session, shelf_life_days=30)
    today = today_shanghai(at)
    make_stock(session, product, boxes=3, expires_on=today + timedelta(days=18))
    set_freight(session, product)
    set_freight(session, product, province_code="540000", handling_days=1, days_from=3, days_to=5)
    first, second, third = (make_order(session, {product.sku: 1}, address=TIBET) for _ in range(3))
    later = at + timedelta(days=4)
    expire_orders(session, at=later)
    pay(session, first, at=later)
    assert first.state is OrderState.EXPIRED, "it would arrive eight days before its end, ten are due"
    make_stock(session, product, boxes=1, expires_on=today + timedelta(days=24))
    pay(session, second, at=later)
    assert (second.state, second.lines[0].fresh_days) == (OrderState.PAID, 24 - 10)
    assert [parcel.arrive_by for parcel in parcels_of(second)] == [today + timedelta(days=10)]
    # The look at the days switched off: boxes are promised that may not be sent.
    monkeypatch.setattr(settling, "keeping_late", lambda *_: {})
    pay(session, third, at=later)
    assert (third.state, third.lines[0].fresh_days) == (OrderState.PAID, 8)


def test_money_that_came_after_days_gets_what_still_arrives_fresh(
    session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order waits three days for a transfer. Fresh when it was placed, its boxes are looked at again when they are paid."""
    product = make_product(session, shelf_life_days=30)
    today = today_shanghai(at)
    old = make_stock(session, product, boxes=3, expires_on=today + timedelta(days=16))
    set_freight(session, product)
    set_freight(session, product, province_code="540000", handling_days=1, days_from=3, days_to=5)
    first, second, third = (make_order(session, {product.sku: 1}, address=TIBET) for _ in range(3))
    later = at + timedelta(days=2)
    pay(session, first, at=later)
    assert (first.state, first.paid_fen) == (OrderState.CANCELLED, first.total_fen), (
        "what was counted is given back by the reaction"
    )
    new = make_stock(session, product, boxes=1, expires_on=today + timedelta(days=24))
    pay(session, second, at=later)
    assert (second.state, second.lines[0].fresh_days) == (OrderState.PAID, 24 - 8)
    held = {row.stock_lot_id: row.order_code for row in session.scalars(select(Allocation))}
    assert held == {old.id: third.code, new.id: second.code}
    # The look switched off: boxes are kept that may not be sent.
    monkeypatch.setattr(settling, "_keep_fresh", lambda *_: True)
    pay(session, third, at=later)
    assert (third.state, third.lines[0].fresh_days) == (OrderState.PAID, 16 - 8)
