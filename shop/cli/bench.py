"""``./shanhai bench``: figures of the shipped app, each beside its yardstick (``benchmarks/README.md`` says how and why)."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import structlog

from kernel.local import MachineProblem
from shop.config import Config

BENCHES = {
    "shop": (
        "product-page",
        "product-drawn",
        "list-page",
        "list-drawn",
        "checkout",
        "checkout-p99",
        "shop-memory",
        "lighthouse-product",
        "lighthouse-list",
    ),
    "scan": ("story-page",),
    "ledger": (
        "g1-batch",
        "g1-files",
        "g2-integrate",
        "g2-capture",
        "g3-writers",
        "g3-whole-way",
        "g4-proof",
        "g5-files",
        "g5-database",
        "g5-memory",
        "g6-one-p50",
        "g6-one-p99",
        "g6-twelve-p50",
        "g6-fallback",
        "g7-wal",
        "g7-tiles",
        "g7-proof",
        "g8-published",
    ),
    "traceability": ("t-capture", "t-capture-ratio", "t-hash", "t-match-epc", "t-households", "t-genealogy", "t-recall"),
}
QUICK_SECONDS = 36.0  # start of the servers and rounds; the rest of 50 s is for what is under way and for stopping
LEAST_SECONDS = 20.0  # for the rounds when data had to be made first


def register(commands: Any) -> None:
    """Add the parser."""
    parser = commands.add_parser("bench", help="measure, each figure beside its yardstick")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="shop, scan, ledger, traceability or one figure; prepare NAME: only make its data"
    )
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument("--quick", action="store_true", help="fewer and shorter rounds: ends within 50 s")
    pace.add_argument("--full", action="store_true", help="more and longer rounds")
    parser.add_argument("--seconds", type=float, help="how long each round of each part lasts")
    parser.add_argument("--json", action="store_true", dest="as_json", help="a list for a script")
    parser.set_defaults(act=act)


def act(arguments: argparse.Namespace) -> int:
    """Prepare what is missing, measure, print. 0 also when a goal is missed: the table says so."""
    from benchmarks.figures import Pace, WrongAnswer
    from benchmarks.house import EMPTY, PREPARED, House
    from benchmarks.shelves import preparations

    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))  # standard output is for the figures
    begun = time.monotonic()
    names = list(arguments.names)
    only_prepare = names[:1] == ["prepare"]
    wanted = choose(names[1:] if only_prepare else names)
    rounds, seconds = (3, 1.0) if arguments.quick else (9, 5.0) if arguments.full else (5, 3.0)
    pace = Pace(rounds, arguments.seconds or seconds)
    figures = []
    with House() as house:
        more: dict[str, Callable[[Config], None]] = {}
        for name in {"ledger", "traceability"} & wanted.keys():
            bench = importlib.import_module(f"benchmarks.{name}")
            more |= bench.preparations(house, wanted[name], full=arguments.full, quick=arguments.quick)
        shelves = preparations(house, full=arguments.full) if "shop" in wanted else {}
        house.prepare(
            shop=bool({"shop", "scan"} & wanted.keys()),
            pgbench=bool({"checkout", "checkout-p99"} & set(wanted.get("shop", ()))),
            more=more,
            larger=shelves,
        )
        if only_prepare:
            return 0
        if arguments.quick:
            pace = Pace(pace.rounds, pace.seconds, max(begun + QUICK_SECONDS, time.monotonic() + LEAST_SECONDS))
        config = house.copy(next(iter(shelves), PREPARED if "scan" in wanted else EMPTY))
        try:
            for number, (name, ids) in enumerate(wanted.items()):
                bench = importlib.import_module(f"benchmarks.{name}")
                figures += bench.measure(house, config, pace.share(len(wanted) - number), ids)
        except WrongAnswer as problem:
            raise MachineProblem(f"No figure, since something answered wrongly: {problem}") from problem
    if arguments.as_json:
        print(json.dumps([figure.as_json() for figure in figures], ensure_ascii=False, indent=1))
    else:
        print_table([figure.as_json() for figure in figures])
    return 0


def choose(names: list[str]) -> dict[str, list[str]]:
    """Which figures of which benchmarks; all when none is named. Raises MachineProblem for a name there is not."""
    known = {*BENCHES, *(one for ids in BENCHES.values() for one in ids)}
    for name in names:
        if name not in known:
            raise MachineProblem(f"There is no benchmark {name!r}; there are: {', '.join(sorted(known))}.")
    chosen = {bench: [one for one in ids if not names or bench in names or one in names] for bench, ids in BENCHES.items()}
    return {bench: ids for bench, ids in chosen.items() if ids}


def print_table(figures: list[dict[str, Any]]) -> None:
    """The figures as people read them."""
    for one in figures:
        sign = "≥" if one["better"] == "higher" else "≤"
        verdict = "not run" if one["figure"] is None else "" if one["goal"] is None else "ok" if one["ok"] else "SHORT"
        goal = "no goal      " if one["goal"] is None else f"goal {sign} {one['goal']:<6}"
        figure = "-" if one["figure"] is None else f"{one['figure']:.3f}"
        print(f"{one['id']:18}{figure:>9} {one['unit']:12} {goal} {verdict}")
        print(f"    {one['what']}")
        values = (f"{name} {value:,.1f}{'' if name.endswith(')') else '/s'}" for name, value in one["yardstick"].items())
        print(f"    medians: {', '.join(values)}")
        print(f"    size {one['size']:,} of {one['full_size']:,}")
    sys.stdout.flush()
