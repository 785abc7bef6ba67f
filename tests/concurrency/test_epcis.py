"""The same document from two machines at once: both look, neither sees the other, and each event is stored once all the same."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from kernel import clock, outbox
from kernel.db import reading, work
from kernel.web import limiter
from shop.app import create_app
from tests.conftest import make_config
from tests.factories.epcis import CONTEXT, Partner, make_event
from traceability.epcis import capturing
from traceability.epcis.models import CaptureJob
from traceability.events.models import EventEpc, TraceEvent
from traceability.ledger.models import LogEntry


def test_two_jobs_with_the_same_events(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limiter, "enabled", False)
    app = create_app(make_config(tmp_path, database), connect=False, testing=True)
    with work() as session:
        partner = Partner(app.test_client(), session)
    document = {
        "@context": CONTEXT,
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-01-01T00:00:00Z",
        "epcisBody": {"eventList": [make_event(n) for n in range(20)]},
    }
    assert [partner.post("/capture", document).status_code for _ in range(2)] == [202, 202]
    both, keep = threading.Barrier(2, timeout=30), capturing.record_partner_events

    def keep_together(*given: Any) -> None:
        both.wait()
        keep(*given)

    monkeypatch.setattr(capturing, "record_partner_events", keep_together)
    with reading() as session:
        due = outbox.list_due(session, at=clock.now())
    done: list[bool] = []
    threads = [threading.Thread(target=lambda row=row: done.append(outbox.deliver_one(row))) for row in due]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False, True], "the unique index lets one through"
    monkeypatch.setattr(capturing, "record_partner_events", keep)
    with time_machine.travel(clock.now() + timedelta(minutes=1)):
        outbox.deliver_all()
    with reading() as session:
        counts = [session.scalar(select(func.count()).select_from(table)) for table in (TraceEvent, EventEpc, LogEntry)]
        jobs = session.scalars(select(CaptureJob)).all()
    assert counts == [20, 20, 20]
    assert [(job.success, job.running, job.errors) for job in jobs] == [(True, False, [])] * 2
    assert sorted(job.stored for job in jobs) == [0, 20]
