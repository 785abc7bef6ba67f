"""kill -9 of the worker at every step of taking in a table of deliveries: each row comes in once, and none before all were tried.

Each time the worker is killed in a process of its own, and another goes on. In another round the database ends its connections instead.
Sampled: each 48th step or 96th; all under ``./shanhai test --faults``.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import func, select

from catalog.parties.models import Actor, Organization, Role
from kernel import clock
from kernel.db import work
from kernel.files import FileStore
from kernel.quantity import Unit
from kernel.spreadsheet import read_sheet
from shop.cooperative import importing, tasks, trying
from shop.cooperative.day_sheet import COLUMNS, LAYOUT
from shop.cooperative.models import DaySheet, ImportedRow
from shop.cooperative.states import SheetState
from tests.factories.catalog import make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.factories.spreadsheets import make_sheet
from tests.faults.dying import cut_off, die, run
from traceability.ledger.models import LogEntry
from traceability.lots.models import CapacityUse, HouseholdDelivery, Lot

ROWS = 6
GOODS = "静宁苹果"
SAMPLED = {die: 48, cut_off: 96}


class Village:
    """A cooperative of three members who bring two rows each, a slice a member."""

    def __init__(self, folder: Path) -> None:
        self.store = FileStore(folder)
        tasks.use_store(self.store)
        with work() as session:
            self.cooperative: Organization = make_organization(session)
            for _ in range(3):
                make_household(session, self.cooperative)
            product = make_product(session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[])
            make_capacity(session, GOODS, Unit.KG, 100_000)
            self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
            self.sku = product.sku

    def hand_in(self, number: int) -> DaySheet:
        """A table whose rows are those of no other."""
        day = f"{clock.today_shanghai(clock.now())}"
        rows = [[day, row % 3 + 1, self.sku, f"{number}.{row + 1}", "公斤", 350, "", "否", ""] for row in range(ROWS)]
        content = make_sheet(rows, [column.heading for column in COLUMNS])
        with work() as session:
            return importing.ask_import(
                session, self.clerk, self.cooperative.id, read_sheet(content, LAYOUT),
                digest=self.store.keep(content).digest, file_name="今天.xlsx", at=clock.now(),
            )  # fmt: skip

    def check(self, tables: int, sheet: DaySheet) -> None:
        """Every row of every table is one delivery, one lot, one entry of the log, and counted once."""
        with work() as session:
            found = session.get_one(DaySheet, sheet.id)
            assert (found.state, found.new_count, found.digest) == (SheetState.DONE, ROWS, None)
            for kept in (HouseholdDelivery, ImportedRow, Lot, LogEntry):
                assert session.scalar(select(func.count()).select_from(kept)) == ROWS * tables, kept
            brought = session.scalar(select(func.sum(HouseholdDelivery.quantity)))
            assert session.scalar(select(func.sum(CapacityUse.delivered))) == brought
            assert brought == sum(ROWS * Decimal(number) + Decimal("2.1") for number in range(tables))


@pytest.fixture
def village(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Village:
    monkeypatch.setattr(trying, "SLICE", 1)
    monkeypatch.setattr(importing, "STALE", timedelta(0))  # nobody waits for half a minute here
    return Village(tmp_path)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("end", [die, cut_off])
def test_a_table_comes_in_whole_and_once_wherever_its_worker_is_killed(
    village: Village, database: str, request: pytest.FixtureRequest, end: Callable[[], None]
) -> None:
    def take_in() -> None:
        tasks.take_in(str(sheet.id))  # what is done already is left alone

    sheet = village.hand_in(0)
    survived, steps = run(database, take_in)
    assert survived
    village.check(1, sheet)
    every = 1 if request.config.option.faults else SAMPLED[end]
    tried = itertools.count(1)
    half = set()
    for last in range(every // 2 + 1, steps + 1, every):
        tables = next(tried)
        sheet = village.hand_in(tables)
        run(database, take_in, last=last, end=end)
        with work() as session:
            killed = session.get_one(DaySheet, sheet.id)
            half.add((killed.state, killed.new_count))
            assert killed.new_count in (0, 2, 4, 6), "a slice is whole"
        assert run(database, take_in)[0]
        village.check(tables + 1, sheet)
    if end is die:
        assert {state for state, _ in half} >= {SheetState.CHECKING, SheetState.RECORDING}
        assert any(0 < count < ROWS for _, count in half), "one was killed in the middle"
