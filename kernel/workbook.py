"""Workbooks we hand out, pure: plain tables, one a sheet.

Every text is written as a text, never as a formula, a link or a number.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_range

from kernel.clock import to_shanghai
from kernel.money import Money

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
