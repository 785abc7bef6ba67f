"""In what order goods are laid out, pure: no picture beside itself, and what comes next by season."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def first_of_each(items: Iterable[T], looks: Callable[[T], str], limit: int) -> list[T]:
    """The first ``limit`` items that look different from all before them; alike ones fill up only when too few differ."""
    seen: set[str] = set()
    chosen: list[T] = []
    alike: list[T] = []
    for item in items:
        (alike if looks(item) in seen else chosen).append(item)
        seen.add(looks(item))
    return spread([*chosen, *alike][:limit], looks)


def spread(items: Sequence[T], looks: Callable[[T], str]) -> list[T]:
    """The same items, moved as little as needed so that neighbours look different wherever that is possible."""
    laid: list[T] = []
    held: list[T] = []
    for item in items:
        if laid and looks(item) == looks(laid[-1]):
            held.append(item)
            continue
        laid.append(item)
        if held and looks(held[0]) != looks(item):
            laid.append(held.pop(0))
    for item in held:
        laid.insert(_gap(laid, looks, looks(item)), item)
    return laid


def _gap(laid: Sequence[T], looks: Callable[[T], str], look: str) -> int:
    """A place, the last one first, where something of that look stands beside none like it; the end when there is none."""
    for place in range(len(laid), -1, -1):
        if all(looks(item) != look for item in laid[max(place - 1, 0) : place + 1]):
            return place
    return len(laid)


def months_until(months: Sequence[int], month: int) -> int:
    """How many months from ``month`` until one of ``months`` begins again (0: it is now); 12 when there are none."""
    return min(((wanted - month) % 12 for wanted in months), default=12)


def season_runs(months: Sequence[int]) -> list[tuple[int, int]]:
    """Months that follow each other, as (first month, how many), for drawing a year as a bar."""
    runs: list[tuple[int, int]] = []
    for month in sorted(set(months)):
        if runs and sum(runs[-1]) == month:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((month, 1))
    return runs
