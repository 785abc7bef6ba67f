"""Remittance codes (汇款识别码): short codes a payer quotes in a bank transfer, found again in what banks make of them.

``SH`` and ten digits, the last two a check by ISO 7064 MOD 97-10, so a slip of the finger finds no other payment. Banks and people drop
dashes, blanks, capitals and leading zeros; the check is over the number's value, so none of that matters.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from dataclasses import dataclass

PREFIX = "SH"
DIGITS = 10
# At most three leading zeros, so that at least seven digits are left when they get lost.
SMALLEST = 10_000
LARGEST = 10 ** (DIGITS - 2)

_GAP = r"[\s\-_.·:,/()+\u2010-\u2015\u2212]*"
_MARKED = re.compile(rf"S{_GAP}H{_GAP}((?:[0-9OIL]{_GAP})+)")
_BARE = re.compile(rf"(?<![0-9A-Z])[0-9](?:{_GAP}[0-9])*(?![0-9A-Z])")
_MISREAD = str.maketrans("OIL", "011")


@dataclass(frozen=True)
class Candidate:
    """A code a memo may mean. ``marked``: it stood behind the letters SH, so it can hardly be a date or a phone number."""

    code: str
    marked: bool


def new_remittance_code() -> str:
    """A fresh code, e.g. "SH0012345689". The column is unique; at a hundred thousand payments one in a thousand draws is taken."""
    return _with_check(SMALLEST + secrets.randbelow(LARGEST - SMALLEST))


def _with_check(number: int) -> str:
    return f"{PREFIX}{number:0{DIGITS - 2}d}{98 - number * 100 % 97:02d}"


def show_remittance_code(code: str) -> str:
    """As people copy it: "SH-00123-45689"."""
    return f"{code[:2]}-{code[2:7]}-{code[7:]}"


def list_candidates(memo: str) -> list[Candidate]:
    """Every code ``memo`` may quote, those behind SH first. Only codes with a right check are among them."""
    text = unicodedata.normalize("NFKC", memo).upper()
    found: dict[str, bool] = {}
    for match in _MARKED.finditer(text):
        digits = _digits(match[1].translate(_MISREAD))
        # What follows the code (a date, a phone number) may have run into it: the code is what its digits begin with.
        for length in range(min(len(digits), DIGITS), 6, -1):
            _add(found, digits[:length], marked=True)
    for match in _BARE.finditer(text):
        _add(found, _digits(match[0]), marked=False)
        for group in re.findall("[0-9]+", match[0]):
            _add(found, _digits(group), marked=False)
    return [Candidate(code, marked) for code, marked in found.items()]


def _digits(text: str) -> str:
    return re.sub("[^0-9]", "", text).lstrip("0")


def _add(found: dict[str, bool], digits: str, *, marked: bool) -> None:
    if 7 <= len(digits) <= DIGITS and int(digits) % 97 == 1:
        found.setdefault(f"{PREFIX}{digits.zfill(DIGITS)}", marked)
