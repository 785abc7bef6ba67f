"""The shop at c = 16: its pages beside one-row, whole checkouts beside pgbench's TPC-B."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from benchmarks import load
from benchmarks.figures import Figure, Pace, interleave, medians, percentile, ratio, warm_up
from benchmarks.house import PGBENCH, House, connect
from benchmarks.visitor import buy_for, invite
from benchmarks.yardsticks import tpc_b
from catalog.products.models import Product
from kernel import clock
from logistics.stock.models import StockLot
from logistics.stock.queries import available
from shop.config import Config

FULL_SIZE = 100_000


class Row(NamedTuple):
    """A page of the shop, measured beside one-row."""

    goal: float
    what: str


PAGES = {
    "product-page": Row(0.60, "product page as shipped (kept, one SELECT a showing)"),
    "product-drawn": Row(0.25, "product page drawn anew each time"),
    "list-page": Row(0.50, "list of 20 products as shipped (kept, one SELECT a showing)"),
    "list-drawn": Row(0.20, "list of 20 products drawn anew each time"),
}
IDS = (*PAGES, "checkout", "checkout-p99", "shop-memory")
MIB = 1024


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the shop."""
    house.serve(config)
    keys, on_shelf = _list_products(config)
    pages = [name for name in PAGES if name in wanted]
    found = _pages(house, config, pages, keys, on_shelf, pace.share(2 if "checkout" in wanted else 1)) if pages else []
    if {"checkout", "checkout-p99"} & set(wanted):
        found += [figure for figure in _checkout(house, config, len(keys), on_shelf, pace) if figure.id in wanted]
    if "shop-memory" in wanted:
        found.append(_memory(house, len(keys)))
    return found


def _list_products(config: Config) -> tuple[list[str], list[str]]:
    """Keys of all products, and the SKUs that have boxes to sell. The shelves are filled, so that no round runs them dry."""
    engine = connect(config)
    with engine.begin() as connection:
        connection.execute(update(StockLot).values(on_hand=StockLot.on_hand + 100_000))
    with Session(engine) as session:
        products = session.scalars(select(Product).order_by(Product.sku)).all()
        left = available(session, [product.id for product in products], clock.now())
        found = [str(product.id) for product in products], [p.sku for p in products if left.get(p.id, 0) > 10]
    engine.dispose()
    return found


def _pages(house: House, config: Config, wanted: Sequence[str], keys: list[str], skus: list[str], pace: Pace) -> list[Figure]:
    """Strangers with an empty basket look at pages. No address is asked for twice where the page is to be drawn anew."""
    rows = [load.get(f"/one-row/{key}") for key in keys]
    lists = ["/products", "/products?sort=cheap", "/products?stock=1"]
    asked: dict[str, Iterable[bytes]] = {
        "product-page": [load.get(f"/products/{sku}") for sku in skus],
        "product-drawn": (load.get(f"/products/{sku}?n={n}") for n, sku in enumerate(cycle(skus))),
        "list-page": [load.get(path) for path in lists],
        "list-drawn": (load.get(f"{path}{'&' if '?' in path else '?'}n={n}") for n, path in enumerate(cycle(lists))),
    }
    parts = {
        "hello": lambda seconds: load.burst(house.yardstick_port, [load.get("/hello")], seconds).rate,
        "one-row": lambda seconds: load.burst(house.yardstick_port, rows, seconds).rate,
        **{name: functools.partial(_rate, config.port, asked[name]) for name in wanted},
    }
    warm_up(parts)
    for name in {"product-page", "list-page"} & set(wanted):  # each worker draws a page twice before it keeps it
        load.burst(config.port, islice(cycle(asked[name]), 10 * len(skus)), 60.0)
    rates = interleave(parts, pace)
    return [
        Figure(
            id=name,
            what=f"{PAGES[name].what}, a stranger, c = 16, beside one-row (requests/s)",
            unit="x one-row",
            better="higher",
            size=len(keys),
            full_size=FULL_SIZE,
            goal=PAGES[name].goal,
            figure=ratio(rates, name, "one-row"),
            yardstick=medians({part: rates[part] for part in ("hello", "one-row", name)}),
        )
        for name in wanted
    ]


def _rate(port: int, requests: Iterable[bytes], seconds: float) -> float:
    return load.burst(port, requests, seconds).rate


def _checkout(house: House, config: Config, products: int, skus: list[str], pace: Pace) -> list[Figure]:
    visitors = invite(config.port, load.CONNECTIONS)
    wanted = cycle(skus)
    alone, together = list[float](), list[float]()

    def buy_alone(seconds: float) -> float:
        burst = buy_for(visitors[:1], wanted, seconds)
        alone.extend(burst.latencies)
        return burst.rate

    def buy(seconds: float) -> float:
        burst = buy_for(visitors, wanted, seconds)
        together.extend(burst.latencies)
        return burst.rate

    parts = {"tpc-b": tpc_b(house.postgres.url(PGBENCH), load.CONNECTIONS), "checkout": buy, "alone": buy_alone}
    buy_for(visitors, wanted, 0.3)
    rates = interleave(parts, pace)
    for visitor in visitors:
        visitor.close()
    p50, p99 = 1000 * percentile(alone, 50), 1000 * percentile(together, 99)
    slower = Figure(
        id="checkout-p99",
        what="p99 of whole checkouts at c = 16 beside p50 of one buyer alone",
        unit="x p50",
        better="lower",
        size=products,
        full_size=FULL_SIZE,
        goal=10.0,
        figure=round(p99 / p50, 2),
        yardstick={"p50 alone (ms)": p50, "p99 at c = 16 (ms)": p99},
    )
    rate = Figure(
        id="checkout",
        what="whole checkouts at c = 16 (product, basket, address, order and boxes, payment row; no provider call) beside pgbench TPC-B",
        unit="x TPC-B",
        better="higher",
        size=products,
        full_size=FULL_SIZE,
        goal=0.04,
        figure=ratio(rates, "checkout", "tpc-b"),
        yardstick=medians({name: rates[name] for name in ("tpc-b", "checkout")}),
    )
    return [rate, slower]


def _memory(house: House, products: int) -> Figure:
    """Memory of the web workers after all that was asked of them; what they share with others is counted in parts (PSS)."""
    workers = [_pss(pid) / MIB for pid in house.web_workers()]
    return Figure(
        id="shop-memory",
        what="memory of a web worker (PSS), the largest, after the figures above",
        unit="MiB",
        better="lower",
        size=products,
        full_size=FULL_SIZE,
        goal=100.0,
        figure=round(max(workers), 1),
        yardstick={f"worker {n} (MiB)": round(each, 1) for n, each in enumerate(workers, 1)},
    )


def _pss(pid: int) -> int:
    """KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
