"""The shop at c = 16: its pages beside one-row, whole checkouts beside pgbench's TPC-B."""

from __future__ import annotations

import functools
import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from benchmarks import load
from benchmarks.figures import Figure, Job, Pace, Part, Result, interleave, medians, percentile, ratio, run_jobs, warm_up
from benchmarks.figures import Row as Line
from benchmarks.house import PGBENCH, House, connect, say
from benchmarks.lighthouse import SECONDS, VERSION, audit
from benchmarks.shelves import FULL
from benchmarks.visitor import buy_for, invite
from benchmarks.yardsticks import tpc_b
from catalog.products.models import Product
from kernel import clock
from logistics.stock.models import StockLot
from logistics.stock.queries import available
from shop.config import Config


class Row(NamedTuple):
    """A page of the shop, measured beside one-row."""

    goal: float
    what: str


PAGES = {
    "product-page": Row(0.60, "product pages as shipped, by popularity (kept where room is, one SELECT a showing)"),
    "product-drawn": Row(0.25, "product page drawn anew each time"),
    "list-page": Row(0.50, "list of 20 products as shipped (kept, one SELECT a showing)"),
    "list-drawn": Row(0.20, "list of 20 products drawn anew each time"),
}
LIGHTHOUSE = {"lighthouse-product": "the page of a product", "lighthouse-list": "a list of 20"}
IDS = (*PAGES, "checkout", "checkout-p99", "shop-memory", *LIGHTHOUSE)
LOOKED_AT = 2_000  # products with boxes that buyers choose from
MIB = 1024


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of the shop."""
    house.serve(config)
    keys, on_shelf, size = _list_products(config)
    pages = [name for name in PAGES if name in wanted]
    found = _pages(house, config, pages, keys, on_shelf, size, pace.share(2 if "checkout" in wanted else 1)) if pages else []
    if {"checkout", "checkout-p99"} & set(wanted):
        found += [figure for figure in _checkout(house, config, size, on_shelf, pace) if figure.id in wanted]
    if "shop-memory" in wanted:
        found.append(_memory(house, size))
    return found + _lighthouse(config, [name for name in LIGHTHOUSE if name in wanted], on_shelf[0], size, pace)


def _list_products(config: Config) -> tuple[list[str], list[str], int]:
    """Keys of some products, SKUs of as many that have boxes to sell, in no order, and how many products there are.

    The shelves are filled, so that no round runs them dry.
    """
    engine = connect(config)
    with engine.begin() as connection:
        connection.execute(update(StockLot).values(on_hand=StockLot.on_hand + 100_000))
    with Session(engine) as session:
        mixed = func.md5(Product.sku)
        keys = session.scalars(select(Product.id).order_by(mixed).limit(LOOKED_AT)).all()
        some = session.execute(select(Product.id, Product.sku).order_by(mixed)).all()
        left = available(session, [key for key, _ in some], clock.now())
        skus = [sku for key, sku in some if left[key] > 10]
        size = session.scalar(select(func.count()).select_from(Product)) or 0
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM stock_lot")
    engine.dispose()
    return [str(key) for key in keys], skus, size


def _by_popularity(skus: Sequence[str]) -> Iterator[bytes]:
    """What strangers look at, for ever: the n-th product half as often as the one at n/2 (Zipf's law), as shops find it."""
    chance, weights = random.Random(1), list(itertools.accumulate(1 / rank for rank in range(1, len(skus) + 1)))
    while True:
        yield from (load.get(f"/products/{sku}") for sku in chance.choices(skus, cum_weights=weights, k=100))


def _pages(
    house: House, config: Config, wanted: Sequence[str], keys: list[str], skus: list[str], size: int, pace: Pace
) -> list[Figure]:
    """Strangers with an empty basket look at pages. No address is asked for twice where the page is to be drawn anew."""
    rows = [load.get(f"/one-row/{key}") for key in keys]
    lists = ["/products", "/products?sort=cheap", "/products?stock=1"]
    asked: dict[str, Iterable[bytes]] = {
        "product-page": _by_popularity(skus),
        "product-drawn": (load.get(f"/products/{sku}?n={n}") for n, sku in enumerate(cycle(skus))),
        "list-page": [load.get(path) for path in lists],
        "list-drawn": (load.get(f"{path}{'&' if '?' in path else '?'}n={n}") for n, path in enumerate(cycle(lists))),
    }
    parts: dict[str, Part] = {
        "hello": lambda seconds: load.burst(house.yardstick_port, [load.get("/hello")], seconds).rate,
        "one-row": lambda seconds: load.burst(house.yardstick_port, rows, seconds).rate,
        **{name: functools.partial(_rate, config.port, asked[name]) for name in wanted},
    }
    warm_up(parts)
    for name in {"product-page", "list-page"} & set(wanted):  # a shop that has been open for a while
        load.burst(config.port, asked[name], 3 * pace.seconds)
    rates = interleave(parts, pace)
    return [
        Figure(
            id=name,
            what=f"{PAGES[name].what}, a stranger, c = 16, beside one-row (requests/s)",
            unit="x one-row",
            better="higher",
            size=size,
            full_size=FULL,
            goal=PAGES[name].goal,
            figure=ratio(rates, name, "one-row"),
            yardstick=medians({part: rates[part] for part in ("hello", "one-row", name)}),
        )
        for name in wanted
    ]


def _lighthouse(config: Config, wanted: Sequence[str], sku: str, size: int, pace: Pace) -> list[Figure]:
    paths = {"lighthouse-product": f"/products/{sku}", "lighthouse-list": "/products"}

    def look(name: str) -> dict[str, Result]:
        scores = audit(f"http://127.0.0.1:{config.port}{paths[name]}", ("performance", "accessibility"))
        return {name: Result(scores["performance"], size, {"accessibility (of 100)": scores["accessibility"]})}

    jobs = [Job((name,), SECONDS, functools.partial(look, name)) for name in wanted]
    rows = {
        name: Line(95.0, "of 100", "higher", f"Lighthouse {VERSION}, performance on a phone: {LIGHTHOUSE[name]}") for name in wanted
    }
    return run_jobs(jobs, rows, wanted, pace, say=say, full_size=lambda _: FULL)


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
        full_size=FULL,
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
        full_size=FULL,
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
        full_size=FULL,
        goal=100.0,
        figure=round(max(workers), 1),
        yardstick={f"worker {n} (MiB)": round(each, 1) for n, each in enumerate(workers, 1)},
    )


def _pss(pid: int) -> int:
    """KiB."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
