"""`./shanhai ledger` and `./shanhai witness`, as people and the supervisor start them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from kernel.db import work
from shop.cli.ledger import log_vkey, origin_of, policy_file, write_demo_policy
from shop.config import RUN_FILE, Config
from tests.conftest import ROOT, make_config
from tests.factories.lots import Chain, make_chain
from tests.traceability.ledger.running import RunningLog, running_log
from traceability.ledger.queries import Stage, find_entry_state, get_proof_file
from traceability.ledger.verify import parse_policy


@pytest.fixture
def installation(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Config:
    config = make_config(tmp_path, database, public_url="https://shop.example")
    config.save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
    return config


def shanhai(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, as people run it."""
    return subprocess.run([sys.executable, "-m", "shop.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_a_stranger_verifies_a_proof(database: str, tmp_path: Path) -> None:
    with running_log(tmp_path) as log:
        log.grow(5)
        with work() as session:
            proof = get_proof_file(session, log.directory, log.events[2])
    assert proof is not None
    (tmp_path / "p.tlog-proof").write_bytes(proof.encode())
    arguments = ["ledger", "verify", str(tmp_path / "p.tlog-proof"), "--policy", str(log.directory / "policy")]
    done = shanhai(*arguments)
    assert done.returncode == 0, done.stderr
    assert "Verified: entry 2 of 5 in shop.example/log" in done.stdout
    assert "不能证明" in done.stdout
    (tmp_path / "p.tlog-proof").write_bytes(proof.encode().replace(b"index 2", b"index 3"))
    done = shanhai(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert "NOT VERIFIED: inclusion" in done.stderr
    assert shanhai("ledger", "verify", "/nowhere", *arguments[3:]).returncode == 1


def test_the_audit_passes_and_then_names_the_changed_entry(installation: Config, tmp_path: Path) -> None:
    with running_log(tmp_path, witnesses=0) as log:
        (tmp_path / "public").rename(tmp_path / "log")
        log.directory = tmp_path / "log"
        log.grow(20)
        done = shanhai("ledger", "audit")
        assert (done.returncode, done.stdout) == (0, "20 of 20 entries checked: everything holds\n")
        with work() as session:
            session.execute(text("ALTER TABLE ledger_entry DISABLE TRIGGER USER"))
            change = "UPDATE ledger_entry SET body = set_byte(body, 9, 65) WHERE event_id = :event"
            session.execute(text(change), {"event": log.events[13]})
        done = shanhai("ledger", "audit", "--json")
        found = json.loads(done.stdout)
        assert (done.returncode, found["holds"], found["first_bad"]) == (1, False, 13)


@pytest.fixture
def traced(installation: Config, tmp_path: Path) -> Iterator[tuple[RunningLog, Chain]]:
    """A real chain of acts, from three households to boxes, in a published log."""
    with running_log(tmp_path, witnesses=0) as log:
        (tmp_path / "public").rename(tmp_path / "log")
        log.directory = tmp_path / "log"
        with work() as session:
            chain = make_chain(session)
        log.sequence()
        log.publish()
        yield log, chain


def test_the_audit_follows_the_log_down_to_the_business_rows(traced: tuple[RunningLog, Chain]) -> None:
    assert shanhai("ledger", "audit").returncode == 0
    with work() as session:
        session.execute(text("ALTER TABLE events_trace_event DISABLE TRIGGER USER"))
        victim = session.scalars(text("SELECT event_id FROM ledger_leaf WHERE idx = 4")).one()
        change = (
            "UPDATE events_trace_event SET body = jsonb_set(body, '{eventTime}', '\"2020-01-01T00:00:00.000Z\"') WHERE id = :id"
        )
        assert session.execute(text(change), {"id": victim}).rowcount == 1
    done = shanhai("ledger", "audit")
    assert done.returncode == 1
    assert "BAD  entry 4: the event no longer agrees in body_sha256" in done.stdout
    assert "first bad index 4" in done.stdout


def test_nothing_personal_of_a_real_chain_is_in_the_published_log(traced: tuple[RunningLog, Chain]) -> None:
    log = traced[0]
    published = b"".join(path.read_bytes() for path in log.directory.rglob("*") if path.is_file())
    assert b"640323" in published
    with work() as session:
        columns = {
            "households": "SELECT head_name FROM parties_household UNION SELECT village FROM parties_household",
            "household keys": "SELECT id::text FROM parties_household",
            "people": "SELECT name FROM parties_person UNION SELECT phone FROM parties_person WHERE phone IS NOT NULL",
            "lots": "SELECT code FROM lots_lot",
            "serials": "SELECT serial FROM lots_trade_item",
            "event hashes": "SELECT event_hash FROM events_trace_event",
            "tags": "SELECT tag FROM lots_ear_tag",
        }
        for what, query in columns.items():
            values = [str(value) for value in session.scalars(text(query)) if value and len(str(value).encode()) > 5]
            assert values, what
            assert [value for value in values if value.encode() in published] == [], what


def test_an_audit_that_cannot_run_says_why(installation: Config) -> None:
    done = shanhai("ledger", "audit", "--url", "http://127.0.0.1:9/log")
    assert done.returncode == 1
    assert "could not run" in done.stderr


def test_without_settings_the_audit_looks_for_what_runs_here(tmp_path: Path) -> None:
    env = {"PATH": os.environ["PATH"], "SHANHAI_RUN_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "shop.cli", "ledger", "audit"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Nothing is running here" in done.stderr


def test_the_demo_s_policy_names_who_runs_its_witnesses(installation: Config, tmp_path: Path) -> None:
    urls = ("http://127.0.0.1:1", "http://127.0.0.1:2")
    config = make_config(tmp_path, installation.database_url, witness_urls=urls)
    write_demo_policy(config)
    first = policy_file(config).read_text()
    assert "同一运营者" in first
    assert parse_policy(first.encode()).groups == {"both": (2, ("witness-east", "witness-west"))}
    write_demo_policy(config)
    assert policy_file(config).read_text() == first
    outsider = "# 示例零售商\nwitness outsider w.example+00000000+BAAA http://127.0.0.1:3\n"
    policy_file(config).write_text(first.replace("group both", f"{outsider}group both"))
    write_demo_policy(make_config(tmp_path, installation.database_url, witness_urls=(urls[0], "http://127.0.0.1:9")))
    after = policy_file(config).read_text()
    assert outsider in after, "what an operator added stays"
    assert after.count("\nwitness witness-") == 2
    assert "http://127.0.0.1:9\n" in after
    assert "http://127.0.0.1:2\n" not in after


def test_the_origin_is_the_public_address_and_stays(installation: Config) -> None:
    assert origin_of(installation) == "shop.example/log"
    assert log_vkey(installation).startswith("shop.example/log+")


def start(*arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "shop.cli", *arguments], cwd=ROOT, env=dict(os.environ))


def test_the_four_programs_work_together_and_stop_when_told(installation: Config, tmp_path: Path, log: RunningLog) -> None:
    """Real processes: a sequencer, a publisher and two witnesses, from a fresh folder to a witnessed entry."""
    from kernel.local import free_port

    ports = [free_port(), free_port()]
    with work() as session:
        session.execute(text("DELETE FROM ledger_log"))  # the processes begin the log themselves
    config = make_config(tmp_path, installation.database_url, witness_urls=tuple(f"http://127.0.0.1:{port}" for port in ports))
    config.save(tmp_path / "run.json")
    witnesses = zip(("witness-east", "witness-west"), ports, strict=True)
    programs = [start("witness", "serve", "--port", str(port), "--folder", str(tmp_path / name)) for name, port in witnesses]
    programs += [start("serve", "sequencer"), start("serve", "publisher")]
    log.append(3)
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with work() as session:
                if str(find_entry_state(session, log.events[2])) == Stage.witnessed:
                    break
            time.sleep(0.2)
        with work() as session:
            assert str(find_entry_state(session, log.events[2])) == Stage.witnessed
        audit = shanhai("ledger", "audit")
        assert audit.returncode == 0, audit.stdout
    finally:
        for program in programs:
            program.send_signal(signal.SIGTERM)
        codes = [program.wait(20) for program in programs]
    assert codes == [0, 0, 0, 0]
