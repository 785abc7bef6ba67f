"""The list of recipients a buying organisation fills in: its columns, and a file of it read. Pure."""

from __future__ import annotations

from kernel.errors import Term
from kernel.spreadsheet import Column, Fault, Layout, Sheet, SheetRow
from kernel.spreadsheet import read_sheet as read_table

__all__ = ["COLUMNS", "LAYOUT", "MAX_ROWS", "Fault", "Sheet", "SheetRow", "read_sheet"]

MAX_ROWS = 1000
COLUMNS = (
    Column("recipient", "收货人", "Recipient", width=18),
    Column("phone", "手机号", "Phone", width=18),
    Column("province_code", "省份", "Province", width=18),
    Column("city", "城市", "City", width=14),
    Column("district", "区县", "District", required=False, width=14),
    Column("street", "详细地址", "Street", width=36),
    Column("product", "货号或条码", "SKU or GTIN", width=22),
    Column("boxes", "盒数", "Boxes", width=12),
)
LAYOUT = Layout(COLUMNS, Term("表格里没有内容。请从第 2 行开始，一行填一个人的一种商品。"), MAX_ROWS)


def read_sheet(content: bytes) -> Sheet:
    """Rows and faults of form. Raises as ``kernel.spreadsheet.read_sheet``."""
    return read_table(content, LAYOUT)
