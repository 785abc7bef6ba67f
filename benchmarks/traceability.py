"""The figures of traceability, each beside its yardstick in the same run (README.md says what each measures)."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from statistics import median

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks import captures, hashes, history
from benchmarks.figures import Figure, Job, Pace, Result, Row, WrongAnswer, percentile, run_jobs
from benchmarks.house import House, connect, say
from catalog.parties.models import SYSTEM
from logistics.shipments.queries import list_shipments_of_lots
from shop.config import Config
from shop.recalls.queries import list_reached_orders, trace_reach
from traceability.epcis.querying import find_page, parse_query
from traceability.lots.models import Lot
from traceability.lots.queries import find_item, get_lot, list_downstream_lots, list_upstream_households, list_upstream_lots
from traceability.pallets.queries import list_containers_of_lots

AT = datetime(2026, 11, 30, tzinfo=UTC)
LOOKS = 200  # look-ups a round

ROWS = {
    "t-capture": Row(1000.0, "events/s", "higher", "documents of 20 events captured and stored, two processes"),
    "t-capture-ratio": Row(8.0, "x single", "higher", "the same beside requests of one event each (events/s)"),
    "t-hash": Row(20.0, "x reference", "higher", "Event Hash IDs beside epcis-event-hash-generator from PyPI (events/s)"),
    "t-match-epc": Row(2.0, "x p99", "lower", f"p99 of MATCH_epc for a box, beside the same among {history.SMALL:,} events"),
    "t-households": Row(2.0, "x p99", "lower", f"p99 of all households upstream of a box, beside the same at {history.SMALL:,}"),
    "t-genealogy": Row(1.0, "s", "lower", f"all lots down from the first of {history.GENEALOGY:,}, and all up from the last"),
    "t-recall": Row(2.0, "s", "lower", "dry run of a recall: lots, stock, orders, buyers; first pages of orders, parcels, cases"),
}
IDS = tuple(ROWS)
TRACED = {"t-match-epc", "t-households", "t-genealogy"}


def preparations(house: House, wanted: Sequence[str], *, full: bool, quick: bool) -> Mapping[str, Callable[[Config], None]]:
    """What is made once: a small and a large history (a quick run takes the largest there is), and a lot that was sold."""
    large = history.FULL if full else history.LARGE
    if quick:
        large = _largest(house, history.name_of(0)[:-1], history.MIDDLING)
    found: dict[str, Callable[[Config], None]] = {}
    if TRACED & set(wanted):
        for events in (history.SMALL, large):
            found[history.name_of(events)] = functools.partial(history.build_history, events=events)
    if "t-recall" in wanted:
        lines = history.FULL_LINES if full else history.LINES
        found[history.sales_name_of(lines)] = functools.partial(history.build_sales, lines=lines)
    return found


def measure(house: House, config: Config, pace: Pace, wanted: Sequence[str] = IDS) -> list[Figure]:
    """The figures of traceability."""
    brief = pace.until < float("inf")
    events = _largest(house, history.name_of(0)[:-1], history.SMALL)
    lines = _largest(house, history.sales_name_of(0)[:-1], 0)
    jobs = [
        Job(["t-match-epc", "t-households"], 2.0, lambda: _measure_seeks(house, events, 3 if brief else 9)),
        Job(["t-genealogy"], 1.0, lambda: {"t-genealogy": _measure_genealogy(house, events)}),
        Job(["t-recall"], 2.0, lambda: {"t-recall": _measure_recall(house, lines)}),
        Job(["t-hash"], 2.0, lambda: {"t-hash": hashes.measure_hash(pace if not brief else Pace(2, 1.0, pace.until))}),
        Job(["t-capture", "t-capture-ratio"], 12.0, lambda: captures.measure_capture(config, 2.0 if brief else 6.0)),
    ]
    return run_jobs(jobs, ROWS, wanted, pace, say=say, full_size=_full_size)


def _full_size(name: str) -> int:
    sizes = {"t-recall": history.FULL_LINES, "t-genealogy": history.GENEALOGY}
    return sizes.get(name, history.LARGE if name in TRACED else 0)


def _largest(house: House, prefix: str, least: int) -> int:
    """How much there is in the largest database of this kind."""
    sizes = [
        int(name.removeprefix(prefix))
        for name in house.postgres.databases()
        if name.startswith(prefix) and name[len(prefix) :].isdigit()
    ]
    return max((size for size in sizes if size > least), default=least)


@contextmanager
def _session(house: House, name: str) -> Iterator[Session]:
    engine = connect(house.config(name))
    try:
        with Session(engine) as session:
            yield session
    finally:
        engine.dispose()


def _measure_seeks(house: House, events: int, rounds: int) -> dict[str, Result]:
    """Milliseconds a look-up in the small and the large history, which take turns; boxes by chance, seeded; caches warm.

    Of each round the ratio of the two p99 is taken, and of these the median: what slows the machine for a moment is in one round only.
    """
    sizes = (history.SMALL, events)
    looks = {"t-match-epc": _match, "t-households": _households}
    found: dict[str, list[dict[int, float]]] = {name: [] for name in looks}
    with _session(house, history.name_of(history.SMALL)) as small, _session(house, history.name_of(events)) as large:
        boxes = random.Random(4)
        for number in range(rounds + 1):
            times: dict[tuple[str, int], list[float]] = {(name, size): [] for name in looks for size in sizes}
            for _ in range(LOOKS):
                for size, session in zip(sizes, (small, large), strict=True):
                    serial = f"S{boxes.randint(1, size // history.FAMILY)}.{boxes.randint(1, history.BOXES)}"
                    for name, look in looks.items():
                        session.expunge_all()
                        begun = time.perf_counter()
                        look(session, serial)
                        times[name, size].append((time.perf_counter() - begun) * 1000)
            for name in looks if number else ():  # the first warms up
                found[name].append({size: percentile(times[name, size], 99) for size in sizes})
    return {name: _beside(p99, sizes) for name, p99 in found.items()}


def _beside(rounds: Sequence[Mapping[int, float]], sizes: tuple[int, int]) -> Result:
    small, large = sizes
    figure = median(each[large] / each[small] for each in rounds)
    return Result(
        round(figure, 2), large, {f"p99 at {size:,} (ms)": round(median(each[size] for each in rounds), 2) for size in sizes}
    )


def _match(session: Session, serial: str) -> None:
    query = parse_query({"MATCH_epc": f"https://id.gs1.org/01/{history.GTIN}/21/{serial}"})
    page = find_page(session, SYSTEM, query, at=AT)
    if len(page.events) != history.FAMILY // history.BOXES:
        raise WrongAnswer(f"{len(page.events)} events of box {serial}")


def _households(session: Session, serial: str) -> None:
    item = find_item(session, serial)
    if item is None or len(list_upstream_households(session, item.lot_id)) != 6:
        raise WrongAnswer(f"the households of box {serial}")


def _measure_genealogy(house: House, events: int) -> Result:
    """Seconds for both ways, the best of three; beside it one lot read by key."""
    with _session(house, history.name_of(events)) as session:
        first, last = get_lot(session, "NODE-1"), get_lot(session, f"NODE-{history.GENEALOGY}")
        both, single = [], []
        for _ in range(3):
            session.expunge_all()
            begun = time.perf_counter()
            down, up = list_downstream_lots(session, first.id), list_upstream_lots(session, last.id)
            both.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            session.scalars(select(Lot).where(Lot.code == "NODE-7")).one()
            single.append((time.perf_counter() - begun) * 1000)
        if len(down) != history.GENEALOGY - 1 or len(up) < 13:
            raise WrongAnswer(f"{len(down)} lots down, {len(up)} up")
    return Result(round(min(both), 3), history.GENEALOGY, {"one lot by code (ms)": round(min(single), 2)})


def _measure_recall(house: House, lines: int) -> Result:
    """Seconds of the dry run as the page does it, the best of three after one that warms up; beside it one bare count of the lines."""
    with _session(house, history.sales_name_of(lines)) as session:
        took, counted = [], []
        for _ in range(4):
            session.expunge_all()
            begun = time.perf_counter()
            reach = trace_reach(session, get_lot(session, history.ROOT))
            page = list_reached_orders(session, reach.lot_ids, limit=100)
            cases = list_containers_of_lots(session, reach.lot_ids, limit=100)
            parcels = list_shipments_of_lots(session, reach.lot_ids, limit=100)
            took.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            session.connection().exec_driver_sql("SELECT sum(quantity) FROM stock_allocation").scalar_one()
            counted.append((time.perf_counter() - begun) * 1000)
        firsts = {len(page), len(cases), len(parcels)}
        if reach.counts["boxes_sold"] != lines or reach.counts["orders"] != lines // 2 or firsts != {100}:
            raise WrongAnswer(f"the dry run counted {reach.counts}")
    return Result(
        round(min(took[1:]), 3), lines, {"sum over all lines (ms)": round(min(counted), 1), "cold (ms)": round(took[0] * 1000)}
    )
