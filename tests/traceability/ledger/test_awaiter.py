"""Waiting for publication: told by the publisher, few at a time, never for long."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from shop.app import create_app
from tests.conftest import make_config
from tests.traceability.ledger.running import RunningLog
from traceability.ledger import awaiter, publisher
from traceability.ledger.verify import verify_proof


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
            found = pool.submit(awaiter.wait, database, is_there, 3.0)
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


def test_a_database_that_does_not_answer_frees_the_place(log: RunningLog) -> None:
    assert not awaiter.wait("postgresql+psycopg://nobody@127.0.0.1:1/none", lambda: True)
    waiting(0)
