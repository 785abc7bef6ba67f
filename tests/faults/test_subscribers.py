"""kill -9 of whoever brings subscribers their news, at random moments, while events come in: each is brought, in order, and a repeat is
known by its id.

Sampled: 2 kills; 30 under ``./shanhai test --faults``.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kernel.db import work
from kernel.web import limiter
from shop.app import create_app
from tests.conftest import DATA_KEY, make_config
from tests.factories.epcis import Partner, make_event
from tests.factories.subscriber import Received, listening
from tests.faults.programs import kill, start
from traceability.epcis import destinations
from traceability.ledger.sequencer import ensure_log, sequence_batch

WORKER = """
import sys, time
from datetime import timedelta
from kernel import clock, db
from shop.rooms import import_models
from traceability.epcis import delivering, destinations, subscribing, tasks
from traceability.ledger import sealing
import_models()
db.connect(sys.argv[1], pool_size=2)
sealing.use_data_key(sys.argv[2])
destinations.allow_loopback(True)
delivering.ABANDONED = timedelta(seconds=0.5)
delivering.MOST_EVENTS = 3
while True:
    with db.reading() as session:
        due, left = delivering.list_due(session, clock.now()), delivering.list_deliveries(session, clock.now())
    for subscription_id in due:
        tasks.look(str(subscription_id))
    for delivery_id in left:
        tasks.bring(str(delivery_id))
    time.sleep(0.02)
"""


def test_killed_workers_lose_nothing(
    database: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    kills, chance = (30 if request.config.option.faults else 2), random.Random(20261128)
    monkeypatch.setattr(limiter, "enabled", False)
    destinations.allow_loopback(True)
    app = create_app(make_config(tmp_path, database), connect=False, testing=True)
    with work() as session:
        partner = Partner(app.test_client(), session)
        ensure_log(session, "shop.example/log")
    sent = 0
    with listening() as subscriber:
        subscriber.slow = 0.05
        partner.name("news", {})
        wish = {"dest": subscriber.dest, "stream": True, "signatureToken": "0123456789abcdef"}
        assert partner.post("/queries/news/subscriptions", wish, content_type="application/json").status_code == 201
        worker = start(WORKER, database, DATA_KEY)
        try:
            for _ in range(kills):
                seen = len(subscriber.received)
                partner.capture(*(make_event(sent + n) for n in range(8)))
                sent += 8
                with work() as session:
                    sequence_batch(session)
                wait_for(lambda seen=seen: len(subscriber.received) > seen)  # type: ignore[misc]
                time.sleep(chance.uniform(0.0, 0.08))
                kill(worker)
                worker = start(WORKER, database, DATA_KEY)
            wait_for(lambda: len(set(subscriber.numbers)) == sent)
        finally:
            kill(worker)
            destinations.allow_loopback(False)
    assert list(dict.fromkeys(subscriber.numbers)) == [str(n) for n in range(sent)], "each one, in order"
    bodies: dict[str, set[bytes]] = {}
    for call in subscriber.received:
        bodies.setdefault(call.headers["Idempotency-Key"], set()).add(call.body)
    assert all(len(each) == 1 for each in bodies.values()), "a repeat is the same to the byte"
    told = [number for each in bodies.values() for body in each for number in Received("", {}, body).numbers]
    assert sorted(told, key=int) == [str(n) for n in range(sent)], "counted by id, nothing comes twice"


def wait_for(holds: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "nothing came"
        time.sleep(0.02)
