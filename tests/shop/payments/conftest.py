"""One local payment server a test module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.factories.twin import TwinProcess


@pytest.fixture(scope="module")
def twin_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwinProcess]:
    process = TwinProcess(tmp_path_factory.mktemp("twin") / "state.sqlite").start()
    yield process
    process.stop()


@pytest.fixture
def twin(twin_process: TwinProcess) -> Iterator[TwinProcess]:
    yield twin_process
    twin_process.calm()
