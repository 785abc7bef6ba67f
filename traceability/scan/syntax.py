"""The application identifiers of GS1 as its Barcode Syntax Dictionary defines them: format, and place in a Digital Link. Pure.

The dictionary (``data/gs1-syntax-dictionary.txt``) is read once. Of its content checks those are done that find slips of the finger in
identifiers and dates: check digits, dates, zeros; code lists (countries, currencies) are not.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from kernel.gs1 import CHARACTERS_82, check_digit

SOURCE: Final = Path(__file__).parent / "data" / "gs1-syntax-dictionary.txt"
_LINE = re.compile(r"(?P<first>\d{2,4})(?:-(?P<last>\d{2,4}))?\s+(?P<rest>.*)", re.ASCII)
_COMPONENT = re.compile(r"(?P<open>\[)?(?P<kind>[NXYZ])(?P<upto>\.\.)?(?P<size>\d+)\]?(?P<lints>(?:,\w+)*)", re.ASCII)
_CHARACTERS = {
    "N": frozenset(string.digits),
    "X": CHARACTERS_82,
    "Y": frozenset(string.digits + string.ascii_uppercase + "#-/"),
    "Z": frozenset(string.ascii_letters + string.digits + "-_="),
}


@dataclass(frozen=True)
class Component:
    """One part of a value: which characters, how many at least and at most, and what its content must satisfy."""

    characters: frozenset[str]
    least: int
    most: int
    optional: bool
    lints: tuple[str, ...]


@dataclass(frozen=True)
class Identifier:
    """One application identifier. ``sequences`` are the qualifier orders of a key, None when it is no key."""

    ai: str
    title: str
    components: tuple[Component, ...]
    fixed: bool
    attribute: bool
    sequences: tuple[tuple[str, ...], ...] | None

    def accepts(self, value: str) -> bool:
        """Whether ``value`` has the format of this identifier, check digit and dates included."""
        rest = value
        for component in self.components:
            if component.optional and not rest:
                break
            part, rest = rest[: component.most], rest[component.most :]
            if len(part) < component.least or not set(part) <= component.characters:
                return False
            if not all(_LINTS[lint](part) for lint in component.lints if lint in _LINTS):
                return False
        return not rest and bool(value)


def _csum(part: str) -> bool:
    return check_digit(part[:-1]) == part[-1]


def _day(part: str) -> bool:
    """YYMMDD; the day 00 stands for the end of the month (yymmd0). The century does not matter for what is a day but for 29 February."""
    year, month, day = int(part[:2]), int(part[2:4]), int(part[4:6])
    try:
        date(2000 + year, month, day or 1)
    except ValueError:
        return False
    return True


_LINTS: Mapping[str, Callable[[str], bool]] = {
    "csum": _csum,
    "yymmd0": _day,
    "yymmdd": lambda part: _day(part) and part[4:6] != "00",
    "zero": lambda part: not part.strip("0"),
    "nonzero": lambda part: bool(part.strip("0")),
    "hhmi": lambda part: int(part[:2]) < 24 and int(part[2:]) < 60,
}


def _read(text: str) -> Iterator[Identifier]:
    for line in text.splitlines():
        match = _LINE.fullmatch(line.partition("#")[0].rstrip()) if not line.startswith("#") else None
        if match is None:
            continue
        words = match["rest"].split()
        flags = words.pop(0) if words[0][0] in "*!?" else ""
        attributes = [word for word in words if "=" in word or word == "dlpkey"]
        components = tuple(_component(word) for word in words if word not in attributes)
        title = line.partition("#")[2].strip()
        for number in range(int(match["first"]), int(match["last"] or match["first"]) + 1):
            ai = str(number).zfill(len(match["first"]))
            yield Identifier(ai, title, components, "*" in flags, "?" in flags, _sequences(attributes))


def _component(word: str) -> Component:
    match = _COMPONENT.fullmatch(word)
    if match is None:
        raise ValueError(f"the syntax dictionary has a component we cannot read: {word!r}")
    size = int(match["size"])
    lints = tuple(match["lints"].split(",")[1:])
    return Component(_CHARACTERS[match["kind"]], 1 if match["upto"] else size, size, bool(match["open"]), lints)


def _sequences(attributes: list[str]) -> tuple[tuple[str, ...], ...] | None:
    for word in attributes:
        name, _, orders = word.partition("=")
        if name == "dlpkey":
            return tuple(tuple(order.split(",")) for order in orders.split("|")) if orders else ((),)
    return None


IDENTIFIERS: Final[Mapping[str, Identifier]] = {found.ai: found for found in _read(SOURCE.read_text("utf-8"))}
KEYS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    found.ai: found.sequences for found in IDENTIFIERS.values() if found.sequences is not None
}
