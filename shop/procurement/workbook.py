"""The empty list of recipients a buying organisation downloads, pure."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import xlsxwriter

from kernel.money import Money
from kernel.workbook import HEAD, OPTIONS
from shop.procurement.spreadsheet import COLUMNS, MAX_ROWS


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
