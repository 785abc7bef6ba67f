"""The unified social credit code; the rule itself is tried against an oracle in documents/test_numbers.py."""

from __future__ import annotations

import pytest

from catalog.parties.uscc import USCC_ALPHABET, check_uscc, parse_uscc, uscc_check_character
from kernel.errors import Invalid

REAL = "91110000600037341L"


def test_a_right_code_is_tidied() -> None:
    assert parse_uscc(" 9111 0000 6000 3734 1l ") == REAL
    assert check_uscc(REAL)


def test_a_rural_collective_begins_with_a_letter() -> None:
    body = "N2640323MF0123456"
    assert parse_uscc(body + uscc_check_character(body)).startswith("N2")


@pytest.mark.parametrize("place", range(18))
def test_every_single_wrong_character_fails(place: int) -> None:
    other = USCC_ALPHABET[(USCC_ALPHABET.index(REAL[place]) + 1) % 31]
    with pytest.raises(Invalid):
        parse_uscc(REAL[:place] + other + REAL[place + 1 :])


def test_made_up_codes_pass_in_the_demo_only() -> None:
    assert parse_uscc("示例-USCC-000001", demo=True) == "示例-USCC-000001"
    with pytest.raises(Invalid):
        parse_uscc("示例-USCC-000001")
