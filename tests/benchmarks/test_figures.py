"""A table of figures: what was wanted is in it, and what could not be measured says why."""

from __future__ import annotations

import time
from collections.abc import Mapping

from benchmarks.figures import Job, NotRun, Pace, Result, Row, run_jobs

ROWS = {name: Row(2.0, "x", "higher", f"what {name} is") for name in ("one", "two", "late", "lost", "other")}


def _measured() -> Mapping[str, Result]:
    return {"one": Result(3.0, 7, {"plain": 1.0}), "two": Result(1.0, 7, {})}


def _lost() -> Mapping[str, Result]:
    raise NotRun("no browser")


def test_what_was_wanted_is_there_in_order_and_what_is_missing_says_why() -> None:
    told: list[str] = []
    pace = Pace(1, 1.0, time.monotonic() + 5)
    jobs = [
        Job(["one", "two"], 1.0, _measured),
        Job(["late"], 60.0, _measured),
        Job(["lost"], 0.0, _lost),
        Job(["other"], 0.0, _lost),
    ]
    found = run_jobs(
        jobs, ROWS, {"lost", "late", "one"}, pace, say=told.append, full_size=lambda name: 100 if name == "late" else 0
    )
    assert [figure.id for figure in found] == ["one", "late", "lost"]
    one, late, lost = found
    assert (one.figure, one.size, one.full_size, one.ok) == (3.0, 7, 7, True)
    assert (late.figure, late.what, late.full_size, late.ok) == (None, "what late is (not run: no time left)", 100, False)
    assert (lost.figure, lost.what) == (None, "what lost is (not run: no browser)")
    assert told == ["Measuring one, two", "Measuring lost"]
