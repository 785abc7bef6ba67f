"""The story ends with every step ticked, and the commands talk to the running system.

Sampled: walked once; twice on the same data under ``./shanhai test --faults``.
"""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import psycopg
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


SLAUGHTERED_AND_SHIPPED = """
WITH RECURSIVE back AS (
  SELECT lot_id AS id FROM shipments_packing_task
  UNION SELECT e.from_lot_id FROM lots_lot_edge e JOIN back ON e.to_lot_id = back.id
)
SELECT l.code FROM lots_lot l JOIN back USING (id) JOIN lots_lot_yield y ON y.lot_id = l.id WHERE y.step = 'slaughtering' LIMIT 1
"""


def test_a_recall_of_a_slaughter_lot_lists_its_parcels_and_buyers(running: Running) -> None:
    """On what the story bought and shipped, though what is stopped is looked at only."""
    with psycopg.connect(running.config.database_url.replace("+psycopg", "")) as connection:
        found = connection.execute(SLAUGHTERED_AND_SHIPPED).fetchone()
    assert found is not None
    told = json.loads(running.command("recall", found[0], "--json").stdout)
    assert told["recall"] is None
    assert len(told["lots"]) >= 4, "carcass, cuts, frozen cuts, boxes"
    assert told["shipments"]
    assert told["buyers"] or told["organizations"]
    counts = {"shipments": len(told["shipments"]), "orders": len(told["orders"]), "buyers": len(told["buyers"])}
    assert {name: told["counts"][name] for name in counts} == counts
    lines = running.command("recall", found[0]).stdout
    assert "Dry run, nothing changed" in lines
    assert told["shipments"][0]["code"] in lines
    assert told["orders"][0]["code"] in lines


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
