"""A large shop: the demo's products again and again, each copy with its price, papers, shares, lot and boxes. Made by the database.

Rows are those our acts would write, but made in bulk with triggers and foreign keys off. A copy's lot is made of the same lots as its
model, so its page looks as far back. What no page of the shop looks at (serials, households' shares, moves of boxes) is not copied.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from sqlalchemy import create_engine, text

from benchmarks.history import fill
from benchmarks.house import House
from shop.config import Config

USUAL, FULL = 10_000, 100_000


def _copy(table: str, changes: str, joined: str = "") -> str:
    """Rows of ``table`` (as ``row``) that belong to a product (as ``model``), once for each number, with ``changes`` (name, SQL, …)."""
    return f"""
INSERT INTO {table} SELECT (jsonb_populate_record(row, jsonb_build_object('id', md5(row.id::text || again)::uuid, {changes}))).*
FROM {table} row {joined} CROSS JOIN generate_series(1, :copies) again;
"""


_MODEL = "JOIN models model ON model.{0} = row.{1}"
_PRODUCT = "'product_id', md5(model.id::text || again)::uuid"
_SKU = "model.sku || '-' || again"
SHELVES = (
    "CREATE TEMP TABLE models AS SELECT id, sku FROM products_product;"
    + _copy("prices_price", _PRODUCT, _MODEL.format("id", "product_id"))
    + _copy("assistance_share_rule", _PRODUCT, _MODEL.format("id", "product_id"))
    + _copy(
        "documents_document",
        f"'subject_code', {_SKU}, 'number', row.number || '-' || again",
        _MODEL.format("sku", "subject_code") + " AND row.subject_kind = 'product'",
    )
    + _copy("stock_lot", f"{_PRODUCT}, 'lot_id', md5(row.lot_id::text || again)::uuid", _MODEL.format("id", "product_id"))
    + _copy(
        "lots_lot_edge",
        "'to_lot_id', md5(row.to_lot_id::text || again)::uuid",
        "JOIN lots_lot packed ON packed.id = row.to_lot_id AND packed.kind = 'pack'",
    )
    + _copy(
        "lots_lot",
        f"'code', row.code || '-' || again, 'product_sku', {_SKU}",
        _MODEL.format("sku", "product_sku") + " AND row.kind = 'pack'",
    )
    + _copy(
        "products_product",
        f"'sku', {_SKU}, 'name', row.name || ' ' || again, 'gtin', NULL",
        _MODEL.format("id", "id"),
    )
)


def name_of(products: int) -> str:
    """The database of a shop of at least so many products."""
    return f"shop{products}"


def preparations(house: House, *, full: bool) -> dict[str, Callable[[Config], None]]:
    """What makes the shop that is to be measured, by the name of its database: FULL products, else USUAL, or FULL if they are there."""
    products = FULL if full or name_of(FULL) in house.postgres.databases() else USUAL
    return {name_of(products): functools.partial(fill_shelves, products=products)}


def fill_shelves(config: Config, products: int) -> None:
    """Copy what the demo has until there are at least so many products."""
    engine = create_engine(config.database_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        models = connection.scalar(text("SELECT count(*) FROM products_product")) or 1
        connection.execute(text("SET session_replication_role = replica"))
        fill(connection, SHELVES, copies=-(-products // models) - 1)
        connection.execute(text("VACUUM ANALYZE"))
    engine.dispose()
