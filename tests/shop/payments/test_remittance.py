"""Codes survive what banks and people do to them, and find no other payment."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop.payments import remittance
from shop.payments.remittance import list_candidates, new_remittance_code, show_remittance_code

CODE = remittance._with_check(12_345)  # three leading zeros


def test_the_code() -> None:
    assert CODE == "SH0001234520"
    assert show_remittance_code(CODE) == "SH-00012-34520"
    assert all(len(new_remittance_code()) == 12 for _ in range(100))


@pytest.mark.parametrize(
    "memo",
    [
        "SH-00012-34520",
        "sh 00012 34520",
        "ＳＨ－０００１２－３４５２０",
        "货款SH-00012-34520食堂",
        "SH1234520",  # leading zeros lost (pretix#5853)
        "SH-12-34520 2026年11月",
        "SH00012345202026",  # a year ran into it
        "S H 0 0 0 1 2 3 4 5 2 0",
        "SHOOO12-34520",  # letter O for zero
        "SH—00012—34520",
        "SH:0001234520/示例单位",
        "SH.00012.34520",
    ],
)
def test_found_behind_its_letters(memo: str) -> None:
    found = list_candidates(memo)
    assert found[0].code == CODE
    assert found[0].marked


@pytest.mark.parametrize("memo", ["00012-34520", "货款 1234520 元", "0001234520", "2026-11-22 1234520"])
def test_found_as_a_bare_number(memo: str) -> None:
    assert [c.code for c in list_candidates(memo) if not c.marked] == [CODE]


@pytest.mark.parametrize("memo", ["", "货款", "SH", "SH-00012-34521", "13900000000", "SH-123", "PUSH 12", "SH-00021-34520"])
def test_nothing_found(memo: str) -> None:
    assert list_candidates(memo) == []


@given(st.integers(remittance.SMALLEST, remittance.LARGEST - 1), st.integers(0, 9), st.integers(0, 9))
def test_one_wrong_digit_finds_no_other(number: int, place: int, digit: int) -> None:
    code = remittance._with_check(number)
    digits = list(code[2:])
    if digits[place] == str(digit):
        return
    digits[place] = str(digit)
    wrong = "".join(digits)
    assert f"SH{wrong}" not in [c.code for c in list_candidates(f"SH{wrong}")]


@given(st.text(max_size=300))
def test_any_text_is_read(memo: str) -> None:
    for found in list_candidates(memo):
        assert int(found.code[2:]) % 97 == 1


def test_every_code_is_found_again() -> None:
    dice = random.Random(1)
    for _ in range(300):
        code = remittance._with_check(dice.randrange(remittance.SMALLEST, remittance.LARGEST))
        assert list_candidates(show_remittance_code(code))[0].code == code
        assert list_candidates(f"SH{code[2:].lstrip('0')}")[0].code == code
