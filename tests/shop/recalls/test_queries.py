"""The dry run takes a fixed number of queries, and its digests say what changed."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from shop.procurement.queries import list_orders_of_request
from shop.recalls.queries import each_reached_order, list_reached_orders, trace_reach
from tests.factories.procurement import make_office, make_ordered
from tests.factories.shop import make_order
from tests.shop.recalls.test_deciding import Sold
from traceability.lots.models import Lot


def count_queries(session: Session, sold: Sold) -> int:
    seen: list[str] = []
    connection = session.connection()
    listen = lambda *args: seen.append(args[2])  # noqa: E731
    event.listen(connection, "before_cursor_execute", listen)
    session.expire_all()
    lot = session.merge(sold.lot)
    _ = lot.code
    seen.clear()
    trace_reach(session, lot)
    event.remove(connection, "before_cursor_execute", listen)
    return len(seen)


def test_more_orders_do_not_mean_more_queries(session: Session) -> None:
    sold = Sold(session)
    session.flush()
    few = count_queries(session, sold)
    for _ in range(4):
        make_order(session, {sold.product.sku: 1})
    session.flush()
    assert count_queries(session, sold) == few


def test_a_new_order_changes_the_snapshot_but_not_the_scope(session: Session) -> None:
    sold = Sold(session)
    before = trace_reach(session, sold.lot)
    make_order(session, {sold.product.sku: 1})
    after = trace_reach(session, sold.lot)
    assert before.scope == after.scope
    assert before.snapshot != after.snapshot


def test_an_order_of_the_small_hours_is_of_that_day_in_china(session: Session) -> None:
    sold = Sold(session)
    sold.order.placed_at = datetime(2026, 11, 21, 16, 30, tzinfo=UTC)  # half past midnight in China
    session.flush()
    assert [row.placed_on for row in list_reached_orders(session, [sold.lot.id])] == ["2026-11-22"]


def test_orders_come_page_by_page_and_each_once(session: Session) -> None:
    sold = Sold(session)
    for _ in range(4):
        make_order(session, {sold.product.sku: 1})
    first = list_reached_orders(session, [sold.lot.id], limit=2)
    rest = list_reached_orders(session, [sold.lot.id], after=first[-1].code, limit=2)
    codes = [order.code for order in (*first, *rest)]
    assert codes == sorted(codes)
    assert len(set(codes)) == 4
    assert [order.code for order in each_reached_order(session, [sold.lot.id])][:4] == codes
    assert trace_reach(session, sold.lot).counts["orders"] == 5
    assert trace_reach(session, sold.lot).counts["boxes_sold"] == 6


def test_an_organisation_is_counted_once(session: Session) -> None:
    office = make_office(session)
    request = make_ordered(session, office)
    orders = list_orders_of_request(session, request)
    lots = session.scalars(select(Lot).where(Lot.kind == "pack")).all()
    found = [(lot, reach.counts) for lot in lots if (reach := trace_reach(session, lot)).counts["orders"]]
    assert found
    assert all((counts["organizations"], counts["buyers"]) == (1, 0) for _, counts in found)
    assert sum(counts["orders"] for _, counts in found) >= len(orders)
