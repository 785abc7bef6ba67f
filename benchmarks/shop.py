"""The shop at c = 16: its product page beside one-row, whole checkouts beside pgbench's TPC-B."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import load
from benchmarks.figures import Figure, Pace, interleave, medians, ratio, warm_up
from benchmarks.house import PGBENCH, House, connect
from benchmarks.visitor import buy_for, invite
from benchmarks.yardsticks import tpc_b
from catalog.products.models import Product
from kernel import clock
from logistics.stock.queries import available
from shop.config import Config

IDS = ("product-page", "checkout")
FULL_SIZE = 100_000


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the shop."""
    house.serve(config)
    keys, on_shelf = _list_products(config)
    found = []
    if "product-page" in wanted:
        found.append(_product_page(house, config, keys, on_shelf, pace.share(2 if "checkout" in wanted else 1)))
    if "checkout" in wanted:
        found.append(_checkout(house, config, len(keys), on_shelf, pace))
    return found


def _list_products(config: Config) -> tuple[list[str], list[str]]:
    """Keys of all products, and the SKUs that have boxes to sell."""
    engine = connect(config)
    with Session(engine) as session:
        products = session.scalars(select(Product).order_by(Product.sku)).all()
        left = available(session, [product.id for product in products], clock.now())
        found = [str(product.id) for product in products], [p.sku for p in products if left.get(p.id, 0) > 10]
    engine.dispose()
    return found


def _product_page(house: House, config: Config, keys: list[str], skus: list[str], pace: Pace) -> Figure:
    visitor = invite(config.port, 1)[0]
    visitor.close()
    pages = [load.get(f"/products/{sku}", Cookie=visitor.cookie) for sku in skus]
    rows = [load.get(f"/one-row/{key}") for key in keys]
    parts = {
        "hello": lambda seconds: load.burst(house.yardstick_port, [load.get("/hello")], seconds).rate,
        "one-row": lambda seconds: load.burst(house.yardstick_port, rows, seconds).rate,
        "product-page": lambda seconds: load.burst(config.port, pages, seconds).rate,
    }
    warm_up(parts)
    rates = interleave(parts, pace)
    return Figure(
        id="product-page",
        what="product page for a signed-in visitor at c = 16, as shipped, beside one-row (requests/s)",
        unit="x one-row",
        better="higher",
        size=len(keys),
        full_size=FULL_SIZE,
        goal=0.60,
        figure=ratio(rates, "product-page", "one-row"),
        yardstick=medians(rates),
    )


def _checkout(house: House, config: Config, products: int, skus: list[str], pace: Pace) -> Figure:
    visitors = invite(config.port, load.CONNECTIONS)
    wanted = cycle(skus)
    parts = {
        "tpc-b": tpc_b(house.postgres.url(PGBENCH), load.CONNECTIONS),
        "checkout": lambda seconds: buy_for(visitors, wanted, seconds),
    }
    buy_for(visitors, wanted, 0.3)
    rates = interleave(parts, pace)
    for visitor in visitors:
        visitor.close()
    return Figure(
        id="checkout",
        what="whole checkouts at c = 16 (basket, checkout page, order with its boxes allocated; no provider call) beside pgbench TPC-B",
        unit="x TPC-B",
        better="higher",
        size=products,
        full_size=FULL_SIZE,
        goal=0.04,
        figure=ratio(rates, "checkout", "tpc-b"),
        yardstick=medians(rates),
    )
