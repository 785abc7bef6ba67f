"""Test set-up: one real PostgreSQL and one real Valkey for the run, one database for each xdist worker.

``session``, ``app`` and ``client`` share one connection whose transaction is rolled back after the test. ``database`` is a committed
database of its own, cloned from the template, for tests that need several connections or processes.
"""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session
from xdist.scheduler import LoadScopeScheduling

from catalog.areas.loading import load_reference
from kernel import db, outbox
from kernel.local import Postgres, Valkey
from shop.config import Config
from shop.rooms import import_models
from traceability.ledger import sealing

ROOT = Path(__file__).parent.parent
TEMPLATE = "template_shanhai"
DATA_KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--no-browser", action="store_true", help="leave out the browser tests")
    parser.addoption("--faults", action="store_true", help="run the long fault tests whole instead of sampled")


OWN_SYSTEM = {
    *(f"tests/journeys/test_run{kind}.py" for kind in ("", "_served", "_refused")),
    "tests/shop/cli/test_bench.py",
}


class Groups(LoadScopeScheduling):
    """Tests that share one running system share one worker, and begin first; all others go wherever there is room.

    Those of ``tests/concurrency`` take up to 100 connections each, so they too go one after the other.

    Not by xdist's own marks: it writes them into the ids of the tests, which pytest 9 no longer lets it do.
    """

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.split("::")[0]
        folder = path.split("/")[1]
        if path in OWN_SYSTEM:
            return path
        return folder if folder in ("journeys", "faults", "concurrency") else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    """How the tests are shared out."""
    return Groups(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """``--no-browser`` leaves out what needs Chromium."""
    if config.option.no_browser:
        browser = [item for item in items if item.get_closest_marker("browser")]
        config.hook.pytest_deselected(items=browser)
        items[:] = [item for item in items if item not in browser]


def pytest_configure(config: pytest.Config) -> None:
    """Start the servers once, in the controller; workers find them by environment."""
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    folder = Path(os.environ.get("SHANHAI_TEST_DIR", ROOT / "var" / "test"))
    folder.mkdir(parents=True, exist_ok=True)
    postgres, valkey = Postgres(folder, durable=False), Valkey(folder)
    os.environ["TEST_DATABASE_URL"] = postgres.start()
    valkey.start()
    os.environ["TEST_BROKER_URL"] = valkey.broker_url
    os.environ["TEST_RESULT_URL"] = valkey.result_url
    os.environ["TEST_LIMITER_URL"] = valkey.limiter_url
    os.environ["TEST_DIR"] = str(folder)
    config.stash[SERVERS] = (postgres, valkey)
    _build_template()


SERVERS = pytest.StashKey[tuple[Postgres, Valkey]]()


def pytest_unconfigure(config: pytest.Config) -> None:
    if servers := config.stash.get(SERVERS, None):
        for server in reversed(servers):
            server.stop()


CHROMIUM = "/usr/bin/chromium"


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """How Playwright starts Debian's Chromium, also as root."""
    if not Path(CHROMIUM).exists():
        pytest.fail(
            "The browser tests need Chromium: apt-get install chromium, or leave them out with --no-browser.", pytrace=False
        )
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    return {"executable_path": CHROMIUM, "args": ["--no-sandbox", "--no-first-run", *(f"--disable-{part}" for part in quiet)]}


def _admin(statement: str) -> None:
    engine = create_engine(os.environ["TEST_DATABASE_URL"], isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _url(name: str) -> str:
    return make_url(os.environ["TEST_DATABASE_URL"]).set(database=name).render_as_string(hide_password=False)


def _build_template() -> None:
    """The template carries the schema as the migrations make it and the reference data (areas)."""
    _admin(f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)")
    _admin(f"CREATE DATABASE {TEMPLATE}")
    env = os.environ | {"ALEMBIC_DATABASE_URL": _url(TEMPLATE)}
    if any((ROOT / "migrations" / "versions").glob("*.py")):
        subprocess.run([sys.executable, "-m", "alembic", "upgrade", "head"], cwd=ROOT, env=env, check=True)
    else:
        import_models()
        engine = create_engine(_url(TEMPLATE))
        with engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS btree_gist"))
            connection.execute(text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
        db.Base.metadata.create_all(engine)
        engine.dispose()
    engine = create_engine(_url(TEMPLATE))
    with Session(engine) as session, session.begin():
        load_reference(session, datetime(2026, 11, 22, tzinfo=UTC))
    engine.dispose()


@contextmanager
def clone(name: str) -> Iterator[str]:
    """A fresh database cloned from the template; dropped afterwards."""
    _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
    _admin(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        yield _url(name)
    finally:
        _admin(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def worker(request: pytest.FixtureRequest) -> str:
    """Name of this xdist worker."""
    return getattr(request.config, "workerinput", {}).get("workerid", "solo")


@pytest.fixture(scope="session")
def engine(worker: str) -> Iterator[Engine]:
    """Engine on this worker's own database."""
    import_models()
    sealing.use_data_key(DATA_KEY)
    with clone(f"work_{worker}") as url:
        engine = create_engine(url, connect_args={"options": "-c timezone=UTC -c lock_timeout=10s"})
        yield engine
        engine.dispose()


@pytest.fixture
def bound(engine: Engine) -> Iterator[None]:
    """Every ``work()`` of this test runs on one connection and is rolled back at the end."""
    with engine.connect() as connection:
        transaction = connection.begin()
        db.bind(connection, join_transaction_mode="create_savepoint")
        outbox.wake_with(None)
        yield
        transaction.rollback()
    db.bind(engine, join_transaction_mode="conditional_savepoint")


@pytest.fixture
def session(bound: None) -> Iterator[Session]:
    """A session on the test's connection, for arranging and looking; flush before calling a door."""
    with db._sessions() as session:
        yield session


@pytest.fixture
def database(worker: str, engine: Engine, request: pytest.FixtureRequest) -> Iterator[str]:
    """URL of an own committed database; ``work()`` of this process uses it too."""
    with clone(f"own_{worker}") as url:
        own = db.connect(url, pool_size=40)
        db.bind(own, join_transaction_mode="conditional_savepoint")
        outbox.wake_with(None)
        yield url
        left = own.pool.checkedout()  # type: ignore[attr-defined]
        own.dispose()
        db.bind(engine)
    assert left == 0, "somebody is still at work in this test's database"


@pytest.fixture
def at() -> datetime:
    """The moment tests happen at."""
    return datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def make_config(tmp_path: Path, database_url: str, **over: Any) -> Config:
    """A complete configuration for tests; keys are random-looking constants that protect nothing."""
    values: dict[str, Any] = {
        "port": 8000,
        "public_url": "http://127.0.0.1:8000",
        "database_url": database_url,
        "broker_url": os.environ["TEST_BROKER_URL"],
        "result_url": os.environ["TEST_RESULT_URL"],
        "limiter_url": "memory://",
        "stripe_secret_key": "sk_test_0123456789abcdefghijklmnop",
        "stripe_webhook_secret": "whsec_0123456789abcdefghijklmnop",
        "stripe_api_base": "http://127.0.0.1:1",
        "secret_key": "test-secret-key-0123456789-0123456789",
        "data_key": DATA_KEY,
        "log_key_file": str(tmp_path / "log.key"),
        "mail_url": f"file://{tmp_path}/mail",
        "sms_url": f"file://{tmp_path}/sms",
        "data_dir": str(tmp_path),
        "demo": True,
        "local": True,
    }
    return Config(**(values | over))


@pytest.fixture
def config(tmp_path: Path, engine: Engine) -> Config:
    """The configuration of this test."""
    return make_config(tmp_path, engine.url.render_as_string(hide_password=False))


@pytest.fixture
def app(config: Config, bound: None) -> Flask:
    """The whole application on the test's connection."""
    from shop.app import create_app

    app = create_app(config, connect=False, testing=True)
    app.config["WTF_CSRF_ENABLED"] = False
    return app


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without JavaScript."""
    return app.test_client()


@pytest.fixture
def sign_in(session: Session, at: datetime) -> Any:
    """Sign a client in as a person: ``sign_in(client, person)``; returns the client."""
    from kernel import clock
    from shop.accounts.signing import open_session
    from shop.accounts.views.actor import COOKIE_KEY

    def enter(client: FlaskClient, person: Any) -> FlaskClient:
        token = open_session(session, person.id, at=clock.now())
        session.flush()
        with client.session_transaction() as cookie:
            cookie[COOKIE_KEY] = token
        return client

    return enter


@pytest.fixture
def count_queries(engine: Engine) -> Any:
    """``with count_queries() as statements:`` collects the SELECTs of the block, to assert that lists ask a fixed number."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if statement.lstrip().startswith("SELECT"):
                statements.append(statement)

        event.listen(engine, "before_cursor_execute", note)
        try:
            yield statements
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return counting
