"""A day's deliveries from a table (shop.cooperative.importing, .trying, .day_sheet, .tasks, .views.imports): all rows or none, never twice."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import CalamineWorkbook
from sqlalchemy import event, func, select, text, update
from sqlalchemy.orm import Session

from catalog.parties import registering
from catalog.parties.erasing import SubjectErased, SubjectKind
from catalog.parties.models import SYSTEM, Actor, Organization, Role
from kernel import clock
from kernel.errors import Forbidden, NotFound
from kernel.files import FileStore
from kernel.ids import uuid7
from kernel.money import Money
from kernel.quantity import Quantity, Unit
from kernel.spreadsheet import Sheet, read_sheet
from shop.cooperative import day_sheet, erasing, importing, queries, tasks, trying
from shop.cooperative.day_sheet import COLUMNS, LAYOUT
from shop.cooperative.models import DaySheet, ImportedRow
from shop.cooperative.states import SheetState
from shop.cooperative.views import imports
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.factories.spreadsheets import Formula, Merged, make_sheet
from traceability.lots.harvesting import DeliveryDraft, record_delivery
from traceability.lots.models import CapacityUse, HouseholdDelivery, SiteAccount

HEADINGS = [column.heading for column in COLUMNS]
TODAY = f"{clock.today_shanghai(clock.now())}"


class Yard:
    """A cooperative with two members and an apple product; 30 亩 bear at most 3,000 kg of each."""

    def __init__(self, session: Session, app: Flask) -> None:
        self.session, self.app, self.hurried = session, app, list[str]()
        self.store = FileStore(app.config["SHANHAI"].sheets_dir)
        self.cooperative: Organization = make_organization(session)
        self.households = [make_household(session, self.cooperative) for _ in range(2)]
        self.product = make_product(
            session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[]
        )
        make_capacity(session, "静宁苹果", Unit.KG, 100)
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        act_as(app, self.clerk)

    def row(self, **over: object) -> list[object]:
        cells: dict[str, object] = {
            "day": TODAY, "member_no": "1", "product_sku": self.product.sku, "quantity": "100", "unit": "公斤", "agreed_price": "350",
            "grade": "一级", "paid": "是", "ear_tags": "",
        }  # fmt: skip
        return list((cells | over).values())

    def draft(self) -> DeliveryDraft:
        """What ``row`` asks for."""
        return DeliveryDraft(
            organization_id=self.cooperative.id,
            household_id=self.households[0].id,
            material="静宁苹果",
            quantity=Quantity(Decimal(100), Unit.KG),
            agreed_price=Money(35000),
            product_sku=self.product.sku,
            grade="一级",
            happened_at=clock.now(),
        )

    def ask(self, rows: Sequence[Sequence[object]], actor: Actor | None = None) -> DaySheet:
        """A table that waits, as the door leaves it."""
        content = make_sheet(rows, HEADINGS)
        return importing.ask_import(
            self.session, actor or self.clerk, self.cooperative.id, read_sheet(content, LAYOUT),
            digest=self.store.keep(content).digest, file_name="今天.xlsx", at=clock.now(),
        )  # fmt: skip

    def table(self, digest: str) -> Sheet:
        with self.store.open(digest) as stored:
            return read_sheet(stored.read(), LAYOUT)

    def count(self) -> int:
        return self.session.scalar(select(func.count()).select_from(HouseholdDelivery)) or 0


@pytest.fixture
def yard(session: Session, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Yard]:
    """With the worker's part at work on this test's folder; hints to it are noted, not sent."""
    yard = Yard(session, app)
    monkeypatch.setattr(imports, "send", lambda _task, sheet: yard.hurried.append(sheet))
    tasks.use_store(yard.store)
    yield yard
    tasks._store.clear()


def upload(client: FlaskClient, content: bytes, name: str = "今天.xlsx", key: str = "") -> Any:
    return client.post(
        "/cooperative/imports/",
        data=form(file=(io.BytesIO(content), name)) | ({"idempotency_key": key} if key else {}),
        content_type="multipart/form-data",
    )


def send(client: FlaskClient, content: bytes, name: str = "今天.xlsx", key: str = "") -> Any:
    """Upload, have the worker do its part, and look at the page of the table."""
    answer = upload(client, content, name, key)
    tasks.take_in_waiting()
    return client.get(answer.location) if answer.status_code == 303 else answer


def as_csv(rows: Sequence[Sequence[object]], encoding: str, delimiter: str = ",") -> bytes:
    lines = [delimiter.join(str(cell) for cell in row) for row in [HEADINGS, *rows]]
    return "\r\n".join(lines).encode(encoding)


def test_a_day_is_taken_in_once(client: FlaskClient, yard: Yard) -> None:
    rows = [yard.row(), yard.row(), yard.row(member_no=2, quantity=200, unit="斤", paid="否")]
    assert "已收 3 笔货" in send(client, make_sheet(rows, HEADINGS)).text
    found = yard.session.scalars(select(HouseholdDelivery).order_by(HouseholdDelivery.id)).all()
    assert [(str(each.quantity.normalize()), each.unit, each.paid_at is not None) for each in found] == [
        ("1E+2", Unit.KG, True), ("1E+2", Unit.KG, True), ("2E+2", Unit.JIN, False),
    ]  # fmt: skip
    again = send(client, make_sheet([*rows, yard.row(quantity=7)], HEADINGS), "改过名.xlsx").text
    assert "已收 1 笔货" in again
    assert "有 3 行以前导入过" in again
    assert yard.count() == 4, "rows of before are passed over, the new one is taken"
    assert yard.session.scalars(select(CapacityUse.delivered).order_by(CapacityUse.delivered)).all() == [100, 207]


WAYS = ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y/%-m/%-d", "%Y-%-m-%-d")


def test_a_table_saved_anew_writes_the_same_day_otherwise(client: FlaskClient, yard: Yard) -> None:
    day = clock.today_shanghai(clock.now())
    for place, way in enumerate(WAYS):
        rows = [
            yard.row(day=day.strftime(way), agreed_price=price, quantity=quantity, grade="")
            for price, quantity in (("12.50", "7.0"), ("12.5", "7"))
        ]
        assert f"已收 {0 if place else 2} 笔货" in send(client, make_sheet(rows, HEADINGS), f"{place}.xlsx").text, way
    assert yard.count() == 2


def test_the_missing_zeros_of_a_day_make_no_other_row(yard: Yard) -> None:
    """In the days of a month that need them; only a pure look, since nothing is taken in so late."""
    cells = {column.key: "" for column in COLUMNS} | {"unit": "公斤"}
    found = set()
    for day in ("2026-03-05", "2026/3/5", "2026.03.05", "2026-3-5", "2026/03/5"):
        told, _errors = day_sheet.read_form(cells | {"day": day}, clock.now())
        found.add(day_sheet.digest(replace(yard.draft(), happened_at=clock.parse_iso(told["happened_at"])), 1))
    assert len(found) == 1


@pytest.mark.parametrize("way", WAYS)
def test_rows_known_by_the_day_as_it_was_written_stay_known(client: FlaskClient, yard: Yard, way: str) -> None:
    day = clock.today_shanghai(clock.now())
    send(client, make_sheet([yard.row()], HEADINGS))
    yard.session.execute(update(ImportedRow).values(digest=day_sheet.digest(yard.draft(), 1, day.strftime(way))))
    assert "已收 0 笔货" in send(client, make_sheet([yard.row(grade="一级")], HEADINGS), "又存.xlsx").text
    assert yard.count() == 1


def test_rows_of_one_file_that_wrote_their_day_in_two_ways_stay_known(client: FlaskClient, yard: Yard) -> None:
    rows = [yard.row(day=TODAY.replace("-", mark)) for mark in "-/"]
    send(client, make_sheet(rows, HEADINGS))
    for row, mark in zip(yard.session.scalars(select(ImportedRow)).all(), "-/", strict=True):
        row.digest = day_sheet.digest(yard.draft(), 1, TODAY.replace("-", mark))
    assert "已收 0 笔货" in send(client, make_sheet(rows, HEADINGS), "又存.xlsx").text
    assert yard.count() == 2


def test_without_the_look_at_known_rows_the_database_still_refuses(
    client: FlaskClient, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_sheet([yard.row()], HEADINGS)
    send(client, content)
    monkeypatch.setattr(trying, "_leave_out_known", lambda _session, _organization, rows: rows)
    assert "正在记录" in send(client, content).text, "it is tried again by and by"
    for _ in range(importing.MOST_TRIES - 1):
        tasks.take_in_waiting()
    assert yard.count() == 1
    states = yard.session.scalars(select(DaySheet.state).order_by(DaySheet.id)).all()
    assert states == [SheetState.DONE, SheetState.FAILED]


def test_all_that_is_wrong_is_told_at_once_and_nothing_is_kept(client: FlaskClient, yard: Yard) -> None:
    late = clock.today_shanghai(clock.now()) - timedelta(days=9)
    rows = [
        yard.row(),
        yard.row(member_no="99"),
        yard.row(quantity="abc", unit="里"),
        yard.row(quantity="2950"),
        yard.row(day=str(late)),
        yard.row(day="昨天", paid="也许"),
        yard.row(product_sku="NONE"),
        yard.row(unit="", agreed_price=""),
        yard.row(grade=Formula("=1+1")),
    ]
    answer = send(client, make_sheet(rows, HEADINGS))
    for words in (
        "没有社员编号“99”", "数量“abc”不正确", "不认识计量单位“里”", "已交 100 千克，这次的 2950 千克超出了", "3 天以前", "日期请写成",
        "填“是”或“否”", "本合作社的产品", "这一格必须填写", "是公式",
    ):  # fmt: skip
        assert words in answer.text, words
    assert "一行也没有导入" in answer.text
    assert yard.count() == 0
    assert yard.session.scalar(select(func.count()).select_from(ImportedRow)) == 0
    kept = yard.session.scalars(select(DaySheet)).one()
    marked = client.get(f"/cooperative/imports/{kept.id}/marked.xlsx").data
    grid = CalamineWorkbook.from_filelike(io.BytesIO(marked)).get_sheet_by_index(0).to_python()
    assert "没有社员编号" in grid[2][-1]
    assert "超出了" in grid[4][-1]
    page = client.get(f"/cooperative/imports/{kept.id}?lang=en").text
    assert "would be more than" in page or "at most" in page
    act_as(yard.app, make_actor(yard.session, Role.clerk))
    assert client.get(f"/cooperative/imports/{kept.id}").status_code == 404
    assert client.get(f"/cooperative/imports/{kept.id}/marked.xlsx").status_code == 404


def test_a_row_costs_few_statements(yard: Yard) -> None:
    """Members and products of a table are read once, and nothing is looked up that is known: 14 statements a row, and
    three for the books of the site.

    Every row is tried once before it is recorded, which costs as much again.
    """
    asked: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        asked.append(statement)

    def take(first: int, count: int) -> int:
        rows = [yard.row(member_no=number % 2 + 1, quantity=f"{first + number / 100}") for number in range(count)]
        sheet, before = read_sheet(make_sheet(rows, HEADINGS), LAYOUT), len(asked)
        read, _faults = trying.read_rows(yard.session, yard.cooperative.id, sheet, clock.now())
        made, _faults = trying.take(yard.session, yard.clerk, yard.cooperative.id, read, handed_in=clock.now(), at=clock.now())
        assert len(made) == count
        return len(asked) - before

    event.listen(yard.session.get_bind(), "before_cursor_execute", listen)
    few, many = take(1, 5), take(10, 25)
    event.remove(yard.session.get_bind(), "before_cursor_execute", listen)
    assert (many - few) / 20 <= 17, "\n".join(each[:200] for each in asked[-20:])
    households, products = "FROM parties_household", "FROM products_product"
    last = asked[-many:]
    assert sum(products in statement for statement in last) == 1
    assert sum(households in statement for statement in last) == 25 + 2, "each is locked before it is counted, and read once"


def test_no_slice_parts_a_household(yard: Yard) -> None:
    sheet = read_sheet(make_sheet([yard.row(member_no=number % 2 + 1) for number in range(60)], HEADINGS), LAYOUT)
    rows, _faults = trying.read_rows(yard.session, yard.cooperative.id, sheet, clock.now())
    slices = trying.cut(rows)
    assert [len(part) for part in slices] == [30, 30]
    assert [len({row.draft.household_id for row in part}) for part in slices] == [1, 1]
    many = [replace(row, draft=replace(row.draft, household_id=uuid7())) for row in rows]
    assert [len(part) for part in trying.cut(many)] == [20, 20, 20]
    assert trying.cut([]) == []


def test_an_animal_at_two_households_is_told_before_any_row_is_recorded(
    client: FlaskClient, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each household is tried in a slice of its own that is taken back, so no slice sees the other."""
    monkeypatch.setattr(trying, "SLICE", 1)
    make_capacity(yard.session, "滩羊", Unit.HEAD, 10)
    sheep = make_product(yard.session, yard.cooperative, category="羊肉", materials=["滩羊"], needs=[]).sku
    tags = [f"3640323{number:08}" for number in range(3)]
    of = {"product_sku": sheep, "unit": "头"}
    rows = [
        yard.row(**of, quantity=2, ear_tags=" ".join(tags[:2])),
        yard.row(**of, quantity=1, ear_tags=tags[1], member_no=2),
        yard.row(**of, quantity=1, ear_tags=tags[2], member_no=2),
    ]
    page = send(client, make_sheet(rows, HEADINGS)).text
    assert f"耳标 {tags[1]} 在第 2 行已经填过" in page
    assert ("一行也没有导入" in page, yard.count()) == (True, 0)
    assert "已收 2 笔货" in send(client, make_sheet(rows[::2], HEADINGS)).text


def test_rows_open_the_accounts_of_a_site_in_one_order(yard: Yard) -> None:
    """Two tables at once, one with apples first, one with pears first, wait for each other else."""
    make_capacity(yard.session, "梨", Unit.KG, 100)
    sheet = read_sheet(make_sheet([yard.row(quantity=1), yard.row(quantity=2, member_no=2)], HEADINGS), LAYOUT)
    apples, pears = trying.read_rows(yard.session, yard.cooperative.id, sheet, clock.now())[0]
    pears = replace(pears, draft=replace(pears.draft, material="梨", product_sku=None, product=None))
    taken = []
    for rows in ([apples, pears], [pears, apples]):
        with pytest.raises(ZeroDivisionError), yard.session.begin_nested():
            made, _faults = trying.take(yard.session, yard.clerk, yard.cooperative.id, rows, handed_in=clock.now(), at=clock.now())
            assert len(made) == 2
            taken.append(yard.session.scalars(select(SiteAccount.material).order_by(SiteAccount.id)).all())
            1 / 0  # noqa: B018 - taken back
    assert taken[0] == taken[1]


def test_a_row_of_three_days_ago_is_in_time_also_in_the_afternoon(yard: Yard) -> None:
    at = datetime.fromisoformat("2026-11-22T23:30:00+08:00")
    for day, fits in (("2026-11-19", True), ("2026-11-18", False)):
        sheet = read_sheet(make_sheet([yard.row(day=day)], HEADINGS), LAYOUT)
        rows, _faults = trying.read_rows(yard.session, yard.cooperative.id, sheet, at)
        made, faults = trying.take(yard.session, yard.clerk, yard.cooperative.id, rows, handed_in=at, at=at)
        assert (len(made), [fault.column for fault in faults]) == ((1, []) if fits else (0, ["day"]))


def test_while_it_is_under_way_the_page_says_how_far_it_is(client: FlaskClient, yard: Yard) -> None:
    path = upload(client, make_sheet([yard.row(quantity=number) for number in range(1, 4)], HEADINGS)).location
    page = client.get(path).text
    assert "等待核对" in page
    assert 'http-equiv="refresh"' in page
    kept = yard.session.scalars(select(DaySheet)).one()
    assert yard.hurried == [str(kept.id)]
    assert importing.list_waiting(yard.session, clock.now()) == [kept.id]
    job = importing.claim(yard.session, kept.id, clock.now())
    assert job is not None
    assert importing.claim(yard.session, kept.id, clock.now()) is None, "one worker has it"
    rows, _faults = trying.read_rows(yard.session, yard.cooperative.id, yard.table(job.digest), kept.at)
    assert importing.check_slice(yard.session, job, rows, done=2, at=clock.now()) == []
    assert ("正在核对" in (page := client.get(path).text), "2 / 3" in page, yard.count()) == (True, True, 0), "only tried"
    assert importing.end_check(yard.session, job, [], clock.now())
    importing.record_slice(yard.session, job, rows[:1], done=1, at=clock.now())
    assert ("正在记录" in (page := client.get(path).text), "1 / 3" in page, yard.count()) == (True, True, 1)
    later = clock.now() + importing.STALE + timedelta(seconds=1)
    assert importing.list_waiting(yard.session, later) == [kept.id], "its worker was lost"
    again = importing.claim(yard.session, kept.id, later)
    assert again is not None
    assert again.recording, "what held is not tried anew"
    kept.claimed_at = None
    yard.session.flush()
    tasks.take_in_waiting()
    page = client.get(path).text
    assert ("已收 3 笔货" in page, 'http-equiv="refresh"' in page, yard.count()) == (True, False, 3)
    assert "已导入" in client.get("/cooperative/imports/new").text


def test_what_came_in_between_keeps_one_row_out_and_the_page_says_which(
    client: FlaskClient, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rows hold when they are tried; before they are recorded the phone brings 2,950 kg of the first member."""
    end_check = importing.end_check

    def phone_comes_first(*args: Any) -> bool:
        holds = end_check(*args)
        draft = replace(yard.draft(), quantity=Quantity(Decimal(2950), Unit.KG))
        record_delivery(yard.session, yard.clerk, draft, clock.now())
        return holds

    monkeypatch.setattr(importing, "end_check", phone_comes_first)
    content = make_sheet([yard.row(quantity=10), yard.row(quantity=100), yard.row(member_no=2)], HEADINGS)
    page = send(client, content).text
    assert "已收 2 笔，下面这些行没有收" in page
    assert "已交 2960 千克，这次的 100 千克超出了" in page
    monkeypatch.setattr(importing, "end_check", end_check)
    yard.households[0].capacity = {"land_mu": "40"}
    yard.session.flush()
    kept = yard.session.scalars(select(DaySheet)).one()
    assert client.post(f"/cooperative/imports/{kept.id}/again", data=form()).status_code == 303
    tasks.take_in_waiting()
    page = client.get(f"/cooperative/imports/{kept.id}").text
    assert "已收 3 笔货" in page
    assert yard.count() == 4


def test_trouble_that_is_not_in_the_table_is_tried_thrice_and_never_half(
    client: FlaskClient, yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = make_sheet([yard.row(member_no=number) for number in (1, 2)], HEADINGS)
    read_rows = trying.read_rows
    monkeypatch.setattr(trying, "SLICE", 1)
    monkeypatch.setattr(trying, "read_rows", lambda *_: 1 / 0)
    path = upload(client, content).location
    for _ in range(importing.MOST_TRIES):
        assert "等待核对" in (page := client.get(path).text) or "正在核对" in page
        tasks.take_in_waiting()
    assert "系统出了点问题" in client.get(path).text
    tasks.take_in_waiting()
    assert yard.count() == 0
    monkeypatch.setattr(trying, "read_rows", read_rows)
    assert client.post(f"{path}/again", data=form()).status_code == 303
    tasks.take_in_waiting()
    assert "已收 2 笔货" in client.get(path).text
    assert client.post(f"{path}/again", data=form()).status_code == 409, "done is done"


def test_a_table_whose_worker_is_lost_each_time_is_given_up(client: FlaskClient, yard: Yard) -> None:
    path = upload(client, make_sheet([yard.row()], HEADINGS)).location
    (sheet_id,) = importing.list_waiting(yard.session, clock.now())
    for turn in range(importing.MOST_TRIES):
        at = clock.now() + (importing.STALE + timedelta(seconds=1)) * turn
        assert importing.claim(yard.session, sheet_id, at), "and its process is killed"
    later = clock.now() + timedelta(hours=1)
    assert importing.list_waiting(yard.session, later) == [sheet_id]
    assert importing.claim(yard.session, sheet_id, later) is None
    assert importing.list_waiting(yard.session, later + timedelta(hours=1)) == []
    assert "系统出了点问题" in client.get(path).text
    assert client.post(f"{path}/again", data=form()).status_code == 303, "a person may have it tried anew"
    tasks.take_in_waiting()
    assert "已收 1 笔货" in client.get(path).text


def test_a_table_whose_file_is_lost_is_given_up_at_once(client: FlaskClient, yard: Yard) -> None:
    path = upload(client, make_sheet([yard.row()], HEADINGS)).location
    kept = yard.session.scalars(select(DaySheet)).one()
    assert kept.digest is not None
    yard.store.delete(kept.digest)
    tasks.take_in_waiting()
    yard.session.refresh(kept)
    assert (kept.state, kept.tries) == (SheetState.FAILED, 1)
    assert "系统出了点问题" in client.get(path).text


def test_a_worker_that_was_too_slow_does_nothing_more_to_a_table_that_another_has(client: FlaskClient, yard: Yard) -> None:
    """The second claims it and notes what is refused; the first goes on, and neither the note nor the claim is lost."""
    upload(client, make_sheet([yard.row(), yard.row(member_no=2)], HEADINGS))
    kept = yard.session.scalars(select(DaySheet)).one()
    first = importing.claim(yard.session, kept.id, clock.now()) or pytest.fail("taken")
    rows, _faults = trying.read_rows(yard.session, yard.cooperative.id, yard.table(first.digest), kept.at)
    assert importing.end_check(yard.session, first, [], clock.now())
    later = clock.now() + importing.STALE + timedelta(seconds=1)
    second = importing.claim(yard.session, kept.id, later) or pytest.fail("taken")
    for late in (
        lambda: importing.record_slice(yard.session, first, rows[:1], done=1, at=later),
        lambda: importing.finish(yard.session, first, later),
    ):
        with pytest.raises(NotFound):
            late()
    importing.give_up(yard.session, kept.id, job=first, for_good=True)
    assert (kept.state, kept.claimed_at, kept.done, yard.count()) == (SheetState.RECORDING, later, 0, 0)
    importing.record_slice(yard.session, second, rows, done=2, at=later)
    importing.finish(yard.session, second, later)
    assert (kept.state, yard.count()) == (SheetState.DONE, 2)


def test_rows_come_in_under_the_name_of_who_handed_them_in_and_only_while_that_is_a_clerk(yard: Yard) -> None:
    clerk = make_actor(yard.session)
    assert clerk.person_id is not None
    clerk = replace(clerk, label=f"person:{clerk.person_id}", roles={yard.cooperative.id: frozenset({Role.clerk})})
    kept = yard.ask([yard.row()], clerk)
    tasks.take_in_waiting()
    yard.session.refresh(kept)
    assert (kept.state, yard.count()) == (SheetState.FAILED, 0), "no clerk there by now"
    registering.add_member(
        yard.session, SYSTEM, person_id=clerk.person_id, organization_id=yard.cooperative.id, role=Role.clerk, at=clock.now()
    )
    importing.import_again(yard.session, clerk, kept, at=clock.now())
    tasks.take_in_waiting()
    assert yard.session.scalars(select(HouseholdDelivery.typed_by)).one() == clerk.label


def test_a_table_that_waited_for_a_day_is_as_in_time_as_when_it_was_handed_in(yard: Yard) -> None:
    day = clock.today_shanghai(clock.now()) - timedelta(days=2)
    kept = yard.ask([yard.row(day=str(day))])
    kept.at -= timedelta(hours=30)
    job = replace(importing.claim(yard.session, kept.id, clock.now()) or pytest.fail("taken"), handed_in=kept.at)
    rows, _faults = trying.read_rows(yard.session, yard.cooperative.id, yard.table(job.digest), kept.at)
    late = clock.now() + timedelta(days=3)
    assert importing.check_slice(yard.session, job, rows, done=0, at=late) == []
    strict = replace(job, handed_in=late)
    kept.at = late
    yard.session.flush()
    assert [fault.column for fault in importing.check_slice(yard.session, strict, rows, done=0, at=late)] == ["day"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_csv_as_spreadsheet_programs_save_it(yard: Yard, encoding: str, delimiter: str) -> None:
    sheet = read_sheet(as_csv([yard.row(grade="特级")], encoding, delimiter), LAYOUT)
    assert sheet.faults == ()
    assert (sheet.rows[0].cells["grade"], sheet.rows[0].cells["unit"]) == ("特级", "公斤")


def test_a_marked_csv_comes_back_as_a_table_without_formulas(client: FlaskClient, yard: Yard) -> None:
    content = as_csv([yard.row(grade='=HYPERLINK("http://x")'), yard.row(quantity="-5"), yard.row(grade="@SUM(A1)")], "gbk")
    answer = send(client, content, "a.csv")
    assert answer.text.count("是公式") == 2
    kept = yard.session.scalars(select(DaySheet)).one()
    assert [(fault["row"], fault["column"]) for fault in kept.faults] == [(2, "grade"), (3, "quantity"), (4, "grade")]
    book = CalamineWorkbook.from_filelike(io.BytesIO(client.get(f"/cooperative/imports/{kept.id}/marked.xlsx").data))
    assert book.get_sheet_by_index(0).to_python()[1][6].startswith("=HYPERLINK"), "as text"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "空的"),
        (b"\xff" * 200, "打不开"),
        (b"\x00\x01\x02" * 50, "打不开"),
        (b"PK\x03\x04" + b"\x00" * 600, "打不开"),
        (b"\xd0\xcf\x11\xe0" + b"\x00" * 600, "打不开"),
        ("日期,什么\n1,2".encode(), "表头少了"),
        ((",".join(HEADINGS) + "\n").encode(), "没有内容"),
        ((",".join(HEADINGS) + "\n" + "x\n" * 400).encode(), "一次最多导入 200 行"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_in_one_sentence(client: FlaskClient, yard: Yard, content: bytes, words: str) -> None:
    answer = send(client, content, "a.csv")
    assert answer.status_code in (413, 422)
    assert words in answer.text
    assert yard.count() == 0


def test_merged_cells_and_dates_of_xlsx(yard: Yard) -> None:
    rows = [yard.row(day=date(2026, 11, 22)), yard.row(member_no=Merged("1", 2)), yard.row(member_no=None)]
    sheet = read_sheet(make_sheet(rows, HEADINGS), LAYOUT)
    assert sheet.rows[0].cells["day"] == "2026-11-22"
    assert any("合并单元格" in fault.message for fault in sheet.faults)


def test_the_template_is_taken_back_empty_and_names_no_one(client: FlaskClient, yard: Yard) -> None:
    content = client.get("/cooperative/imports/template.xlsx").data
    book = CalamineWorkbook.from_filelike(io.BytesIO(content))
    assert book.get_sheet_by_index(0).to_python()[0] == HEADINGS
    members = book.get_sheet_by_index(2).to_python()
    assert members[1][0] == "1"
    assert "**" in members[1][1]
    assert yard.households[0].head_name not in str(members)
    assert "没有内容" in send(client, content).text


def test_the_moment_of_a_day(yard: Yard) -> None:
    at = datetime.fromisoformat("2026-11-22T02:00:00+00:00")  # ten in the morning in China
    cells = {column.key: "" for column in COLUMNS} | {"unit": "公斤"}
    for day, moment in (("2026-11-22", "2026-11-22T02:00:00+00:00"), ("2026/11/21", "2026-11-21T12:00:00+08:00")):
        told, errors = day_sheet.read_form(cells | {"day": day}, at)
        assert (told["happened_at"], errors) == (moment, [])
    assert day_sheet.read_form(cells | {"day": "2026-02-30"}, at)[1][0].field == "day"


@pytest.fixture
def folder(yard: Yard) -> FileStore:
    """Where uploaded tables lie."""
    return yard.store


def list_files(store: FileStore) -> list[str]:
    return store.list_older(clock.now() + timedelta(days=1))


def age(store: FileStore, by: timedelta) -> None:
    for path in store.folder.glob("??/*"):
        os.utime(path, times=(moment := (clock.now() - by).timestamp(), moment))


def test_only_a_table_with_faults_is_kept_and_that_for_a_week(client: FlaskClient, yard: Yard, folder: FileStore) -> None:
    send(client, make_sheet([yard.row()], HEADINGS), "好.xlsx")
    age(folder, timedelta(hours=2))
    tasks.clear_sheets()
    assert list_files(folder) == [], "the file of what was taken in is not kept"
    content = make_sheet([yard.row(quantity="0")], HEADINGS)
    send(client, content, "坏.xlsx")
    faulty = yard.session.scalars(select(DaySheet).where(DaySheet.digest.is_not(None))).one()
    assert list_files(folder) == [faulty.digest]
    page = f"/cooperative/imports/{faulty.id}"
    orphan = folder.keep(b"left behind by a crash").digest
    age(folder, timedelta(hours=2))
    fresh = folder.keep(b"just being sent").digest
    tasks.clear_sheets()
    assert set(list_files(folder)) == {faulty.digest, fresh}
    assert orphan not in list_files(folder)
    yard.session.execute(update(DaySheet).values(at=clock.now() - timedelta(days=7, minutes=1)))
    age(folder, timedelta(days=8))
    for _ in range(2):
        tasks.clear_sheets()
    assert (list_files(folder), client.get(page).status_code, client.get(f"{page}/marked.xlsx").status_code) == ([], 404, 404)
    assert yard.session.scalar(select(func.count()).select_from(DaySheet)) == 1, "that rows were taken in stays noted"


def test_a_file_sent_again_begins_its_week_anew(client: FlaskClient, yard: Yard, folder: FileStore) -> None:
    content = make_sheet([yard.row(quantity="0")], HEADINGS)
    send(client, content)
    yard.session.execute(update(DaySheet).values(at=clock.now() - timedelta(days=8)))
    age(folder, timedelta(days=8))
    send(client, content)
    tasks.clear_sheets()
    kept = yard.session.scalars(select(DaySheet)).one()
    assert client.get(f"/cooperative/imports/{kept.id}/marked.xlsx").status_code == 200


def test_tables_go_with_an_erased_household_of_the_cooperative(
    client: FlaskClient, yard: Yard, folder: FileStore, at: datetime
) -> None:
    send(client, make_sheet([yard.row()], HEADINGS), "王示例.xlsx")
    send(client, make_sheet([yard.row(member_no="王示例")], HEADINGS))
    elsewhere, household = make_household(yard.session, make_organization(yard.session)), yard.households[0]
    for kind, subject, gone in (
        (SubjectKind.PERSON, household, False), (SubjectKind.HOUSEHOLD, elsewhere, False), (SubjectKind.HOUSEHOLD, household, True),
    ):  # fmt: skip
        erasing.forget_tables(yard.session, SubjectErased(kind, subject.id, "request", at))
        age(folder, timedelta(hours=2))
        tasks.clear_sheets()
        names = "".join(yard.session.scalars(select(DaySheet.file_name)))
        said = str(yard.session.scalars(select(DaySheet.faults)).all())
        assert (list_files(folder) == [], "王示例" not in names, "王示例" not in said) == (gone, gone, gone)


def test_the_same_form_sent_again_is_one_job_and_after_a_rule_was_mended_it_is_tried_anew(client: FlaskClient, yard: Yard) -> None:
    content, key = make_sheet([yard.row(member_no="3")], HEADINGS), form()["idempotency_key"]
    paths = {upload(client, content, key=key).location for _ in range(2)}
    assert len(paths) == 1
    (path,) = paths
    tasks.take_in_waiting()
    assert "没有社员编号“3”" in client.get(path).text
    make_household(yard.session, yard.cooperative)
    for button in (form(), form()):  # pressed twice: the second time it is under way already
        answer = client.post(f"{path}/again", data=button)
    assert answer.status_code == 409
    tasks.take_in_waiting()
    assert "已收 1 笔货" in client.get(path).text
    assert yard.count() == 1


def test_others_import_nothing(client: FlaskClient, yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger = make_actor(yard.session, Role.clerk)
    with pytest.raises(Forbidden):
        yard.ask([yard.row()], stranger)
    kept = yard.ask([yard.row(quantity="0")])
    tasks.take_in_waiting()
    act_as(yard.app, stranger)
    assert client.post(f"/cooperative/imports/{kept.id}/again", data=form()).status_code == 404
    with pytest.raises(Forbidden):
        importing.import_again(yard.session, stranger, kept, at=clock.now())
    monkeypatch.setattr(Actor, "must", lambda *_: None)
    yard.ask([yard.row()], stranger)
    tasks.take_in_waiting()
    assert yard.count() == 1, "with the guard off a stranger's table is taken"
    assert imports.SHOWN == 100


def test_what_waits_and_what_a_cooperative_sent_is_found_by_an_index(yard: Yard) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(yard.session.get_bind(), "before_cursor_execute", listen)
    importing.list_waiting(yard.session, clock.now())
    queries.list_sheets(yard.session, yard.cooperative.id)
    event.remove(yard.session.get_bind(), "before_cursor_execute", listen)
    yard.session.execute(text("SET LOCAL enable_seqscan = off"))
    plans = [str(yard.session.connection().exec_driver_sql(f"EXPLAIN {statement}", values).all()) for statement, values in asked]
    assert ["ix_cooperative_day_sheet_under_way" in plans[0], "ix_cooperative_day_sheet_organization_id" in plans[1]] == [
        True,
        True,
    ]
