"""A durable PostgreSQL of its own (fsync on), whose processes may be killed and whose files may be read, apart from the run's cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine, create_engine

from kernel import db
from kernel.db import Base
from kernel.local import Postgres
from tests.traceability.ledger.running import RunningLog, running_log
from tests.traceability.ledger.test_monitor import Quiet

FLOORS = ("kernel_", "ledger_")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """The cluster, running."""
    with Postgres(tmp_path_factory.mktemp("cluster")) as postgres:
        yield postgres


@pytest.fixture
def durable(cluster: Postgres, engine: Engine) -> Iterator[str]:
    """URL of a fresh database there with the tables of the log; ``work()`` of this process uses it."""
    cluster.start()
    cluster.create_database("durable")
    url = cluster.url("durable")
    own = create_engine(url)
    tables = [table for table in Base.metadata.sorted_tables if table.name.startswith(FLOORS)]
    Base.metadata.create_all(own, tables)
    own.dispose()
    own = db.connect(url, pool_size=20)
    yield url
    own.dispose()
    db.bind(engine)
    cluster.start()
    cluster.drop_database("durable")


@pytest.fixture
def quiet() -> Iterator[None]:
    """Programs log what they meet; tests look at outcomes."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def log(database: str, tmp_path: Path, quiet: None) -> Iterator[RunningLog]:
    """A log with two witnesses, of acts that are over in a moment."""
    with running_log(tmp_path) as running:
        yield running


@pytest.fixture
def site(log: RunningLog) -> Iterator[str]:
    """The folder behind any web server at all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(log.directory)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()
