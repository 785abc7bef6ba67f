"""What the partners' door takes in: documents of twenty events, and requests of one, by two processes that run the whole application.

Requests go through the application itself (limiter, keys, checks, transactions), without a socket; a document's job is stored by the
process that took it, as the worker does it. Run as a program it is one such process, which prints how many events it stored a second.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from benchmarks.figures import Result, WrongAnswer
from catalog.parties import registering
from catalog.parties.keying import issue_key
from catalog.parties.models import SYSTEM, OrganizationKind
from kernel import outbox
from kernel.db import reading, work
from shop.config import Config
from traceability.events.models import TraceEvent

DOCUMENT = 20  # events
PROCESSES = 2
CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
HOUR = datetime(2026, 11, 1, tzinfo=UTC)
GTIN = "09520123456788"


def make_events(first: int, count: int) -> list[dict[str, Any]]:
    """Events as a packing house sends them, each about a box of its own."""
    return [
        {
            "type": "ObjectEvent",
            "eventTime": f"{HOUR + timedelta(milliseconds=number):%Y-%m-%dT%H:%M:%S}.{number % 1000:03d}Z",
            "eventTimeZoneOffset": "+08:00",
            "action": "OBSERVE",
            "bizStep": "shipping",
            "disposition": "in_transit",
            "epcList": [f"https://id.gs1.org/01/{GTIN}/21/B{number}"],
            "readPoint": {"id": "https://id.gs1.org/414/9521321000018"},
            "bizTransactionList": [{"type": "desadv", "bizTransaction": f"urn:epcglobal:cbv:bt:9521321000018:{number}"}],
        }
        for number in range(first, first + count)
    ]


def measure_capture(config: Config, seconds: float) -> dict[str, Result]:
    """Events a second of both kinds, in rounds that take turns; what was stored is counted in the database."""
    from shop.cli.ledger import connect_log

    run_file = Path(config.data_dir) / "capture.json"
    run_file.parent.mkdir(parents=True, exist_ok=True)
    config.save(run_file)
    engine = connect_log(config, pool_size=2)
    try:
        token = _make_partner()
        rates: dict[str, list[float]] = {"single": [], "documents": []}
        for number, kind in enumerate(("single", "documents", "documents", "single")):
            before = _count()
            told = _together(run_file, token, kind, number, seconds)
            stored = _count() - before
            if stored != sum(count for count, _ in told):
                raise WrongAnswer(f"{told} events were sent and {stored} stored")
            rates[kind].append(sum(count / took for count, took in told))
    finally:
        engine.dispose()
    documents, single = (sum(rates[kind]) / len(rates[kind]) for kind in ("documents", "single"))
    beside = {"single": round(single, 1), "documents": round(documents, 1)}
    return {
        "t-capture": Result(round(documents, 1), DOCUMENT, beside),
        "t-capture-ratio": Result(round(documents / single, 2), DOCUMENT, beside),
    }


def _count() -> int:
    with reading() as session:
        return session.scalar(select(func.count()).select_from(TraceEvent)) or 0


def _make_partner() -> str:
    with work() as session:
        at = datetime.now(UTC)
        body = registering.register_organization(
            session, SYSTEM, kind=OrganizationKind.PROCESSOR, name="示例伙伴", is_demo=True, at=at
        )
        _, token = issue_key(session, SYSTEM, organization_id=body.id, name="bench", scopes=["epcis:read", "epcis:write"], at=at)
        return token


def _together(run_file: Path, token: str, kind: str, turn: int, seconds: float) -> list[tuple[int, float]]:
    command = [sys.executable, "-m", __spec__.name, str(run_file), token, kind, str(seconds)]
    firsts = [str((turn * PROCESSES + number) * 100_000_000) for number in range(PROCESSES)]
    running = [subprocess.Popen([*command, first], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for first in firsts]
    told = []
    for process in running:
        said, trouble = process.communicate()
        if process.returncode:
            raise WrongAnswer(f"a process that captured ended with {trouble.strip()[-400:]}")
        count, took = json.loads(said)
        told.append((int(count), float(took)))
    return told


def _main(run_file: str, token: str, kind: str, seconds: str, first: str) -> None:
    from shop.app import create_app

    config = Config.load(Path(run_file))
    client = create_app(config).test_client()
    woken: list[UUID] = []
    outbox.wake_with(woken.append)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/ld+json"}
    sent, number, begun = 0, int(first), 0.0
    while not begun or time.perf_counter() - begun < float(seconds):
        if sent == DOCUMENT and not begun:  # what is done once for the first request is not measured
            begun, sent, warm = time.perf_counter(), 0, DOCUMENT
        visitor = {"REMOTE_ADDR": f"127.{number // 100_000 % 200 + 1}.{number // 400 % 250}.{1 + number // 100_000_000}"}
        events = make_events(number, DOCUMENT if kind == "documents" else 1)
        if kind == "documents":
            body = {"@context": [CONTEXT], "type": "EPCISDocument", "schemaVersion": "2.0", "creationDate": "2026-11-01T00:00:00Z"}
            answer = client.post(
                "/epcis/capture",
                data=json.dumps(body | {"epcisBody": {"eventList": events}}),
                headers=headers,
                environ_base=visitor,
            )
            _expect(answer, 202)
            outbox.deliver_one(woken[0])  # the job; what follows from its events is for those who subscribed
        else:
            body = {"@context": [CONTEXT]} | events[0]
            _expect(client.post("/epcis/events", data=json.dumps(body), headers=headers, environ_base=visitor), 201)
        woken.clear()
        sent += len(events)
        number += len(events)
    print(json.dumps([sent + warm, time.perf_counter() - begun]))


def _expect(answer: Any, status: int) -> None:
    if answer.status_code != status:
        raise SystemExit(f"{answer.status_code} {answer.text[:300]}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
