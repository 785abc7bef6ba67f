"""``./shanhai bench``: what is printed, from a real run on a cluster of its own. No stopwatch is asserted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import ledger, traceability
from benchmarks.figures import Figure, Pace, interleave, medians, percentile, ratio
from kernel.local import MachineProblem
from shop.cli.bench import BENCHES, choose, print_table

ROOT = Path(__file__).parents[3]
KEYS = {"id", "what", "unit", "better", "size", "full_size", "goal", "figure", "yardstick", "ok"}


def bench(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = os.environ | {"SHANHAI_BENCH_DIR": str(folder)}
    command = [sys.executable, "-m", "shop.cli", "bench", *arguments]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=170)


ASKED = ["product-page", "g1-batch", "g4-proof", "g7-proof"]  # the served shop, and what needs little to be made first


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    done = bench(tmp_path_factory.mktemp("bench"), *ASKED, "--quick", "--seconds", "0.1", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, list)
    return found


def test_each_line_has_every_field_and_its_yardstick(printed: list[dict[str, Any]]) -> None:
    assert [line["id"] for line in printed] == ASKED
    for line in printed:
        assert set(line) == KEYS
        assert line["better"] in ("higher", "lower")
        if line["figure"] is None:  # a quick run on a busy machine: only what takes long may be left out, and says so
            assert (line["id"], line["ok"]) == ("g4-proof", False)
            assert line["what"].endswith("(not run: no time left)")
            continue
        assert line["figure"] > 0
        assert all(value > 0 for value in line["yardstick"].values())
        assert line["ok"] is (line["figure"] >= line["goal"] if line["better"] == "higher" else line["figure"] <= line["goal"])
    assert set(printed[0]["yardstick"]) == {"hello", "one-row", "product-page"}
    assert printed[1]["yardstick"]["raw-copy"] > 0
    assert printed[2]["yardstick"].get("a proof (queries)", 1.0) == 1.0


def test_every_figure_of_the_log_has_a_goal_in_the_table() -> None:
    assert BENCHES["ledger"] == ledger.IDS
    assert BENCHES["traceability"] == traceability.IDS


def test_a_table_for_people(printed: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    print_table([printed[0] | {"ok": False}, printed[1] | {"ok": True}])
    said = capsys.readouterr().out
    assert "SHORT" in said
    assert "g1-batch" in said
    assert "raw-copy" in said


def test_a_line_that_was_not_run_is_neither_ok_nor_short(capsys: pytest.CaptureFixture[str]) -> None:
    line = Figure("id", "what (not run: there is no Chromium)", "ms", "lower", 0, 1, 50.0, None)
    assert not line.ok
    print_table([line.as_json(), Figure("shown", "what", "ms", "lower", 1, 1, None, 3.0, {"first (ms)": 4.0}).as_json()])
    said = capsys.readouterr().out
    assert "not run" in said.splitlines()[0]
    assert "SHORT" not in said
    assert "no goal" in said
    assert "first (ms) 4.0\n" in said


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


def test_a_part_may_measure_several_things_at_once() -> None:
    assert interleave({"both": lambda seconds: {"one": 1.0, "two": 2.0}}, Pace(2, 0.0)) == {"one": [1.0, 1.0], "two": [2.0, 2.0]}


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile(list(range(200)), percent) for percent in (0, 50, 99, 100)] == [0, 100, 198, 199]


def test_a_slow_round_does_not_move_the_ratio() -> None:
    """The machine halves for a round: both rates fall, their ratio stays."""
    assert ratio({"ours": [50, 5, 50], "yardstick": [100, 10, 100]}, "ours", "yardstick") == 0.5


@pytest.mark.parametrize(("better", "figure", "ok"), [("higher", 0.6, True), ("higher", 0.59, False), ("lower", 0.61, False)])
def test_ok_is_the_goal_met(better: str, figure: float, ok: bool) -> None:
    line = Figure("id", "what", "x", better, 1, 1, 0.6, figure)
    assert line.ok is ok
    assert line.as_json()["ok"] is ok
