"""One local payment server a test module, and an application that talks to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from shop.config import Config
from shop.payments.cashier import Cashier, open_cashier
from tests.conftest import make_config
from tests.factories.twin import KEY, SECRET, TwinProcess


@pytest.fixture(scope="module")
def twin_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinProcess]:
    process = TwinProcess(tmp_path_factory.mktemp("twin") / "state.sqlite").start()
    yield process
    process.stop()


@pytest.fixture
def twin(twin_process: TwinProcess) -> Iterator[TwinProcess]:
    yield twin_process
    twin_process.calm()


@pytest.fixture
def config(tmp_path: Path, engine: Engine, request: pytest.FixtureRequest) -> Config:
    """The configuration of this test, with the local payment server when the test has one."""
    over = {}
    if "twin" in request.fixturenames:
        twin: TwinProcess = request.getfixturevalue("twin")
        over = {"stripe_api_base": twin.url, "stripe_secret_key": KEY, "stripe_webhook_secret": SECRET}
    return make_config(tmp_path, engine.url.render_as_string(hide_password=False), **over)


@pytest.fixture
def cashier(config: Config) -> Cashier:
    """Talks to the local payment server from this process."""
    return open_cashier(config)
