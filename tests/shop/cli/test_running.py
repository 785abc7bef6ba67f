"""Commands find the running installation, or say that there is none."""

from pathlib import Path

import pytest

from shop.cli import running
from shop.config import RUN_FILE, ConfigProblem
from tests.conftest import make_config


def test_the_running_one_or_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RUN_FILE, raising=False)
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setattr(running, "FOLDER", tmp_path)
    with pytest.raises(ConfigProblem, match="Nothing is running"):
        running.running_config()
    config = make_config(tmp_path, "postgresql://nowhere")
    config.save(tmp_path / "run.json")
    assert running.running_config() == config
