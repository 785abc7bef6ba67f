"""What a start prints. The start itself: ``tests/journeys/test_run*.py``."""

from __future__ import annotations

import sys

import pytest

from shop.cli.run import print_qr, print_table
from shop.demo.keys import DoorRow
from tests.journeys.parts import read_qr

URL = "http://192.168.1.20:8000"


@pytest.mark.parametrize("terminal", [True, False])
def test_the_qr_code_is_light_on_dark_on_any_terminal(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    lines: list[str] = []
    print_qr(URL, lines.append)
    assert all(line.startswith("\x1b[97;40m") and line.endswith("\x1b[0m") for line in lines) is terminal
    assert read_qr([line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m") for line in lines]) == URL


def test_the_table_has_straight_columns_in_both_scripts() -> None:
    lines: list[str] = []
    rows = [DoorRow("商城 Shop", URL), DoorRow("后台 Office", URL, "boss", "harvest-moon-7"), DoorRow("API", URL, key="k3y")]
    print_table(rows, lines.append)
    told = [line for line in lines if line]
    wide = [sum(2 if ord(letter) > 0x2E80 else 1 for letter in line.split(URL)[0]) for line in told]
    assert len(set(wide)) == 1
    assert [line.split(URL)[1].strip() for line in told] == ["", "boss / harvest-moon-7", "k3y"]
