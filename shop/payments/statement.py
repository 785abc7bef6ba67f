"""Bank statements (对账单) as rows: what a bank's CSV says, whatever its encoding, preamble, column names and habits. Pure.

Nothing in a cell is ever run: a formula stays the text it is, except Excel's way of writing text, ``="0012"``, which is unwrapped.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from kernel.errors import Invalid, TooLarge

MAX_ROWS = 10_000
HEAD_WITHIN = 30

COLUMNS = {
    "booked_on": ("日期", "交易日期", "记账日期", "入账日期", "交易时间", "DATE"),
    "amount": ("金额", "交易金额", "贷方金额", "贷方发生额", "收入金额", "收入", "发生额", "AMOUNT"),
    "payer": ("付款人", "付款方", "对方户名", "对方名称", "对方账户名称", "付方户名", "付款人名称", "户名", "PAYER"),
    "memo": ("附言", "摘要", "用途", "备注", "交易附言", "MEMO"),
    "serial": ("流水号", "交易流水号", "凭证号", "SERIAL"),
    "direction": ("借贷标志", "借贷", "收支", "收/支", "借/贷", "DIRECTION"),
}
_OUTWARD = ("借", "支", "出", "D", "OUT")
_DATE = re.compile(r"(\d{4})\s*[-/.年]?\s*(\d{1,2})\s*[-/.月]?\s*(\d{1,2})(?!\d)")
_TEXT_FORMULA = re.compile(r'="(.*)"', re.DOTALL)


@dataclass(frozen=True)
class StatementRow:
    """One line as the bank wrote it. ``booked_on`` or ``amount_fen`` is None when it cannot be read; ``number`` is the line in the file.

    ``serial`` is the bank's own number of the entry, or its place among equal lines of the same file.
    """

    number: int
    booked_on: date | None
    amount_fen: int | None
    payer: str
    memo: str
    serial: str

    def fingerprint(self, seller: str) -> str:
        """The same for the same entry in any later file of the same seller."""
        parts = (seller, str(self.booked_on), str(self.amount_fen), self.payer, self.memo, self.serial)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()


def read_statement(content: bytes) -> list[StatementRow]:
    """All rows under the head line. Raises Invalid when it is no such file, TooLarge beyond ``MAX_ROWS``."""
    table = _table(_decode(content))
    head, places = _find_head(table)
    body = [(number, cells) for number, cells in table if number > head and any(cells)]
    if len(body) > MAX_ROWS:
        raise TooLarge("一次最多导入 %(limit)s 行，请按日期分成几个文件。", params={"limit": MAX_ROWS}, field="file")
    seen: Counter[tuple[str, ...]] = Counter()
    return [_row(number, cells, places, seen) for number, cells in body]


def _decode(content: bytes) -> str:
    """UTF-8 with or without a byte order mark, UTF-16 with one, else GB 18030 (which holds GBK)."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings: tuple[str, ...] = ("utf-16",)
    else:
        encodings = ("utf-8-sig", "gb18030")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Invalid("这个文件不是 CSV 文本。请在网银里导出 CSV，或用表格软件另存为 CSV 再上传。", field="file")


def _table(text: str) -> list[tuple[int, list[str]]]:
    """Cells by line number; the separator is the one that makes a head line."""
    for separator in (",", "\t", ";"):
        lines = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
        try:
            table = [(lines.line_num, [_cell(cell) for cell in cells]) for cells in lines]
        except csv.Error:
            continue
        if _head_of(table) is not None:
            return table
    raise Invalid("没有找到表头。表里要有“日期”“金额”“付款人”“附言”这几列。", field="file")


def _cell(text: str) -> str:
    text = text.strip()
    if written := _TEXT_FORMULA.fullmatch(text):
        text = written[1].replace('""', '"').strip()
    return "".join(c for c in text.removeprefix("'") if c.isprintable())[:500]


def _head_of(table: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[str, list[int]]] | None:
    for number, cells in table[:HEAD_WITHIN]:
        names = [re.sub(r"[\s(].*", "", unicodedata.normalize("NFKC", cell)).upper() for cell in cells]
        places = {key: [names.index(name) for name in wanted if name in names] for key, wanted in COLUMNS.items()}
        if places["booked_on"] and places["amount"]:
            return number, places
    return None


def _find_head(table: Sequence[tuple[int, list[str]]]) -> tuple[int, dict[str, list[int]]]:
    found = _head_of(table)
    assert found is not None
    return found


def _row(number: int, cells: list[str], places: dict[str, list[int]], seen: Counter[tuple[str, ...]]) -> StatementRow:
    def texts(key: str) -> list[str]:
        return [cells[place] for place in places[key] if place < len(cells) and cells[place]]

    booked_on, amount = _date("".join(texts("booked_on")[:1])), _fen("".join(texts("amount")[:1]))
    if amount and "".join(texts("direction")[:1]).upper().startswith(_OUTWARD):
        amount = -abs(amount)
    payer, memo = "".join(texts("payer")[:1]), " ".join(dict.fromkeys(texts("memo")))
    serial = "".join(texts("serial")[:1])
    if not serial:
        same = (str(booked_on), str(amount), payer, memo)
        seen[same] += 1
        serial = f"#{seen[same]}"
    return StatementRow(number, booked_on, amount, payer, memo, serial)


def _date(text: str) -> date | None:
    found = _DATE.match(unicodedata.normalize("NFKC", text))
    try:
        return date(int(found[1]), int(found[2]), int(found[3])) if found else None
    except ValueError:
        return None


def _fen(text: str) -> int | None:
    """Fen from "1,234.50", "¥1,234.5" or "+100", 0 for an empty cell; None for anything else, a formula or a tenth of a fen among it."""
    if not text:
        return 0
    text = re.sub(r"[\s,¥元]|CNY|RMB", "", unicodedata.normalize("NFKC", text).upper())
    if not re.fullmatch(r"[+-]?\d{1,13}(\.\d{1,4})?", text, re.ASCII):
        return None
    try:
        fen = Decimal(text) * 100
    except InvalidOperation:
        return None
    return int(fen) if fen == int(fen) else None
