"""Tables of strangers, pure: bytes to rows of text, and what cannot be taken as it is. ``kernel/workbook.py`` gives them back marked.

An .xlsx, or where the door says so a .csv in UTF-8, UTF-16 or GB 18030 (GBK), as spreadsheet programs save it. A spreadsheet is a
stranger's file: its size unpacked, its extent, its formulas and merged cells are looked at before a cell is believed. Everything is
read as text, and written as text: what begins with "=" is never a formula in a file of ours.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook

from kernel.errors import Invalid, TooLarge

MAX_COLUMNS = 60
MAX_UNPACKED = 60 * 1024 * 1024
_PLACE = re.compile(rb"<(?:\w+:)?(c|row)\b([^>]*?)(/?)>(\s*<(?:\w+:)?f\b)?")
_REFERENCE = re.compile(rb"\br=[\"']([A-Z]{0,3})([0-9]{1,10})[\"']")
_FIRST_SHEET = re.compile(rb'<(?:\w+:)?sheet\b[^>]*?\br:id="([^"]+)"')
# What zipfile and its decompressors say to a damaged, locked or strangely packed archive, and calamine to what is in it.
_BROKEN = (CalamineError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, KeyError, IndexError, ValueError, OSError)
_EXACT = 10**15  # a double keeps fifteen digits: beyond, a number typed as a number has lost some


@dataclass(frozen=True)
class Column:
    """A column of the table: its key here, its headings (Chinese, English), and how it looks in the template."""

    key: str
    zh: str
    en: str
    required: bool = True
    width: int = 14
    day: bool = False  # a date typed as a date is taken, as 2026-11-22

    @property
    def heading(self) -> str:
        """What stands in the template."""
        return f"{self.zh} {self.en}{' *' if self.required else ''}"


FAULTS = Column("faults", "问题", "Problems", required=False, width=60)


def _tidy_heading(cell: object) -> str:
    return re.sub(r"[\s*＊]+", "", unicodedata.normalize("NFKC", str(cell))).lower()


@dataclass(frozen=True)
class Layout:
    """The table a door takes: its columns, how many rows at most, and the msgid for a file without any."""

    columns: tuple[Column, ...]
    nothing: str
    max_rows: int = 1000
    csv: bool = False

    def find_columns(self, grid: Sequence[Sequence[Any]]) -> dict[int, str]:
        """Column index → key, as far as the headings are known."""
        known = {
            _tidy_heading(name): column.key for column in (*self.columns, FAULTS) for name in (column.zh, column.en, column.heading)
        }
        return {place: key for place, cell in enumerate(grid[0] if grid else []) if (key := known.get(_tidy_heading(cell)))}


@dataclass(frozen=True)
class Fault:
    """What is wrong in one row (numbered as in the spreadsheet), in one column or (None) in the row as a whole; ``message`` is a msgid."""

    row: int
    column: str | None
    message: str
    params: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class SheetRow:
    """One row: its number in the spreadsheet and its cells as tidy text by column key."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class Sheet:
    """What a file holds: its rows in order, and the faults of form found while reading."""

    rows: tuple[SheetRow, ...]
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class RawSheet:
    """The first sheet as calamine gives it, from row 1 and column A on."""

    grid: list[list[Any]]
    formulas: frozenset[tuple[int, int]]
    merged: tuple[tuple[tuple[int, int], tuple[int, int]], ...]


def open_sheet(content: bytes, layout: Layout) -> RawSheet:
    """The first sheet of an .xlsx, or a .csv. Raises Invalid (not one, empty, damaged) and TooLarge (a bomb, too many rows)."""
    if layout.csv and not content.startswith((b"PK", b"\xd0\xcf")):
        return _open_csv(content, layout.max_rows)
    try:
        plain = _unpack(content)
        formulas = _inspect(plain, layout.max_rows)
        sheet = CalamineWorkbook.from_filelike(io.BytesIO(plain)).get_sheet_by_index(0)
        grid = sheet.to_python(skip_empty_area=False)
        merged = tuple(sheet.merged_cell_ranges or ())
    except _BROKEN as error:
        raise Invalid("这个文件打不开。请用 Excel 或 WPS 另存为 .xlsx 后再上传。", field="file") from error
    return RawSheet(grid, frozenset(formulas), merged)


def _open_csv(content: bytes, max_rows: int) -> RawSheet:
    """Raises Invalid for bytes that are no text in any of these encodings."""
    marks = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
    for encoding in [marks[content[:2]]] if content[:2] in marks else ["utf-8-sig", "gb18030"]:
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        text = "\0"
    if "\0" in text:
        raise Invalid("这个文件打不开。请用 Excel 或 WPS 另存为 .xlsx 后再上传。", field="file")
    first = text.partition("\n")[0]
    delimiter = max(",\t;", key=first.count)
    try:
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        grid: list[list[Any]] = list(islice(lines, max_rows + 2))  # one too many is enough to know
    except csv.Error as error:
        raise Invalid("这个文件打不开。请用 Excel 或 WPS 另存为 .xlsx 后再上传。", field="file") from error
    if len(grid) > max_rows + 1 or any(len(row) > MAX_COLUMNS for row in grid):
        raise _too_many_rows(max_rows)
    formulas = {(row, place) for row, cells in enumerate(grid) for place, cell in enumerate(cells) if _calculates(cell)}
    return RawSheet(grid, frozenset(formulas), ())


def _calculates(cell: str) -> bool:
    """Whether a spreadsheet program would calculate this text (OWASP: CSV injection); a signed number is a number."""
    return cell.lstrip()[:1] in ("=", "@", "+", "-") and not re.fullmatch(r"\s*[+-][0-9.]+\s*", cell)


def _too_many_rows(max_rows: int) -> TooLarge:
    return TooLarge(
        "一次最多导入 %(rows)s 行。请分成几个文件，并删掉表格下方和右侧多余的内容。", params={"rows": max_rows}, field="file"
    )


def read_sheet(content: bytes, layout: Layout) -> Sheet:
    """Rows and faults of form. Raises Invalid when the file as a whole cannot be used: damaged, no rows, headings missing."""
    raw = open_sheet(content, layout)
    places = _find_columns(raw.grid, layout)
    rows, faults = [], []
    for index, cells in enumerate(raw.grid[1:], start=1):
        if all(cell == "" for place, cell in enumerate(cells) if places.get(place) != FAULTS.key):
            continue
        texts, wrong = _read_row(index, cells, places, raw.formulas, layout)
        rows.append(SheetRow(index + 1, texts))
        faults += wrong
    if not rows:
        raise Invalid(layout.nothing, field="file")
    return Sheet(tuple(rows), (*faults, *_merged_faults(raw.merged, places)))


def _find_columns(grid: Sequence[Sequence[Any]], layout: Layout) -> dict[int, str]:
    places = layout.find_columns(grid)
    found = list(places.values())
    missing = [column.zh for column in layout.columns if column.required and column.key not in found]
    twice = {column.zh for column in layout.columns if found.count(column.key) > 1}
    if missing:
        params = {"missing": "、".join(missing)}
        raise Invalid("第 1 行的表头少了：%(missing)s。请下载模板，不要改表头。", params=params, field="file")
    if twice:
        raise Invalid(
            "第 1 行的表头有重复：%(twice)s。请下载模板，不要改表头。", params={"twice": "、".join(sorted(twice))}, field="file"
        )
    return places


def _read_row(
    index: int, cells: list[Any], places: Mapping[int, str], formulas: Collection[tuple[int, int]], layout: Layout
) -> tuple[dict[str, str], list[Fault]]:
    texts, faults = {column.key: "" for column in layout.columns}, []
    days = {column.key for column in layout.columns if column.day}
    for place, key in places.items():
        if key == FAULTS.key or place >= len(cells):
            continue
        if (index, place) in formulas:
            faults.append(Fault(index + 1, key, CELL_TEXTS["formula"]))
            continue
        text, wrong = _read_cell(cells[place], day=key in days)
        texts[key] = text
        if wrong:
            faults.append(Fault(index + 1, key, wrong))
    required = {column.key for column in layout.columns if column.required} - {fault.column for fault in faults}
    faults += [Fault(index + 1, key, CELL_TEXTS["empty"]) for key in texts if key in required and not texts[key]]
    return texts, faults


# Why a cell cannot be taken as it is.
CELL_TEXTS = {
    "empty": "这一格必须填写。",
    "formula": "这一格是公式，请改成直接填写的内容（复制后选择性粘贴为“值”）。",
    "merged": "这里是合并单元格。请取消合并，每一行都填全。",
    "bool": "这一格是“是/否”值，请改成文字。",
    "date": "这一格是日期，请改成文字。",
    "long": "这么长的数字要先把单元格设成“文本”再填，否则后几位会变成 0。",
    "chars": "这一格有看不见的特殊字符或太长，请重新填写。",
}


def _read_cell(cell: object, *, day: bool) -> tuple[str, str | None]:
    """(text, None) or ("", what is wrong)."""
    if day and isinstance(cell, date):
        return f"{cell:%Y-%m-%d}", None
    if isinstance(cell, bool):
        return "", CELL_TEXTS["bool"]
    if isinstance(cell, (int, float)):
        if not abs(cell) < _EXACT:  # also what is no number at all
            return "", CELL_TEXTS["long"]
        return (str(int(cell)) if cell == int(cell) else repr(cell)), None
    if isinstance(cell, str):
        text = " ".join(unicodedata.normalize("NFKC", cell).split())
        return (text, None) if text.isprintable() and len(text) <= 200 else ("", CELL_TEXTS["chars"])
    return "", CELL_TEXTS["date"]


def _merged_faults(merged: Collection[tuple[tuple[int, int], tuple[int, int]]], places: Mapping[int, str]) -> list[Fault]:
    return [
        Fault(max(top, 1) + 1, places.get(left), CELL_TEXTS["merged"])
        for (top, left), (bottom, right) in merged
        if bottom >= 1 and any(place in places for place in range(left, right + 1))
    ]


def _unpack(content: bytes) -> bytes:
    """The same archive with nothing packed in it: a second reader gets what was measured here, not what the entries say of themselves.

    Raises TooLarge before anything big is unpacked, BadZipFile for an entry of another size than it says.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as archive, zipfile.ZipFile(out, "w") as plain:
        entries = archive.infolist()
        if sum(entry.file_size for entry in entries) > MAX_UNPACKED or len(entries) > 500:
            raise TooLarge("这个表格解开后太大了。请只留下要导入的那张表，另存后再传。", field="file")
        if len({entry.filename for entry in entries}) < len(entries):
            raise zipfile.BadZipFile("one name twice")
        for entry in entries:
            plain.writestr(entry.filename, archive.read(entry))
    return out.getvalue()


def _inspect(plain: bytes, max_rows: int) -> set[tuple[int, int]]:
    """Places of formulas in the first sheet. Raises TooLarge before anything big is read into a grid, BadZipFile, KeyError."""
    with zipfile.ZipFile(io.BytesIO(plain)) as archive:
        formulas: set[tuple[int, int]] = set()
        first = _first_sheet(archive)
        for name in archive.namelist():
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name):
                found = _scan(archive.read(name), max_rows)
                formulas |= found if name == first else set()
        return formulas


def _scan(xml: bytes, max_rows: int) -> set[tuple[int, int]]:
    """Places with a formula; refuses a sheet whose grid would be too large. A row or cell that does not say where it is, is the next."""
    formulas, row, column = set(), 0, -1
    for match in _PLACE.finditer(xml):
        said = _REFERENCE.search(match[2])
        if match[1] == b"row":
            row, column = int(said[2]) if said else row + 1, -1
        else:
            row, column = (int(said[2]), _column_index(said[1].decode())) if said else (row, column + 1)
        if row > max_rows + 1 or column >= MAX_COLUMNS:
            raise _too_many_rows(max_rows)
        if match[1] == b"c" and match[4] and not match[3]:
            formulas.add((row - 1, column))
    return formulas


def _column_index(letters: str) -> int:
    """A → 0, AA → 26; no letters (a row) → -1."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - 64
    return index - 1


def _first_sheet(archive: zipfile.ZipFile) -> str:
    """Path of the workbook's first sheet."""
    match = _FIRST_SHEET.search(archive.read("xl/workbook.xml"))
    if match is None:
        raise KeyError("sheet")
    wanted = re.escape(match[1])
    relations = archive.read("xl/_rels/workbook.xml.rels")
    for relation in re.findall(rb"<(?:\w+:)?Relationship\b[^>]*>", relations):
        if re.search(rb'\bId="' + wanted + rb'"', relation) and (target := re.search(rb'\bTarget="([^"]+)"', relation)):
            path = target[1].decode()
            return path.lstrip("/") if path.startswith("/") else f"xl/{path}"
    raise KeyError("sheet")
