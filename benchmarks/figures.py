"""What a benchmark says: figures as ratios to yardsticks, from interleaved rounds and their medians."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
