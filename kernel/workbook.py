"""Workbooks we hand out, pure: plain tables, one a sheet; and a stranger's table given back with its faults marked.

Every text is written as a text, never as a formula, a link or a number.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range

from kernel.clock import to_shanghai
from kernel.money import Money
from kernel.spreadsheet import FAULTS, Fault, Layout, open_sheet

BAD = "#fbe8e5"
MIME = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OPTIONS = {
    "in_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
    "nan_inf_to_errors": True,
}
HEAD = {
    "bold": True,
    "bg_color": "#e1efea",
    "font_color": "#15201d",
    "bottom": 1,
    "bottom_color": "#dbe3de",
    "text_wrap": True,
    "valign": "top",
}


@dataclass(frozen=True)
class Table:
    """One sheet of a plain workbook: name, headings, rows of text, numbers, Money, days and moments."""

    name: str
    headings: Sequence[str]
    rows: Sequence[Sequence[object]]


def write_book(tables: Sequence[Table]) -> bytes:
    """A workbook of plain tables, one sheet each."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, OPTIONS) as book:
        head, text = book.add_format(HEAD), book.add_format({"text_wrap": True, "valign": "top"})
        money = book.add_format({"num_format": "#,##0.00", "valign": "top"})
        for table in tables:
            sheet = book.add_worksheet(table.name[:31])
            for place, heading in enumerate(table.headings):
                sheet.write_string(0, place, heading, head)
                longest = max((len(str(row[place])) for row in table.rows if place < len(row)), default=0)
                sheet.set_column(place, place, min(max(len(heading) * 2 + 2, longest + 4, 10), 60))
            for row, cells in enumerate(table.rows, start=1):
                for place, cell in enumerate(cells):
                    write_cell(sheet, row, place, cell, money if isinstance(cell, Money) else text)
            sheet.freeze_panes(1, 0)
            if table.rows:
                sheet.autofilter(xl_range(0, 0, len(table.rows), len(table.headings) - 1))
    return out.getvalue()


def write_csv(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """One plain table in UTF-8 with a BOM, which spreadsheet programs ask for. A text they would take for a formula gets a quote before."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(headings)
    for cells in rows:
        writer.writerow(
            [f"'{cell}" if isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t")) else cell for cell in cells]
        )
    return out.getvalue().encode("utf-8-sig")


def write_cell(sheet: Any, row: int, place: int, cell: object, style: Any) -> None:
    """One cell, by type; what has no place in a cell as its text."""
    if isinstance(cell, Money):
        sheet.write_number(row, place, cell.to_decimal(), style)
    elif isinstance(cell, bool) or cell is None:
        sheet.write_string(row, place, "" if cell is None else str(cell).upper(), style)
    elif isinstance(cell, float) and cell.is_integer() and abs(cell) < 10**15:
        # A phone number typed as a number comes back as its digits, not as 1.38E+10.
        sheet.write_string(row, place, str(int(cell)), style)
    elif isinstance(cell, (int, float, Decimal)):
        sheet.write_number(row, place, cell, style)
    elif isinstance(cell, datetime):
        moment = to_shanghai(cell) if cell.tzinfo else cell
        sheet.write_string(row, place, f"{moment:%Y-%m-%d %H:%M}", style)
    elif isinstance(cell, (date, timedelta)):
        sheet.write_string(row, place, str(cell), style)
    else:
        sheet.write_string(row, place, str(cell)[:32_000], style)


def mark_faults(content: bytes, faults: Iterable[Fault], say: Callable[[Fault], str], layout: Layout) -> bytes:
    """The same table with each faulty cell coloured and, in a last column, what is wrong in each row. Raises as ``open_sheet``."""
    raw = open_sheet(content, layout)
    places = layout.find_columns(raw.grid)
    by_row: dict[int, list[Fault]] = defaultdict(list)
    for fault in faults:
        by_row[fault.row - 1].append(fault)
    kept = [place for place in range(max((len(row) for row in raw.grid), default=0)) if places.get(place) != FAULTS.key]
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, OPTIONS) as book:
        styles = {
            "head": book.add_format(HEAD),
            "bad": book.add_format({"bg_color": BAD, "num_format": "@"}),
            "": book.add_format({"num_format": "@"}),
            "why": book.add_format({"bg_color": BAD, "text_wrap": True, "valign": "top"}),
        }
        sheet = book.add_worksheet()
        widths = {column.key: column.width for column in layout.columns}
        for new, old in enumerate(kept):
            sheet.set_column(new, new, widths.get(places.get(old, ""), 14))
        sheet.set_column(len(kept), len(kept), FAULTS.width)
        for index, cells in enumerate(raw.grid):
            found = by_row.get(index, [])
            bad = {fault.column for fault in found}
            for new, old in enumerate(kept):
                style = "head" if index == 0 else "bad" if places.get(old, "-") in bad else ""
                write_cell(sheet, index, new, cells[old] if old < len(cells) else "", styles[style])
            if index == 0:
                sheet.write_string(0, len(kept), FAULTS.heading, styles["head"])
            elif found:
                sheet.write_string(index, len(kept), "\n".join(dict.fromkeys(say(fault) for fault in found)), styles["why"])
        sheet.freeze_panes(1, 0)
    return out.getvalue()
