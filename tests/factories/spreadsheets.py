"""Spreadsheets as people send them: any cell of any type, formulas and merged cells too."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import xlsxwriter

from shop.procurement.spreadsheet import COLUMNS

HEADINGS = [column.heading for column in COLUMNS]


@dataclass(frozen=True)
class Formula:
    """A cell that calculates."""

    text: str
    shows: object = 0


@dataclass(frozen=True)
class Merged:
    """A text over this cell and the ones below it."""

    text: str
    rows: int


def make_sheet(rows: Sequence[Sequence[object]], headings: Sequence[str] = HEADINGS) -> bytes:
    """An .xlsx with these headings and rows; text stays text, also when it begins with "="."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_numbers": False}) as book:
        sheet, day = book.add_worksheet("名单"), book.add_format({"num_format": "yyyy-mm-dd"})
        sheet.write_row(0, 0, headings)
        for row, cells in enumerate(rows, start=1):
            for place, cell in enumerate(cells):
                if isinstance(cell, Formula):
                    sheet.write_formula(row, place, cell.text, None, cell.shows)
                elif isinstance(cell, Merged):
                    sheet.merge_range(row, place, row + cell.rows - 1, place, cell.text)
                elif hasattr(cell, "isoformat"):
                    sheet.write_datetime(row, place, cell, day)
                elif cell is not None:
                    sheet.write(row, place, cell)
    return out.getvalue()


def gift_row(number: int, product: str = "SKU-1", boxes: object = 1, **over: object) -> list[object]:
    """One recipient's row."""
    cells: dict[str, object] = {
        "recipient": f"示例职工{number}",
        "phone": f"139{number:08d}",
        "province_code": "福建",
        "city": "福州市",
        "district": "鼓楼区",
        "street": f"示例路{number}号",
        "product": product,
        "boxes": boxes,
    }
    return list((cells | over).values())
