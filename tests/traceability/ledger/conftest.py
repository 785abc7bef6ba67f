"""Fixtures of the ledger's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.traceability.ledger.running import RunningLog, running_log


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    """Programs log what they meet; tests look at outcomes."""
    with structlog.testing.capture_logs():
        yield


@pytest.fixture
def log(database: str, tmp_path: Path) -> Iterator[RunningLog]:
    """A log with two witnesses on its own database."""
    with running_log(tmp_path) as running:
        yield running
