"""Spreadsheets of strangers: what is read, what is refused, and the same file back with its faults marked."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Callable
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from kernel import spreadsheet
from kernel.errors import Invalid, Problem, TooLarge
from kernel.money import Money
from kernel.workbook import Table, mark_faults, write_book
from shop.procurement.spreadsheet import COLUMNS, LAYOUT, MAX_ROWS, Fault, read_sheet
from shop.procurement.workbook import make_template
from tests.factories.spreadsheets import HEADINGS, Formula, Merged, gift_row, make_sheet


def say(fault: Fault) -> str:
    return fault.message % fault.params if fault.params else fault.message


def grid(content: bytes, sheet: int = 0) -> list[list[object]]:
    return CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(sheet).to_python(skip_empty_area=False)


def test_rows_are_read_as_tidy_text() -> None:
    rows = [gift_row(1, phone=13800000001, boxes=2), [], gift_row(2, recipient="  王 　 示例 ", product=6901234567892)]
    sheet = read_sheet(make_sheet(rows))
    assert sheet.faults == ()
    assert [row.number for row in sheet.rows] == [2, 4], "an empty row keeps its number and is passed over"
    first, second = (row.cells for row in sheet.rows)
    assert (first["phone"], first["boxes"]) == ("13800000001", "2")
    assert (second["recipient"], second["product"]) == ("王 示例", "6901234567892")


def test_headings_may_be_chinese_or_english_in_any_order() -> None:
    headings = [column.zh if place % 2 else column.en.upper() for place, column in enumerate(COLUMNS)]
    order = [7, 0, 1, 2, 3, 4, 5, 6]
    row = gift_row(1)
    sheet = read_sheet(make_sheet([[row[i] for i in order] + ["备注"]], [headings[i] for i in order] + ["别的"]))
    assert sheet.rows[0].cells["recipient"] == "示例职工1"
    assert sheet.rows[0].cells["boxes"] == "1"


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        (Formula("=1+1", 2), "boxes"),
        (Formula('=HYPERLINK("http://evil.example","x")', "x"), "recipient"),
        (True, "boxes"),
        (date(2026, 11, 22), "street"),
        (1234567890123456789, "product"),
        ("长" * 201, "street"),
        ("a\u202eb", "recipient"),
        (None, "phone"),
        ("   ", "city"),
    ],
)
def test_a_cell_of_the_wrong_kind_is_named(cell: object, key: str) -> None:
    sheet = read_sheet(make_sheet([gift_row(1), gift_row(2, **{"product" if key == "product" else key: cell})]))
    assert [(fault.row, fault.column) for fault in sheet.faults] == [(3, key)]


def test_text_that_looks_like_a_formula_is_text() -> None:
    sheet = read_sheet(make_sheet([gift_row(1, recipient="=cmd|' /C calc'!A0")]))
    assert sheet.faults == ()
    assert sheet.rows[0].cells["recipient"].startswith("=cmd")


def test_merged_cells_are_named() -> None:
    rows = [gift_row(1, recipient=Merged("示例职工", 2)), [None, *gift_row(2)[1:]]]
    faults = read_sheet(make_sheet(rows)).faults
    assert (2, "recipient") in [(fault.row, fault.column) for fault in faults]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04 not a zip",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
        "收货人,手机号\n王,138".encode("gbk"),
        make_sheet([]),
        make_sheet([gift_row(1)], HEADINGS[:5]),
        make_sheet([gift_row(1)], ["随便", *HEADINGS[1:]]),
        make_sheet([[*gift_row(1), "王"]], [*HEADINGS, HEADINGS[0]]),
        make_sheet([gift_row(1)])[:-200],
    ],
    ids=["empty", "text", "half a zip", "old xls", "csv", "no rows", "few headings", "wrong heading", "heading twice", "cut off"],
)
def test_a_file_that_cannot_be_used_is_refused_in_a_sentence(content: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read_sheet(content)
    assert caught.value.field == "file"


def repacked(content: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """The same workbook with another first sheet."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, change(data) if name.endswith("sheet1.xml") else data)
    return out.getvalue()


def far_away() -> bytes:
    """Two cells a million rows apart: a grid of them would take all the memory there is."""
    distant = b"<row r='1048576'><c r='XFD1048576'><v>1</v></c></row></sheetData>"
    return repacked(make_sheet([gift_row(1)]), lambda sheet: sheet.replace(b"</sheetData>", distant))


def nowhere(rows: list[list[object]]) -> bytes:
    """A sheet whose rows and cells do not say where they are, as the standard allows: each is the next."""
    return repacked(make_sheet(rows), lambda sheet: re.sub(rb' r="[A-Z]*[0-9]+"', b"", sheet))


def flagged(offset: int, value: int) -> bytes:
    """A workbook whose directory says something else of its entries, two bytes at ``offset`` (APPNOTE.TXT 4.3.12)."""
    content = bytearray(make_sheet([gift_row(1)]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        place, entries = archive.start_dir, archive.infolist()
        for entry in entries:
            struct.pack_into("<H", content, place + offset, value)
            struct.pack_into("<H", content, entry.header_offset + offset - 2, value)
            place += 46 + sum(struct.unpack_from("<HHH", content, place + 28))
    return bytes(content)


def spoilt() -> bytes:
    """A workbook in whose first packed bytes a bit fell over."""
    content = bytearray(make_sheet([gift_row(1)]))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in archive.infolist():
            content[entry.header_offset + 30 + len(entry.filename)] = 0xFF
    return bytes(content)


@pytest.mark.parametrize(
    "content", [spoilt(), flagged(8, 1), flagged(10, 99), flagged(24, 7)], ids=["bits", "locked", "packed", "size"]
)
def test_an_archive_we_cannot_unpack_is_told_and_the_reader_never_sees_it(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "CalamineWorkbook", None)
    with pytest.raises(Invalid, match="打不开"):
        read_sheet(content)


def test_rows_that_do_not_say_where_they_are_count_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [row.number for row in read_sheet(nowhere([gift_row(1), gift_row(2)])).rows] == [2, 3]
    found = read_sheet(nowhere([gift_row(1), gift_row(2, boxes=Formula("=1+1", 2))])).faults
    assert [(fault.row, fault.column) for fault in found] == [(3, "boxes")]
    monkeypatch.setattr(spreadsheet, "CalamineWorkbook", None)
    with pytest.raises(TooLarge):
        read_sheet(nowhere([gift_row(number) for number in range(MAX_ROWS + 1)]))


def test_of_an_endless_csv_no_more_is_read_than_it_takes_to_know(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[object] = []
    reader = spreadsheet.csv.reader
    monkeypatch.setattr(spreadsheet.csv, "reader", lambda *a, **k: (read.append(row) or row for row in reader(*a, **k)))
    with pytest.raises(TooLarge):
        spreadsheet.open_sheet(b"a,b" + b"\n" * 100_000, spreadsheet.Layout((), "", max_rows=300, csv=True))
    assert len(read) == 302


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (61 * 1024 * 1024))
    return out.getvalue()


def test_too_large_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreadsheet, "CalamineWorkbook", None)
    for content in (far_away(), bomb(), make_sheet([gift_row(n) for n in range(MAX_ROWS + 1)])):
        with pytest.raises(TooLarge):
            read_sheet(content)


def test_without_the_scan_a_distant_cell_would_be_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unfolding(Exception):
        """The reader was let at it."""

    class Reader:
        @staticmethod
        def from_filelike(_file: object) -> None:
            raise Unfolding

    monkeypatch.setattr(spreadsheet, "CalamineWorkbook", Reader)
    monkeypatch.setattr(spreadsheet, "_scan", lambda xml, rows: set())
    with pytest.raises(Unfolding):
        read_sheet(far_away())


def test_without_the_formula_scan_a_formula_would_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    content = make_sheet([gift_row(1, boxes=Formula("=1+1", 2))])
    assert read_sheet(content).faults
    monkeypatch.setattr(spreadsheet, "_inspect", lambda plain, rows: set())
    assert read_sheet(content).faults == ()


def test_the_same_file_comes_back_with_its_faults() -> None:
    rows = [gift_row(1, phone=13800000001), gift_row(2, recipient="=1+1", boxes=2.5), gift_row(3)]
    faults = [Fault(3, "boxes", "盒数要是 1 到 %(most)s 的整数。", {"most": 10}), Fault(3, None, "这一行再看一下。")]
    marked = mark_faults(make_sheet(rows), faults, say, LAYOUT)
    cells = grid(marked)
    assert cells[0] == [*HEADINGS, "问题 Problems"]
    assert cells[1] == ["示例职工1", "13800000001", *gift_row(1)[2:7], "1", ""]
    assert cells[2][0] == "=1+1", "still text"
    assert cells[2][-1] == "盒数要是 1 到 10 的整数。\n这一行再看一下。"
    with zipfile.ZipFile(io.BytesIO(marked)) as archive:
        xml = archive.read("xl/worksheets/sheet1.xml").decode()
        assert "<f>" not in xml
        assert "FFFBE8E5" in archive.read("xl/styles.xml").decode()
    styles = [part.split('s="')[1].split('"')[0] for part in xml.split("<c ")[1:] if part.startswith('r="H')]
    assert len(set(styles)) == 3, "heading, faulty cell and the others look different"


def test_a_marked_file_can_be_mended_and_sent_again() -> None:
    marked = mark_faults(make_sheet([gift_row(1), gift_row(2)]), [Fault(2, "phone", "不对")], say, LAYOUT)
    again = read_sheet(marked)
    assert again.faults == ()
    assert [row.cells["recipient"] for row in again.rows] == ["示例职工1", "示例职工2"]
    assert len(grid(mark_faults(marked, [], say, LAYOUT))[0]) == len(HEADINGS) + 1, "one column of problems, not two"


def test_the_template_is_read_as_empty() -> None:
    template = make_template(["北京", "福建"], [("SKU-1", "苹果", "5kg/箱", Money(9_900))], ["每人一行"], ("名单", "商品", "说明"))
    assert grid(template)[0] == HEADINGS
    assert grid(template, 1) == [["SKU-1", "苹果", "5kg/箱", 99.0]]
    with pytest.raises(Invalid, match="没有内容"):
        read_sheet(template)


def test_tables_keep_text_as_text_and_money_as_numbers() -> None:
    at = datetime.fromisoformat("2026-11-22T02:00:00+00:00")
    book = write_book([Table("订单", ["号", "金额", "时间"], [["=A1", Money(12_345), at], ["0001", Money(0), None]])])
    assert grid(book) == [["号", "金额", "时间"], ["=A1", 123.45, "2026-11-22 10:00"], ["0001", 0.0, ""]]


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_at_all_break_it(noise: bytes) -> None:
    for content in (noise, b"PK\x03\x04" + noise):
        with pytest.raises(Problem):
            read_sheet(content)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(
            st.one_of(st.text(max_size=20), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(), st.dates()),
            min_size=8,
            max_size=8,
        ),
        min_size=1,
        max_size=4,
    )
)
def test_any_cells_are_read_or_refused(rows: list[list[object]]) -> None:
    try:
        sheet = read_sheet(make_sheet(rows))
    except Problem:
        return
    assert all(cell.isprintable() for row in sheet.rows for cell in row.cells.values())
    mark_faults(make_sheet(rows), sheet.faults, say, LAYOUT)
