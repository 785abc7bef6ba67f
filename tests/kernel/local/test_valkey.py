"""The embedded broker: it speaks to Celery and to the limiter, and what was queued survives a kill."""

import os
import signal
import time
from pathlib import Path

import pytest
from celery import Celery
from limits import RateLimitItemPerMinute
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter
from redis import Redis

from kernel.local import MachineProblem, Valkey
from kernel.local.processes import find_working_in


@pytest.fixture(name="valkey")
def _valkey(tmp_path: Path) -> Valkey:
    return Valkey(tmp_path / "var")


def test_starts_answers_stops_and_leaves_nothing(valkey: Valkey) -> None:
    valkey.start()
    valkey.start()
    assert valkey.running()
    valkey.stop()
    assert not valkey.running()
    assert find_working_in(valkey.data) == []


def test_queue_survives_kill_9(valkey: Valkey) -> None:
    with valkey, Celery("house", broker=valkey.broker_url) as celery:
        for number in range(20):
            celery.send_task("pack", args=[number])
        time.sleep(1.2)  # appendfsync everysec
        assert valkey._process is not None
        os.kill(valkey._process.pid, signal.SIGKILL)
        valkey._process.wait()
        valkey.start()
        with Redis(unix_socket_path=str(valkey.socket)) as line:
            assert line.llen("celery") == 20


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # celery 5.7 on redis-py 8
def test_limiter_and_results_keep_out_of_the_queue(valkey: Valkey) -> None:
    with valkey:
        limiter = FixedWindowRateLimiter(storage_from_string(valkey.limiter_url))
        assert limiter.hit(RateLimitItemPerMinute(1), "somebody")
        assert not limiter.hit(RateLimitItemPerMinute(1), "somebody")
        with Celery("house", backend=valkey.result_url) as celery:
            celery.backend.store_result("one", 1, "SUCCESS")
        with Redis(unix_socket_path=str(valkey.socket)) as line:
            assert set(line.info("keyspace")) == {"db1", "db2"}


def test_second_copy_is_refused(valkey: Valkey, tmp_path: Path) -> None:
    with valkey, pytest.raises(MachineProblem, match=r"The broker in .* is in use by another run"):
        Valkey(tmp_path / "var").start()


def test_queue_broken_in_the_middle_is_set_aside(valkey: Valkey) -> None:
    with valkey, Redis(unix_socket_path=str(valkey.socket)) as line:
        for number in range(50):
            line.rpush("celery", number)
    journal = next((valkey.data / "appendonlydir").glob("*.incr.aof"))
    journal.write_bytes(journal.read_bytes().replace(b"RPUSH", b"\0\0\0\0\0", 1))
    with valkey:
        assert valkey.running()
    kept = list(valkey.folder.glob("broken-*/appendonlydir/*.incr.aof"))
    assert [path.read_bytes().count(b"RPUSH") for path in kept] == [49]
