"""What a benchmark says: figures as ratios to yardsticks, from interleaved rounds and their medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, NamedTuple


class WrongAnswer(Exception):
    """What was to be measured answered wrongly, so there is no figure; the text says what came."""


class NotRun(Exception):
    """Something it takes is not here; the text says what."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. ``figure`` is compared with ``goal`` in ``unit``; ``yardstick`` holds the medians behind it.

    ``size`` is how much data was there, ``full_size`` how much the goal is meant for. Without a ``goal`` it is only shown; without a
    ``figure`` it was not run, which is never ok. A value of ``yardstick`` is a rate a second unless its name ends with a unit: "p99 (ms)".
    """

    id: str
    what: str
    unit: str
    better: str
    size: int
    full_size: int
    goal: float | None
    figure: float | None
    yardstick: dict[str, float] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the goal is met."""
        if self.figure is None or self.goal is None:
            return self.figure is not None
        return self.figure >= self.goal if self.better == "higher" else self.figure <= self.goal

    def as_json(self) -> dict[str, Any]:
        """The line for a script."""
        return asdict(self) | {"ok": self.ok}


class Result(NamedTuple):
    """What came of measuring one figure; ``figure`` and ``yardstick`` as in Figure."""

    figure: float
    size: int
    yardstick: dict[str, float]


@dataclass(frozen=True)
class Pace:
    """How long to measure: ``rounds`` of ``seconds`` for each part; no round begins that would not end before ``until``."""

    rounds: int
    seconds: float
    until: float = float("inf")

    def share(self, parts: int) -> Pace:
        """The pace of one of ``parts`` benchmarks that are still to be run in the time left."""
        now = time.monotonic()
        return Pace(self.rounds, self.seconds, now + (self.until - now) / parts)


class Row(NamedTuple):
    """What one line of the table promises."""

    goal: float | None
    unit: str
    better: str
    what: str


class Job(NamedTuple):
    """What is measured together: the lines that come of it, and about how long it takes at least (0: it minds the time itself)."""

    ids: Collection[str]
    seconds: float
    measure: Callable[[], Mapping[str, Result]]


def run_jobs(
    jobs: Sequence[Job],
    rows: Mapping[str, Row],
    wanted: Collection[str],
    pace: Pace,
    *,
    say: Callable[[str], None],
    full_size: Callable[[str], int],
) -> list[Figure]:
    """The wanted lines of a table; one that there was no time or means for says so. A ``full_size`` of 0 is the size there was."""
    found: dict[str, Result] = {}
    missing: dict[str, str] = {}
    for job in jobs:
        if not set(job.ids) & set(wanted):
            continue
        if job.seconds and time.monotonic() + job.seconds > pace.until:
            missing |= dict.fromkeys(job.ids, "no time left")
            continue
        say(f"Measuring {', '.join(job.ids)}")
        try:
            found |= job.measure()
        except NotRun as problem:
            missing |= dict.fromkeys(job.ids, str(problem))
    return [
        _line(name, row, found.get(name), missing.get(name, ""), full_size(name)) for name, row in rows.items() if name in wanted
    ]


def _line(name: str, row: Row, result: Result | None, missing: str, full_size: int) -> Figure:
    size = result.size if result else 0
    return Figure(
        id=name,
        what=f"{row.what} (not run: {missing})" if result is None else row.what,
        unit=row.unit,
        better=row.better,
        size=size,
        full_size=full_size or size,
        goal=row.goal,
        figure=result.figure if result else None,
        yardstick=result.yardstick if result else {},
    )


Rates = dict[str, list[float]]
Part = Callable[[float], float | Mapping[str, float]]  # measures for so many seconds: one rate, or several by name


def interleave(parts: Mapping[str, Part], pace: Pace) -> Rates:
    """The rates of each part in each round. The order turns from round to round, so that no part always follows the same one.

    At least one round is done, whatever the time.
    """
    names, found = list(parts), dict[str, list[float]]()
    for number in range(pace.rounds):
        begun = time.monotonic()
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            rates = parts[name](pace.seconds)
            for of, rate in (rates if isinstance(rates, Mapping) else {name: rates}).items():
                found.setdefault(of, []).append(rate)
        took = time.monotonic() - begun
        if time.monotonic() + took > pace.until:
            break
    return found


def warm_up(parts: Mapping[str, Part]) -> None:
    """Do each part once, briefly, and forget the rate: caches fill and connections open outside the rounds."""
    for part in parts.values():
        part(0.3)


def ratio(rates: Rates, of: str, to: str) -> float:
    """Median of the ratios within each round: what slows a whole round (another program on the machine) cancels out."""
    return round(median(one / other for one, other in zip(rates[of], rates[to], strict=True)), 4)


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that so many percent of them do not exceed."""
    return sorted(values)[min(int(len(values) * percent / 100), len(values) - 1)]


def medians(rates: Rates) -> dict[str, float]:
    """The median rate of each part."""
    return {name: round(median(values), 1) for name, values in rates.items()}
