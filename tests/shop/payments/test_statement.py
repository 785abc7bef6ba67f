"""Whatever a bank calls CSV becomes rows, and nothing in a cell is ever more than text."""

from __future__ import annotations

from datetime import date

import pytest

from kernel.errors import Invalid, TooLarge
from shop.payments import statement
from shop.payments.statement import StatementRow, read_statement

PLAIN = "日期,金额,付款人,附言\n2026-11-22,100.00,示例单位,SH-00012-34587\n"


def one(text: str, encoding: str = "utf-8") -> StatementRow:
    (row,) = read_statement(text.encode(encoding))
    return row


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_encodings(encoding: str) -> None:
    row = one(PLAIN, encoding)
    assert (row.booked_on, row.amount_fen, row.payer, row.memo) == (date(2026, 11, 22), 10_000, "示例单位", "SH-00012-34587")


@pytest.mark.parametrize(
    "text",
    [
        PLAIN.replace("\n", "\r\n"),
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", ";"),
        "示例银行\n账号,6222\n\n" + PLAIN,
        '"交易日期","贷方金额(元)","对方户名","摘要"\n"20261122","100.00","示例单位","SH-00012-34587"\n',
        "交易时间,收入金额,对方名称,用途,流水号\n2026/11/22 08:30:00,¥100,示例单位,SH-00012-34587,0001\n",
        "日期,借贷标志,金额,付款人,附言\n2026年11月22日,贷,100.00,示例单位,SH-00012-34587\n",
        '日期,金额,付款人,附言\n2026-11-22,"100.00",示例单位,"=""SH-00012-34587"""\n',
        "日期,金额,付款人,附言\n2026-11-22,+100.00元,示例单位,'SH-00012-34587\n",
        "日期,金额,付款人,摘要,附言\n2026-11-22,100.00,示例单位,,SH-00012-34587\n",
    ],
)
def test_habits_of_banks(text: str) -> None:
    row = one(text)
    assert (row.booked_on, row.amount_fen, row.payer, row.memo) == (date(2026, 11, 22), 10_000, "示例单位", "SH-00012-34587")


@pytest.mark.parametrize(
    ("amount", "fen"),
    [
        ("1234.5", 123_450), ("0.01", 1), ("-5.00", -500), ("", 0), ("0.00", 0), ("１００.００", 10_000), ("12.3400", 1_234),
        ("=1+1", None), ("1e3", None), ("12.345", None), ("abc", None), ("--1", None), ("∞", None), ("٣", None), ('=HYPERLINK("x")', None),
    ],
)  # fmt: skip
def test_amounts(amount: str, fen: int | None) -> None:
    assert statement._fen(amount) == fen


@pytest.mark.parametrize("day", ["2026-13-01", "昨天", "=TODAY()", "", "22/11/2026"])
def test_unreadable_days(day: str) -> None:
    assert one(PLAIN.replace("2026-11-22", day)).booked_on is None


@pytest.mark.parametrize("mark", ["借", "支出", "D"])
def test_money_that_left_is_negative(mark: str) -> None:
    assert one(f"日期,借贷标志,金额,付款人,附言\n2026-11-22,{mark},100.00,示例单位,x\n").amount_fen == -10_000


def test_formulas_stay_text() -> None:
    row = one("日期,金额,付款人,附言\n2026-11-22,1.00,\"=cmd|' /C calc'!A0\",@SUM(A1)\n")
    assert (row.payer, row.memo) == ("=cmd|' /C calc'!A0", "@SUM(A1)")


def test_equal_lines_are_told_apart_and_found_again() -> None:
    content = (PLAIN + "2026-11-22,100.00,示例单位,SH-00012-34587\n").encode()
    first, second = (row.fingerprint("seller") for row in read_statement(content))
    assert first != second
    assert [row.fingerprint("seller") for row in read_statement(content.decode().encode("gbk"))] == [first, second]
    assert read_statement(content)[0].fingerprint("other") != first


@pytest.mark.parametrize(
    "content",
    [b"\x00\x01\x02", b"PK\x03\x04\x14\x00\x06\x00\x08\x00", b"hello", "姓名,电话\n王,1\n".encode(), b'"', b"\xff\xfe\x00"],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        read_statement(content)
    assert refused.value.field == "file"


def test_too_many_rows() -> None:
    with pytest.raises(TooLarge):
        read_statement((PLAIN + "2026-11-22,1.00,a,b\n" * statement.MAX_ROWS).encode())


def test_no_rows() -> None:
    assert read_statement("日期,金额\n\n".encode()) == []
