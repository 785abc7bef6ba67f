"""Pages kept as they were drawn, each with the state of the world it was drawn in. Pure: knows no clock, database or web.

A page is shown again only while its state is the present one; what differs from reader to reader (the tokens of forms) is a hole in it.
"""

from __future__ import annotations

import re
import secrets
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

_MARK = secrets.token_hex(16)  # new in each process: nothing a person types can look like a hole
_HOLE = re.compile(f"{_MARK}:([a-z]+);")


def hole(name: str) -> str:
    """The text that stands in a drawn page where ``name`` is filled in for each reader."""
    return f"{_MARK}:{name};"


@dataclass(frozen=True)
class Kept:
    """A drawn page: ``watched`` is what it was drawn from, ``state`` how that stood before it was drawn ("" when nobody had looked)."""

    watched: object
    state: str
    parts: tuple[bytes, ...]
    holes: tuple[str, ...]
    """The names of the holes; one between each part and the next."""

    @classmethod
    def of(cls, html: str, watched: object, state: str) -> Kept:
        """A page with its holes found, written out as it is sent."""
        found = _HOLE.split(html)
        return cls(watched, state, tuple(part.encode() for part in found[::2]), tuple(found[1::2]))

    def filled(self, fillers: Mapping[str, Callable[[], str]]) -> bytes:
        """The whole page; each hole is filled anew."""
        pieces = [self.parts[0]]
        for name, part in zip(self.holes, self.parts[1:], strict=True):
            pieces += (fillers[name]().encode(), part)
        return b"".join(pieces)

    @property
    def size(self) -> int:
        """Bytes it takes."""
        return sum(map(sys.getsizeof, self.parts))


class Pages:
    """The pages of one process, the least recently shown given up first once they take more than ``most`` bytes in all."""

    def __init__(self, most: int = 12 * 1024 * 1024) -> None:
        self._most, self._size = most, 0
        self._kept = OrderedDict[Hashable, Kept]()
        self._lock = threading.Lock()

    def find(self, key: Hashable) -> Kept | None:
        """The page kept under ``key``."""
        with self._lock:
            if found := self._kept.get(key):
                self._kept.move_to_end(key)
            return found

    def keep(self, key: Hashable, page: Kept) -> None:
        """Keep a page in the place of an earlier one."""
        with self._lock:
            if earlier := self._kept.pop(key, None):
                self._size -= earlier.size
            self._kept[key] = page
            self._size += page.size
            while self._size > self._most:
                self._size -= self._kept.popitem(last=False)[1].size
