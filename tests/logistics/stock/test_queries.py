"""What can be bought, in a fixed number of statements."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from kernel.ids import uuid7
from logistics.stock.queries import available, find_next_lot, list_allocations_of_lots, list_arriving, list_offers_today
from tests.factories.catalog import JINGNING, make_product
from tests.factories.logistics import lot_of, make_allocations, make_hub, make_stock
from tests.factories.lots import make_pack_lot
from traceability.lots.recalling import mark_lots


def test_available_adds_up_lots_and_knows_what_there_is_none_of(session: Session, at: datetime) -> None:
    product, nothing = make_product(session), uuid7()
    make_stock(session, product, boxes=3)
    make_stock(session, product, boxes=4)
    make_allocations(session, product.id, 2)
    assert available(session, [product.id, nothing], at) == {product.id: 5, nothing: 0}


def test_the_next_lot_is_the_first_to_expire_that_is_free(session: Session, at: datetime) -> None:
    product = make_product(session)
    later = make_stock(session, product, boxes=3, expires_on=date(2027, 11, 1))
    sooner = make_stock(session, product, boxes=2, expires_on=date(2027, 6, 1))
    found = find_next_lot(session, product.id, at)
    assert found is not None
    assert (found.lot_id, found.boxes) == (sooner.lot_id, 2)
    make_allocations(session, product.id, 2)
    found = find_next_lot(session, product.id, at)
    assert found is not None
    assert found.lot_id == later.lot_id
    mark_lots(session, SYSTEM, lot_of(session, later).code, "抽检不合格", at)
    assert find_next_lot(session, product.id, at) is None


def test_offers_are_paged_by_key(session: Session, at: datetime) -> None:
    stocks = sorted((make_stock(session, boxes=n) for n in (1, 2, 3)), key=lambda stock: stock.product_id)
    sold_out = make_stock(session, boxes=1)
    make_allocations(session, sold_out.product_id, 1)
    first = list_offers_today(session, at, limit=2)
    rest = list_offers_today(session, at, after=first[-1].product_id)
    assert [(offer.product_id, offer.boxes) for offer in first + rest] == [(s.product_id, s.on_hand) for s in stocks]


def test_orders_of_a_lot_for_a_recall(session: Session, at: datetime) -> None:
    stock = make_stock(session)
    orders = [make_allocations(session, stock.product_id, 1)[0].order_code for _ in range(2)]
    assert sorted(row.order_code for row in list_allocations_of_lots(session, [stock.lot_id])) == sorted(orders)


def test_what_lies_on_no_shelf_yet(session: Session) -> None:
    make_stock(session, boxes=4)
    lot = make_pack_lot(session, boxes=6)
    (arriving,) = list_arriving(session, None)
    assert (arriving.lot_id, arriving.boxes) == (lot.id, 6)
    assert list_arriving(session, [uuid7()]) == []
    assert list_arriving(session, [make_hub(session).organization_id]) == [arriving]
    assert list_arriving(session, [make_hub(session, county_code=JINGNING).organization_id]) == []


@pytest.mark.parametrize("products", [1, 20])
def test_one_statement_however_many_products(session: Session, at: datetime, products: int) -> None:
    keys = [make_stock(session, make_product(session, price=None), boxes=1).product_id for _ in range(products)]
    session.flush()
    seen: list[str] = []
    listener = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(session.get_bind(), "before_cursor_execute", listener)
    available(session, keys, at)
    list_offers_today(session, at)
    event.remove(session.get_bind(), "before_cursor_execute", listener)
    assert len(seen) == 2
