"""``./shanhai bench``: what is printed, from a real run on a cluster of its own. No stopwatch is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Figure, Pace, interleave, medians, ratio
from kernel.local import MachineProblem
from shop.cli.bench import BENCHES, choose, print_table

ROOT = Path(__file__).parents[3]
KEYS = {"id", "what", "unit", "better", "size", "full_size", "goal", "figure", "yardstick", "ok"}


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"SHANHAI_BENCH_DIR": str(folder)}
    command = [sys.executable, "-m", "shop.cli", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=170)


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    done = bench(tmp_path_factory.mktemp("bench"), "ledger", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_each_line_has_every_field_and_its_yardstick(printed: list[dict[str, Any]]) -> None:
    assert [line["id"] for line in printed] == list(BENCHES["ledger"])
    for line in printed:
        assert set(line) == KEYS
        assert line["better"] in ("higher", "lower")
        assert line["figure"] > 0
        assert line["yardstick"]["raw-copy"] > 0
        assert line["ok"] is (line["figure"] >= line["goal"])


def test_a_table_for_people(printed: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    print_table([printed[0] | {"ok": False}, printed[1] | {"ok": True}])
    said = capsys.readouterr().out
    assert "SHORT" in said
    assert "ledger-append" in said
    assert "raw-copy" in said


def test_an_unknown_name_is_one_sentence(tmp_path: Path) -> None:
    done = bench(tmp_path, "warp-drive")
    assert done.returncode == 1
    assert done.stderr.startswith("shanhai: There is no benchmark 'warp-drive'")
    assert not (tmp_path / "postgres").exists()


def test_one_figure_chooses_its_benchmark_only() -> None:
    assert choose(["checkout"]) == {"shop": ["checkout"]}
    assert choose(["scan", "checkout"]) == {"shop": ["checkout"], "scan": ["story-page"]}
    assert {name: tuple(ids) for name, ids in choose([]).items()} == BENCHES
    with pytest.raises(MachineProblem):
        choose(["prepare"])


def test_rounds_are_interleaved_and_turn() -> None:
    asked: list[str] = []

    def part(name: str, rate: float) -> Any:
        return lambda seconds: asked.append(name) or rate

    rates = interleave({"ours": part("ours", 50.0), "yardstick": part("yardstick", 100.0)}, Pace(3, 0.0))
    assert asked == ["ours", "yardstick", "yardstick", "ours", "ours", "yardstick"]
    assert ratio(rates, "ours", "yardstick") == 0.5
    assert medians(rates) == {"ours": 50.0, "yardstick": 100.0}


def test_no_round_begins_after_the_time_is_up_but_one_is_done() -> None:
    rates = interleave({"ours": lambda seconds: 1.0}, Pace(9, 0.0, until=0.0))
    assert rates == {"ours": [1.0]}


def test_a_slow_round_does_not_move_the_ratio() -> None:
    """The machine halves for a round: both rates fall, their ratio stays."""
    assert ratio({"ours": [50, 5, 50], "yardstick": [100, 10, 100]}, "ours", "yardstick") == 0.5


@pytest.mark.parametrize(("better", "figure", "ok"), [("higher", 0.6, True), ("higher", 0.59, False), ("lower", 0.61, False)])
def test_ok_is_the_goal_met(better: str, figure: float, ok: bool) -> None:
    line = Figure("id", "what", "x", better, 1, 1, 0.6, figure)
    assert line.ok is ok
    assert line.as_json()["ok"] is ok
