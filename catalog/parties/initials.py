"""The first letters of a name in pinyin, pure: 曾志强 → zzq. How a clerk finds a household with three keys.

A family name is often read otherwise than the same character elsewhere; those readings are in the dictionaries (现代汉语词典), not in the
tables of pinyin.
"""

from __future__ import annotations

SURNAMES = {
    "曾": "z", "单": "s", "解": "x", "仇": "q", "查": "z", "区": "o", "覃": "q", "乐": "y", "秘": "b", "种": "c", "折": "s", "翟": "z",
    "句": "g", "祭": "z", "阚": "k", "佴": "n", "乜": "n", "召": "s", "繁": "p", "隗": "w",
}  # fmt: skip


def initials_of(name: str) -> str:
    """Lower-case letters, one for each syllable; what has no sound (dots, blanks) is left out."""
    from pypinyin import Style, lazy_pinyin  # a large dictionary: only who registers households loads it

    letters = "".join(lazy_pinyin(name, style=Style.FIRST_LETTER)).lower()
    first = SURNAMES.get(name[:1])
    return "".join(letter for letter in (first + letters[1:] if first else letters) if letter.isalnum())
