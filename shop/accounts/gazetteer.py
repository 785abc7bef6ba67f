"""Names of areas as people write them, read from the front of a text: whole (思明区), shortened (福建, 内蒙古, 延边), or left out. Pure."""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MUNICIPALITIES = frozenset({"110000", "120000", "310000", "500000"})
FILLERS = re.compile(r"(市辖区|省直辖县级行政(区划|单位)|自治区直辖县级行政(区划|单位)|直辖县)")
BLANKS = re.compile(r"[\s,;、/|·_-]+")
_GROUPS = (
    "壮族|回族|维吾尔|藏族|苗族|彝族|侗族|土家族|布依族|朝鲜族|蒙古族|哈萨克|柯尔克孜|白族|傣族|景颇族|傈僳族|哈尼族|羌族|(?<!内)蒙古|"
    "满族|瑶族|畲族|黎族|仫佬族|毛南族|水族|仡佬族|佤族|拉祜族|布朗族|纳西族|独龙族|怒族|普米族|东乡族|保安族|撒拉族|裕固族|土族|"
    "锡伯|塔吉克|达斡尔族|鄂温克族|鄂伦春|各族"
)
_KIND = re.compile(rf"(?:{_GROUPS})*(?:特别行政区|自治区|自治州|自治县|自治旗|地区|林区|特区|新区|省|市|盟|区|县|旗)$")
# After a shortened name these say that it was none: 南京路, 湖里大道, 思明南路.
_ROAD = re.compile(r"[东西南北中上下前后]?[一二三四五]?(?:路|街|道|巷|弄|大道|大街|广场|里|湾)")


@dataclass(frozen=True)
class Spot:
    """One area: its code, its name, and the code of what it lies in (None for a province)."""

    code: str
    name: str
    parent: str | None

    @functools.cached_property
    def stem(self) -> str:
        """The name without what kind of area it is: 福建, 内蒙古, 延边; "" where nothing to know it by would be left."""
        short = _KIND.sub("", self.name)
        return short if len(short) >= 2 else ""


class Gazetteer:
    """All areas in force, looked through from the top."""

    def __init__(self, rows: Iterable[tuple[str, str, str | None]]) -> None:
        self.spots: Mapping[str, Spot] = {code: Spot(code, name, parent) for code, name, parent in rows}
        self._below: dict[str | None, list[Spot]] = defaultdict(list)
        for spot in self.spots.values():
            self._below[spot.parent].append(spot)
        self._named: dict[str, list[Spot]] = defaultdict(list)
        for spot in self.spots.values():
            self._named[spot.name].append(spot)

    def path(self, code: str) -> list[Spot]:
        """The spots from the province down to ``code``."""
        found: list[Spot] = []
        at: str | None = code
        while at is not None and at in self.spots:
            found.insert(0, self.spots[at])
            at = self.spots[at].parent
        return found

    def is_place(self, word: str) -> bool:
        """Whether a word by itself names areas: whole, or a shortened province or prefecture."""
        return self.read(word)[1] == ""

    def read(self, text: str) -> tuple[Spot | None, str]:
        """The lowest area that the text begins with, whose upper ones may be left out, and the rest of the text."""
        at: Spot | None = None
        rest = text
        while True:
            rest = self._skip(rest, at)
            found = max(self._matches(rest, at), key=lambda pair: (pair[1], -len(pair[0].code.rstrip("0"))), default=None)
            if found is None:
                return at, rest
            at, rest = found[0], rest[found[1] :]

    def _skip(self, text: str, at: Spot | None) -> str:
        """Without blanks, without 市辖区 and its kin, and without a municipality said twice (北京市北京市)."""
        while True:
            rest = BLANKS.sub("", text, count=1) if BLANKS.match(text) else text
            rest = rest[found.end() :] if at is not None and (found := FILLERS.match(rest)) else rest
            if at is not None and at.code in MUNICIPALITIES and rest.startswith(at.name):
                rest = rest[len(at.name) :]
            if rest == text:
                return rest
            text = rest

    def _matches(self, text: str, at: Spot | None) -> Iterator[tuple[Spot, int]]:
        """Areas below ``at`` that the text begins with, and how many characters of it they take."""
        near = self._below[at.code if at else None]
        for spot in near:
            yield from self._match(text, spot, short=True)
        if at is None:  # the province is left out
            for spot in (spot for upper in near for spot in self._below[upper.code] if self._below[spot.code]):
                yield from self._match(text, spot, short=True)
        yield from self._only_one(text, at)

    def _match(self, text: str, spot: Spot, *, short: bool) -> Iterator[tuple[Spot, int]]:
        if text.startswith(spot.name):
            yield spot, len(spot.name)
        elif short and spot.stem and text.startswith(spot.stem):
            length = len(spot.stem)
            if spot.parent is None and text[length : length + 1] in tuple("省市"):
                length += 1 if text[length] == spot.name[-1] else -length
            elif text[length : length + 1] in tuple("州市区县盟旗"):
                length += 1 if spot.name[-1] == text[length] else -length
            if length > 0 and not _ROAD.match(text, length):
                yield spot, length

    def _only_one(self, text: str, at: Spot | None) -> Iterator[tuple[Spot, int]]:
        """An area whose upper ones are left out, where below ``at`` only one has that name (昆山市, not 朝阳区)."""
        for length in range(min(15, len(text)), 1, -1):
            named = [spot for spot in self._named.get(text[:length], ()) if at is None or at in self.path(spot.code)[:-1]]
            if len(named) == 1:
                yield named[0], length
                return
