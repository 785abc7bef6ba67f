"""First letters of names (catalog.parties.initials)."""

from __future__ import annotations

import pytest

from catalog.parties import initials


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("马秀英", "mxy"),
        ("曾志强", "zzq"),
        ("单雄信", "sxx"),
        ("欧阳安", "oya"),
        ("买买提·艾山", "mmtas"),
        ("吕 布", "lb"),
        ("Ali", "ali"),
    ],
)
def test_letters_as_people_say_the_name(name: str, letters: str) -> None:
    assert initials.initials_of(name) == letters


def test_without_the_surnames_it_would_be_another_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(initials, "SURNAMES", {})
    assert initials.initials_of("单雄信") != "sxx"
