"""The stranger's audit: from the files alone, with a memory of what was seen, against a log that lies."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from uuid import uuid4

import pytest
from sqlalchemy import text

from kernel.db import work
from tests.traceability.ledger.running import RunningLog, running_log
from tests.traceability.ledger.test_publisher import roll_back
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogEntry
from traceability.ledger.monitor import MAX_FINDINGS, Memory, Report, audit_published, folder_fetch, url_fetch
from traceability.ledger.publisher import Publisher
from traceability.ledger.tiles import Edge
from traceability.ledger.verify import parse_policy


def look(log: RunningLog, memory: Memory | None = None) -> tuple[Report, Memory | None]:
    return audit_published(folder_fetch(log.directory), parse_policy(log.published_policy), memory)


def test_only_what_is_new_is_read_again(log: RunningLog) -> None:
    log.grow(300)
    report, memory = look(log)
    assert (report.findings, report.checked) == ([], 300)
    log.grow(5)
    asked: list[str] = []

    def fetch(path: str) -> bytes:
        asked.append(path)
        return (log.directory / path).read_bytes()

    report, memory = audit_published(fetch, parse_policy(log.published_policy), memory)
    assert (report.findings, report.checked) == ([], 5)
    assert "tile/entries/000" not in asked
    report, _ = look(log, memory)
    assert (report.findings, report.checked) == ([], 0)


def test_a_log_that_went_back_is_noticed(log: RunningLog) -> None:
    log.grow(10)
    early = {name: (log.directory / name).read_bytes() for name in ("checkpoint", "checkpoint.witnessed")}
    log.grow(10)
    _, memory = look(log)
    for name, data in early.items():
        (log.directory / name).write_bytes(data)
    report, kept = look(log, memory)
    assert "went back" in report.findings[0].what
    assert kept is None


def test_truncated_regrown_and_signed_again_is_noticed(log: RunningLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator holds the key, forks its own log and forges nothing else: a memory of the old root is enough to see it."""
    log.witnesses.clear()
    log.grow(10)
    log.grow(10)
    _, memory = look(log)
    roll_back(10)
    monkeypatch.setattr(Publisher, "_require_beginning", lambda *args: None)
    log.append(30)
    log.sequence()
    log.publisher = None
    for path in log.directory.rglob("*"):
        if path.is_file():
            path.unlink()
    log.publish()
    assert look(log)[0].holds  # a newcomer cannot know
    report, _ = look(log, memory)
    assert "history was changed" in report.findings[0].what


def test_another_log_is_not_taken_for_the_one_seen(log: RunningLog) -> None:
    log.grow(2)
    report, _ = look(log, Memory("another.example/log", Edge()))
    assert "another.example" in report.findings[0].what


def test_without_a_quorum_it_is_not_called_good(log: RunningLog) -> None:
    log.witnesses[1].stop()
    log.grow(2)
    report, _ = look(log)
    assert not report.holds


def test_an_unwitnessed_end_behind_a_witnessed_beginning_holds(log: RunningLog) -> None:
    log.grow(2)
    log.witnesses[1].stop()
    log.grow(2)
    report, _ = look(log)
    assert (report.findings, report.size) == ([], 4)


def test_an_entry_of_another_format_is_a_finding(log: RunningLog) -> None:
    log.append(2)
    body = b"not an entry of ours"
    with work() as session:
        session.add(LogEntry(event_id=uuid4(), kind="x", body=body, leaf_hash=hash_leaf(body)))
        session.flush()
        session.execute(
            text("INSERT INTO ledger_intake (event_id, leaf_hash) SELECT event_id, leaf_hash FROM ledger_entry WHERE kind = 'x'")
        )
    log.sequence()
    log.publish()
    report, _ = look(log)
    assert (report.first_bad, report.findings[0].what) == (2, "entry 2: not JSON")


def test_findings_are_bounded(database: str, tmp_path: Path) -> None:
    report = Report()
    for index in range(MAX_FINDINGS * 2):
        report.add(index, "bad")
    assert len(report.findings) == MAX_FINDINGS


def test_memory_is_kept_in_a_file(log: RunningLog, tmp_path: Path) -> None:
    path = tmp_path / "seen.json"
    assert Memory.load(path) is None
    log.grow(300)
    _, memory = look(log)
    assert memory is not None
    memory.save(path)
    assert Memory.load(path) == memory
    path.write_text(path.read_text().replace('"300"', '"299"'))
    with pytest.raises(ValueError, match="edge"):
        Memory.load(path)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def url(log: RunningLog) -> Iterator[str]:
    """The folder behind any web server at all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(log.directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_over_http_from_any_static_server(log: RunningLog, url: str) -> None:
    log.grow(300)
    fetch = url_fetch(url)
    report, _ = audit_published(fetch, parse_policy(fetch("policy")))
    assert (report.findings, report.checked) == ([], 300)
    with pytest.raises(OSError, match="404"):
        fetch("tile/0/999")


@pytest.mark.parametrize("address", ["file:///etc/passwd", "shop.example/log", "https://"])
def test_only_web_addresses_are_fetched(address: str) -> None:
    with pytest.raises(OSError, match="web address"):
        url_fetch(address)


def test_a_log_without_witnesses_can_be_read_too(database: str, tmp_path: Path) -> None:
    with running_log(tmp_path, witnesses=0) as log:
        log.grow(3)
        assert look(log)[0].holds
