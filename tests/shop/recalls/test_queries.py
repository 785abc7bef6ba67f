"""The dry run takes a fixed number of queries, and its digests say what changed."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import event
from sqlalchemy.orm import Session

from shop.recalls.queries import trace_reach
from tests.factories.shop import make_order
from tests.shop.recalls.test_deciding import Sold


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
    assert [row.placed_on for row in trace_reach(session, sold.lot).orders] == ["2026-11-22"]
