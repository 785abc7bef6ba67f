"""Tracing seeks: what the database does to follow a lot both ways does not grow with the number of lots and events there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event, select, text
from sqlalchemy.orm import Session

from benchmarks import history
from catalog.parties.models import SYSTEM, Organization, Place
from shop.recalls.queries import list_reached_orders, trace_reach
from tests.factories.catalog import AT
from tests.shop.recalls.test_deciding import Sold
from traceability.epcis.querying import find_page, parse_query
from traceability.events.queries import list_events_of
from traceability.lots.models import Lot
from traceability.lots.queries import list_downstream_lots, list_upstream_households, list_upstream_lots
from traceability.pallets.queries import (
    count_lots_inside,
    list_containers,
    list_containers_of_lots,
    list_items_inside,
    map_materials,
)

LARGE = ("lots_lot", "lots_lot_edge", "lots_lot_share", "events_event_epc", "events_trace_event", "stock_lot", "stock_allocation",
         "orders_order", "shipments_shipment", "shipments_packing_task", "lots_trade_item", "pallets_content",
         "pallets_container")  # fmt: skip


BOX = f"https://id.gs1.org/01/{history.GTIN}/21/S7.3"


@pytest.fixture
def sold(session: Session) -> Sold:
    """Among four thousand events. That is little still: here the planner may not read a table whole, nor join two whole tables."""
    history.fill(session.connection(), history.HISTORY, families=200, households=100)
    sold = Sold(session)
    session.flush()
    for table in LARGE[:5]:
        session.execute(text(f"ANALYZE {table}"))
    # The others hold a row or two, and must not be known to, whatever autovacuum has seen of other tests.
    unknown = "UPDATE pg_class SET relpages = 0, reltuples = -1 WHERE relname = ANY(:names)"
    session.execute(text(unknown), {"names": list(LARGE[5:])})
    for way in ("seqscan", "hashjoin", "mergejoin"):
        session.execute(text(f"SET LOCAL enable_{way} = off"))
    return sold


def plans(session: Session, engine: Engine, act: Callable[[], Any]) -> list[dict[str, Any]]:
    """EXPLAIN of every SELECT of ``act``."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_rest: Any) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    try:
        act()
    finally:
        event.remove(engine, "before_cursor_execute", note)
    raw = session.connection().connection.cursor()
    found: list[dict[str, Any]] = []
    for statement, parameters in seen:
        raw.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters)
        row = raw.fetchone()
        assert row
        found.append(row[0][0]["Plan"])
    assert found
    return found


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


def scanned(found: list[dict[str, Any]]) -> set[str]:
    """Large tables that are read whole: row by row, or along an index without a condition on it."""
    return {
        node["Relation Name"]
        for plan in found
        for node in nodes(plan)
        if node.get("Relation Name") in LARGE
        and (node["Node Type"] == "Seq Scan" or (node["Node Type"].startswith("Index") and "Index Cond" not in node))
    }


SEEKS: dict[str, Callable[[Session, Lot], Any]] = {
    "upstream": lambda session, lot: list_upstream_lots(session, lot.id),
    "downstream": lambda session, lot: list_downstream_lots(session, lot.id),
    "households": lambda session, lot: list_upstream_households(session, lot.id),
    "events of a box": lambda session, _: list_events_of(session, BOX),
    "MATCH_epc": lambda session, _: find_page(session, SYSTEM, parse_query({"MATCH_epc": BOX}), at=AT),
    "dry run": lambda session, lot: trace_reach(session, lot),
    "cases": lambda session, lot: list_containers_of_lots(session, [lot.id]),
    "what is in cases": lambda session, lot: (
        map_materials(session, [lot.id]),
        list_items_inside(session, lot.id),
        count_lots_inside(session, lot.id),
    ),
    "a page of cases": lambda session, _: list_containers(
        session, session.scalars(select(Place.organization_id)).all(), "standing"
    ),
    "a page of cases elsewhere": lambda session, _: list_containers(
        session, session.scalars(select(Organization.id).limit(2)).all(), "elsewhere"
    ),
    "orders": lambda session, lot: list_reached_orders(session, [lot.id]),
}


def test_by_index_and_never_through_a_whole_table(session: Session, engine: Engine, sold: Sold) -> None:
    found = {name: plans(session, engine, lambda act=act: act(session, sold.lot)) for name, act in SEEKS.items()}  # type: ignore[misc]
    wrong = {name: scanned(some) for name, some in found.items() if scanned(some)}
    assert wrong == {}, {name: found[name] for name in wrong}


def test_without_the_index_the_table_is_read_whole(session: Session, engine: Engine, sold: Sold) -> None:
    session.execute(text("DROP INDEX ix_lots_lot_edge_to_lot_id"))
    session.execute(text("ALTER TABLE lots_lot_edge DROP CONSTRAINT uq_lots_lot_edge_from_lot_id_to_lot_id"))
    found = plans(session, engine, lambda: list_upstream_lots(session, sold.lot.id))
    assert scanned(found) == {"lots_lot_edge"}
