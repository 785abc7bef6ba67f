"""The digits follow from the row and the secret, and from nothing a table holds."""

from __future__ import annotations

from uuid import UUID, uuid4

from shop.accounts.one_time_code import derive, is_right

ROW = UUID("01938c5e-0000-7000-8000-000000000001")


def test_the_same_row_gives_the_same_digits() -> None:
    code = derive("secret", ROW, "13800138000")
    assert len(code) == 6
    assert code.isdigit()
    assert code == derive("secret", ROW, "13800138000")


def test_another_secret_row_or_contact_gives_others() -> None:
    known = derive("secret", ROW, "13800138000")
    others = [derive("other", ROW, "13800138000"), derive("secret", ROW, "13800138001"), derive("secret", uuid4(), "13800138000")]
    assert others.count(known) < 2, "two of three by chance: one in a million millions"


def test_digits_are_spread_evenly() -> None:
    first = [derive("secret", UUID(int=number), "a@example.cn")[0] for number in range(5_000)]
    assert all(400 < first.count(digit) < 600 for digit in "0123456789")


def test_blanks_and_full_width_digits_are_forgiven() -> None:
    assert is_right("012345", " 012 345 ")
    assert is_right("012345", "０１２３４５")
    assert not is_right("012345", "12345")
    assert not is_right("012345", "")
    assert not is_right("012345", "\ud800")
