"""`./shanhai recall` against an installation's own database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kernel.db import work
from shop.config import RUN_FILE
from tests.conftest import ROOT, make_config
from tests.shop.recalls.test_deciding import Sold


def shanhai(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "shop.cli", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_look_then_recall(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_config(tmp_path, database).save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
    with work() as session:
        sold = Sold(session)
        lot, order = sold.lot.code, sold.order.code
    look = shanhai("recall", lot, "--json")
    assert look.returncode == 0, look.stderr
    found = json.loads(look.stdout)
    assert (found["recall"], [row["code"] for row in found["orders"]]) == (None, [order])
    assert shanhai("recall", lot, "--confirm").returncode == 1, "a reason is needed"
    done = shanhai("recall", lot, "--confirm", "--reason", "抽检不合格。")
    assert done.returncode == 0, done.stderr
    assert "Recalled" in done.stdout
    assert shanhai("recall", "LOT-NONE").returncode == 1
