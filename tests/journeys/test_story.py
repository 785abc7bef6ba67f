"""The story ends with every step ticked, again and again, and the commands talk to the running system."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request

from tests.journeys.conftest import Running


def test_every_step_of_the_story_is_ticked_twice(running: Running) -> None:
    for _ in range(2):
        done = running.command("demo", "story", "--json")
        told = json.loads(done.stdout)
        assert told["ok"], told["trouble"]
        assert done.returncode == 0
    chapters = {step["chapter"][0] for step in told["steps"]}
    assert chapters == set("1234567")


def test_keys_open_doors(running: Running) -> None:
    rows = json.loads(running.command("demo", "keys", "--json").stdout)
    assert {row["login"] for row in rows} >= {"consumer", "clerk", "requester", "operator"}
    assert all(row["url"].startswith(running.url) for row in rows)


def test_health_is_told(running: Running) -> None:
    with urllib.request.urlopen(f"{running.url}/readyz") as answer:
        checks = json.load(answer)["checks"]
    assert checks == dict.fromkeys(("database", "broker", "worker", "payments", "log"), "ok")


def test_a_second_run_on_the_same_folder_is_refused_in_one_sentence(running: Running) -> None:
    done = running.command("run")
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_taken_port_is_one_sentence(running: Running, tmp_path: object) -> None:
    import os
    import sys

    env = os.environ | {"SHANHAI_RUN_DIR": str(tmp_path), "PORT": str(running.config.port)}
    done = subprocess.run([sys.executable, "-m", "shop.cli", "run"], env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert str(running.config.port) in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_proof_of_a_changed_byte_is_refused(running: Running, tmp_path: object) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path))
    rows = json.loads(running.command("demo", "keys", "--json").stdout)
    scan = next(row["url"] for row in rows if "/21/" in row["url"])
    with urllib.request.urlopen(urllib.request.Request(scan, headers={"Accept": "text/html"})) as answer:
        page = answer.read().decode()
    event = page.split("/log/proof/")[1][:36]
    for name, path in (("proof", f"/log/proof/{event}"), ("policy", "/log/policy")):
        with urllib.request.urlopen(running.url + path) as answer:
            (folder / name).write_bytes(answer.read())
    verify = ("ledger", "verify", str(folder / "proof"), "--policy", str(folder / "policy"))
    assert running.command(*verify).returncode == 0
    proof = bytearray((folder / "proof").read_bytes())
    at = proof.index(b"\nindex ") + 20
    proof[at] ^= 1
    (folder / "proof").write_bytes(bytes(proof))
    assert running.command(*verify).returncode != 0
