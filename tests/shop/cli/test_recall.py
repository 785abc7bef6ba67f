"""`./shanhai recall` against an installation's own database."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import select

from catalog.parties.models import SYSTEM
from kernel.db import work
from shop.config import RUN_FILE
from tests.conftest import ROOT, make_config
from tests.factories.catalog import AT
from tests.shop.recalls.test_boxes import Opened
from tests.shop.recalls.test_deciding import Sold
from traceability.lots.models import TradeItem
from traceability.pallets import aggregating


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


def test_some_boxes_only(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By serial, by a file of serials, and a case for all in it; what is not of the lot, or lacks a reason, changes nothing."""
    make_config(tmp_path, database).save(tmp_path / "run.json")
    monkeypatch.setenv(RUN_FILE, str(tmp_path / "run.json"))
    with work() as session:
        opened = Opened(session)
        lot, serials = opened.lot.code, opened.serials
        case = aggregating.close_case(session, SYSTEM, place_id=opened.stock.place_id, serials=serials[6:8], at=AT).name
    (tmp_path / "boxes.txt").write_text(f"\ufeff{serials[5]}\r\n{case}\n")
    boxes = ("recall", lot, "--boxes", str(tmp_path / "boxes.txt"), serials[0])
    look = json.loads(shanhai(*boxes, "--json").stdout)
    assert (look["recall"], look["counts"]["boxes"], look["counts"]["boxes_on_hand"]) == (None, 4, 3)
    assert [box["serial"] for box in look["boxes"]] == sorted([serials[0], *serials[5:8]])
    assert (look["containers"], len(look["shipments"])) == ([{"code": case, "boxes": 2}], 1)
    assert shanhai("recall", lot, "--boxes", "0000000000000").returncode == 1
    assert shanhai(*boxes, "--only", lot).returncode == 1
    assert shanhai(*boxes, "--confirm", "--reason", "封口破了。").returncode == 1, "why not the others"
    assert json.loads(shanhai(*boxes, "--json").stdout)["snapshot"] == look["snapshot"]
    sheet = tmp_path / "sheet.xlsx"
    done = shanhai(*boxes, "--confirm", "--reason", "封口破了。", "--left-out", "只有这几盒。", "--sheet", str(sheet))
    assert done.returncode == 0, done.stderr
    assert "3 of them not yet gone" in done.stdout
    assert sheet.exists()
    with work() as session:
        stopped = session.scalars(select(TradeItem.serial).where(TradeItem.stopped.is_not(None))).all()
    assert sorted(stopped) == sorted([serials[0], *serials[5:8]])
