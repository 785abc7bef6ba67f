"""Waiting for publication: told by the publisher, few at a time, never longer than the reader."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kernel.local import free_port
from shop.app import create_app
from shop.config import RUN_FILE
from tests.conftest import ROOT, make_config
from tests.traceability.ledger.running import RunningLog
from traceability.ledger import awaiter, publisher
from traceability.ledger.verify import verify_proof

NOBODY_LEFT = staticmethod(lambda: False)


@pytest.fixture
def shop(log: RunningLog, database: str, tmp_path: Path) -> FlaskClient:
    (tmp_path / "log").symlink_to(log.directory)
    return create_app(make_config(tmp_path, database), connect=False, testing=True).test_client()


def waiting(count: int) -> None:
    """Until so many places are taken."""
    end = time.monotonic() + 20
    while awaiter.WAITERS - awaiter._places._value != count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_waiter_gets_the_proof_when_it_is_published(shop: FlaskClient, log: RunningLog) -> None:
    log.append(1)
    with ThreadPoolExecutor() as pool:
        proof = pool.submit(shop.get, f"/log/proof/{log.events[0]}?wait=published")
        state = pool.submit(shop.get, f"/log/state/{log.events[0]}?wait=witnessed")
        waiting(2)
        assert not proof.done()
        log.sequence()
        log.publish()
        assert verify_proof(proof.result(20).data, log.published_policy).index == 0
        assert state.result(20).get_json()["state"] == "witnessed"
    waiting(0)


def test_the_third_waiter_is_told_at_once(shop: FlaskClient, log: RunningLog) -> None:
    log.append(1)
    path = f"/log/proof/{log.events[0]}?wait=published"
    with ThreadPoolExecutor() as pool:
        two = [pool.submit(shop.get, path) for _ in range(2)]
        waiting(2)
        third = shop.get(path)  # nothing is published, so a third that waited would not come back
        assert (third.status_code, third.get_json()["state"]) == (202, "recorded")
        assert int(third.headers["Retry-After"]) > 0
        assert not any(one.done() for one in two)
        log.sequence()
        log.publish()
        assert [one.result(20).status_code for one in two] == [200, 200]


def test_without_the_publisher_s_word_nobody_wakes(
    shop: FlaskClient, log: RunningLog, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: the entry is published, and the waiter does not notice. With it, it does."""

    def woken() -> bool:
        log.append(1)
        looks = iter([False])  # the first look finds nothing; whether there is a second is the publisher's word

        def is_there() -> bool:
            return next(looks, True)

        with ThreadPoolExecutor() as pool:
            found = pool.submit(awaiter.wait, database, is_there, NOBODY_LEFT, 3.0)
            waiting(1)
            time.sleep(0.5)  # until it listens
            log.sequence()
            log.publish()
            return found.result(20)

    assert woken()
    monkeypatch.setattr(publisher, "tell_waiting", lambda session: None)
    assert not woken()


def test_a_wait_ends_and_says_where_the_entry_is(shop: FlaskClient, log: RunningLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.append(1)
    monkeypatch.setattr(awaiter, "wait", lambda *args: awaiter_wait(*args, limit=0.2))
    answer = shop.get(f"/log/proof/{log.events[0]}?wait=published")
    assert (answer.status_code, answer.get_json()["state"]) == (202, "recorded")
    assert shop.get(f"/log/proof/{log.events[0]}?wait=for-ever").status_code == 422


awaiter_wait = awaiter.wait


def test_a_reader_who_left_ends_the_wait_and_with_that_look_off_it_goes_on(log: RunningLog, database: str) -> None:
    waited: list[bool] = []

    def left() -> bool:
        waited.append(True)
        return True

    assert not awaiter.wait(database, lambda: False, left, limit=600)
    assert waited == [True]
    with ThreadPoolExecutor() as pool:
        found = pool.submit(awaiter.wait, database, lambda: False, NOBODY_LEFT, 3.0)
        waiting(1)
        assert not found.done()
        assert not found.result(20)


def test_a_database_that_does_not_answer_frees_the_place(log: RunningLog) -> None:
    assert not awaiter.wait("postgresql+psycopg://nobody@127.0.0.1:1/none", lambda: True, NOBODY_LEFT)
    waiting(0)


@pytest.fixture
def served(log: RunningLog, database: str, tmp_path: Path) -> Iterator[int]:
    """The real web server, one worker: its port."""
    (tmp_path / "log").symlink_to(log.directory)
    port = free_port()
    make_config(tmp_path, database, port=port).save(tmp_path / "run.json")
    command = [sys.executable, "-m", "shop.cli", "serve", "web", "--workers", "1"]
    env = {"PATH": "/usr/bin:/bin", RUN_FILE: str(tmp_path / "run.json")}
    with (tmp_path / "web.log").open("wb") as out, subprocess.Popen(command, cwd=ROOT, env=env, stdout=out, stderr=out) as process:
        end = time.monotonic() + 90
        while time.monotonic() < end:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, (tmp_path / "web.log").read_text()
                time.sleep(0.2)
        yield port
        process.terminate()
        process.wait(30)


@contextmanager
def ask(port: int, path: str, patience: float = 60) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=patience)
    connection.request("GET", path)
    yield connection
    connection.close()


def has_a_place(port: int, path: str) -> bool:
    """Whether somebody who asks now is let wait (and then hangs up too), instead of being told at once."""
    with ask(port, path, patience=2) as connection:
        try:
            return connection.getresponse().status != 202
        except TimeoutError:
            return True


def test_a_waiter_who_hung_up_does_not_hold_the_place(served: int, log: RunningLog) -> None:
    """On the real server: two wait, the third is told at once; the two hang up, and long before their time is over others may wait."""
    log.append(1)
    path = f"/log/proof/{log.events[0]}?wait=published"
    with ask(served, path), ask(served, path):
        end = time.monotonic() + 10
        while has_a_place(served, path):
            assert time.monotonic() < end
    end = time.monotonic() + awaiter.LIMIT / 2
    while not has_a_place(served, path):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_who_hung_up_is_seen_to_be_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()[:2]
        reader = socket.create_connection((host, port))
        here, _ = server.accept()
        with here:
            left = awaiter.watch_reader(host, str(port))
            assert not left()
            reader.close()
            end = time.monotonic() + 10
            while not left():
                assert time.monotonic() < end
    assert not awaiter.watch_reader("not an address", "80")()
