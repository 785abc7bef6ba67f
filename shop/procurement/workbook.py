"""Workbooks of a buying organisation, pure: the empty template, and a stranger's file with its faults marked."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import xlsxwriter

from kernel.money import Money
from kernel.workbook import HEAD, OPTIONS, write_cell
from shop.procurement.spreadsheet import COLUMNS, FAULTS, MAX_ROWS, Fault, find_columns, open_sheet

BAD = "#fbe8e5"


def make_template(
    provinces: Sequence[str], products: Iterable[tuple[str, str, str, Money]], notes: Sequence[str], names: tuple[str, str, str]
) -> bytes:
    """The table to fill in, a sheet of what can be bought (SKU, name, pack, price) and one of notes; ``names`` are the sheets'."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, OPTIONS) as book:
        head, text = book.add_format(HEAD), book.add_format({"num_format": "@"})
        sheet = book.add_worksheet(names[0][:31])
        for place, column in enumerate(COLUMNS):
            sheet.set_column(place, place, column.width, text if column.key != "boxes" else None)
            sheet.write_string(0, place, column.heading, head)
        sheet.freeze_panes(1, 0)
        keys = [column.key for column in COLUMNS]
        last, at = MAX_ROWS, keys.index("province_code")
        choices = book.add_worksheet(names[1][:31])
        sheet.data_validation(1, at, last, at, {"validate": "list", "source": list(provinces), "error_type": "warning"})
        at = keys.index("boxes")
        sheet.data_validation(1, at, last, at, {"validate": "integer", "criteria": "between", "minimum": 1, "maximum": 10_000})
        _fill(choices, book, products)
        notes_sheet = book.add_worksheet(names[2][:31])
        notes_sheet.set_column(0, 0, 90, book.add_format({"text_wrap": True}))
        for row, note in enumerate(notes):
            notes_sheet.write_string(row, 0, note)
    return out.getvalue()


def _fill(sheet: Any, book: Any, products: Iterable[tuple[str, str, str, Money]]) -> None:
    money = book.add_format({"num_format": "#,##0.00"})
    for place, width in enumerate((20, 40, 20, 14)):
        sheet.set_column(place, place, width)
    for row, (sku, name, pack, price) in enumerate(products):
        sheet.write_string(row, 0, sku)
        sheet.write_string(row, 1, name)
        sheet.write_string(row, 2, pack)
        sheet.write_number(row, 3, price.to_decimal(), money)


def mark_faults(content: bytes, faults: Iterable[Fault], say: Callable[[Fault], str]) -> bytes:
    """The same table with each faulty cell coloured and, in a last column, what is wrong in each row. Raises as ``open_sheet``."""
    raw = open_sheet(content)
    places = find_columns(raw.grid)
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
        widths = {column.key: column.width for column in COLUMNS}
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
