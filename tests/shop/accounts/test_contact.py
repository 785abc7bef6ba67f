"""What people type for a phone number or an address, and how it is kept."""

from __future__ import annotations

import pytest

from shop.accounts.contact import is_phone, mask_contact, parse_contact


@pytest.mark.parametrize(
    "typed",
    [
        "13800138000",
        " 138 0013 8000 ",
        "138-0013-8000",
        "+86 13800138000",
        "8613800138000",
        "008613800138000",
        "１３８００１３８０００",
    ],
)
def test_one_number_however_it_is_typed(typed: str) -> None:
    assert parse_contact(typed) == "13800138000"


@pytest.mark.parametrize("typed", ["a@example.cn", " A@Example.CN "])
def test_an_address_is_casefolded(typed: str) -> None:
    assert parse_contact(typed) == "a@example.cn"


@pytest.mark.parametrize(
    "typed",
    ["", "1380013800", "12800138000", "+1 13800138000", "a@b", "@example.cn", "a@example.cn\nBcc: b@example.cn", "a@@example.cn", "x" * 200 + "@example.cn"],
)  # fmt: skip
def test_anything_else_is_neither(typed: str) -> None:
    assert parse_contact(typed) is None


def test_masked_for_pages() -> None:
    assert (mask_contact("13800138000"), mask_contact("lihai@example.cn"), mask_contact("a@example.cn")) == (
        "138****8000", "li***@example.cn", "***@example.cn",
    )  # fmt: skip
    assert is_phone("13800138000")
    assert not is_phone("a@example.cn")
