"""Cells are texts, whatever they begin with."""

from __future__ import annotations

import io

import python_calamine

from kernel.workbook import Table, write_book


def test_a_formula_stays_text_and_numbers_stay_numbers() -> None:
    content = write_book([Table("批次", ["编号", "数"], [("=1+1", 3), ("http://x", 0), ("0012", 7)])])
    sheet = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(content)).get_sheet_by_index(0)
    assert sheet.to_python() == [["编号", "数"], ["=1+1", 3], ["http://x", 0], ["0012", 7]]
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        assert b"<f>" not in parts.read("xl/worksheets/sheet1.xml")
