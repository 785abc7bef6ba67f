"""The story ends with every step ticked, and the commands talk to the running system.

Sampled: walked once; twice on the same data under ``./shanhai test --faults``.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from tests.journeys.conftest import Running


def test_every_step_of_the_story_is_ticked(running: Running, request: pytest.FixtureRequest) -> None:
    for _ in range(2 if request.config.option.faults else 1):
        done = running.command("demo", "story", "--json")
        told = json.loads(done.stdout)
        assert told["ok"], told["trouble"]
        assert done.returncode == 0
    chapters = {step["chapter"][0] for step in told["steps"]}
    assert chapters == set("1234567")


def test_a_proof_of_a_changed_byte_is_refused(running: Running, tmp_path: Path) -> None:
    rows = json.loads(running.command("demo", "keys", "--json").stdout)
    scan = next(row["url"] for row in rows if "/21/" in row["url"])
    with urllib.request.urlopen(urllib.request.Request(scan, headers={"Accept": "text/html"})) as answer:
        page = answer.read().decode()
    event = page.split("/log/proof/")[1][:36]
    for name, path in (("proof", f"/log/proof/{event}"), ("policy", "/log/policy")):
        with urllib.request.urlopen(running.url + path) as answer:
            (tmp_path / name).write_bytes(answer.read())
    verify = ("ledger", "verify", str(tmp_path / "proof"), "--policy", str(tmp_path / "policy"))
    assert running.command(*verify).returncode == 0
    proof = bytearray((tmp_path / "proof").read_bytes())
    at = proof.index(b"\nindex ") + 20
    proof[at] ^= 1
    (tmp_path / "proof").write_bytes(bytes(proof))
    assert running.command(*verify).returncode != 0
