"""Tiles: the tree cut into pieces of 256 hashes that never change once full (C2SP tlog-tiles).

Pure. Tile (level L, number N) holds the hashes of 256 subtrees of 256**L leaves each; level 0 holds leaf hashes. A tree of
n leaves has, on each level, full tiles and at most one partial tile at its right edge, a prefix of what it will become.
The `Edge` is just those partial tiles: enough to append, and to know the root.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from traceability.ledger.merkle import HASH_SIZE, Node, ReadNodes, fold, root_of_row

WIDTH = 256
FULL = WIDTH * HASH_SIZE  # bytes of a full tile
ENTRIES = -1  # the "level" of entry bundles, so that they share the arithmetic of level 0
MAX_ENTRY = 65_535  # an entry's length is a uint16 in its bundle
_PATH = re.compile(r"(entries|0|[1-9][0-9]?)/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)


class BadTile(ValueError):
    """A tile path or content that breaks the format."""


class Tile(NamedTuple):
    """One tile or, at level ENTRIES, one entry bundle. Width 256 is full, 1 to 255 partial."""

    level: int
    number: int
    width: int = WIDTH

    @property
    def path(self) -> str:
        """Path below the log's prefix: 1234067 at level 0 is tile/0/x001/x234/067."""
        groups = [f"{self.number % 1000:03d}"]
        rest = self.number // 1000
        while rest:
            groups.insert(0, f"x{rest % 1000:03d}")
            rest //= 1000
        level = "entries" if self.level == ENTRIES else str(self.level)
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{level}/{'/'.join(groups)}{partial}"

    @property
    def full(self) -> Tile:
        """The full tile this one is, or will become."""
        return self._replace(width=WIDTH)


def parse_tile(path: str) -> Tile:
    """Read `<L>/<N>[.p/<W>]` (what follows `tile/`). Raises BadTile on any spelling but the one right one."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise BadTile(f"not a tile path: {path!r}")
    level, groups, width = found.groups()
    number = int(groups.replace("x", "").replace("/", ""))
    tile = Tile(ENTRIES if level == "entries" else int(level), number, int(width) if width else WIDTH)
    if tile.level > 63 or tile.path != f"tile/{path}":  # leading zero groups, widths of 256 and more
        raise BadTile(f"not a tile path: {path!r}")
    return tile


def count_at(level: int, size: int) -> int:
    """How many hashes level `level` has in a tree of `size` leaves; for ENTRIES, how many entries."""
    return size >> 8 * max(level, 0)


def tile_at(level: int, number: int, size: int) -> Tile | None:
    """Tile (level, number) as wide as a tree of `size` makes it; None if it would be empty."""
    width = min(count_at(level, size) - number * WIDTH, WIDTH)
    return Tile(level, number, width) if width > 0 else None


def new_tiles(old: int, new: int) -> list[Tile]:
    """Hash tiles that exist at size `new` and are not the same at size `old`, bottom up."""
    tiles = []
    level = 0
    while count_at(level, new) > 0:
        tiles += changed_tiles(level, old, new)
        level += 1
    return tiles


def changed_tiles(level: int, old: int, new: int) -> list[Tile]:
    """The same on one level; with level ENTRIES, the entry bundles."""
    before, after = count_at(level, old), count_at(level, new)
    if before == after:
        return []
    tiles = (tile_at(level, number, new) for number in range(before // WIDTH, after // WIDTH + 1))
    return [tile for tile in tiles if tile is not None]


def tile_of(node: Node) -> tuple[int, int, slice]:
    """Where a node lives: tile level, tile number, and the slice of that tile's bytes that folds into it."""
    level, depth = divmod(node.level, 8)
    first = node.number << depth
    begin = first % WIDTH * HASH_SIZE
    return level, first // WIDTH, slice(begin, begin + (HASH_SIZE << depth))


LoadTiles = Callable[[Sequence[Tile]], Mapping[Tile, bytes]]


def node_reader(size: int, load: LoadTiles) -> ReadNodes:
    """A `read` for merkle's builders over the tiles of a tree of `size` leaves; loads each tile once, all in one call."""

    def read(nodes: Sequence[Node]) -> list[bytes]:
        places = [tile_of(node) for node in nodes]
        wanted = {(level, number): tile_at(level, number, size) for level, number, _ in places}
        if any(tile is None for tile in wanted.values()):
            raise BadTile("a node lies outside the tree")
        loaded = load([tile for tile in wanted.values() if tile is not None])
        found = []
        for level, number, part in places:
            tile = wanted[level, number]
            assert tile is not None
            data = loaded[tile]
            if len(data) != tile.width * HASH_SIZE or part.stop > len(data):
                raise BadTile(f"{tile.path} holds {len(data)} bytes")
            found.append(root_of_row(data[part]))
        return found

    return read


def split_hashes(data: bytes) -> list[bytes]:
    """A tile's bytes as a list of hashes."""
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


@dataclass(frozen=True)
class Edge:
    """The partial tiles of a tree, bottom up: at most 255 hashes a level, whatever the size."""

    levels: tuple[bytes, ...] = ()

    @property
    def size(self) -> int:
        """Leaves in the tree."""
        return sum(len(data) // HASH_SIZE << 8 * level for level, data in enumerate(self.levels))

    def root(self) -> bytes:
        """Root hash, computed anew from the edge (at most 255 hashes a level)."""
        peaks: list[bytes] = []
        for data in reversed(self.levels):
            begin = 0
            for bit in range(7, -1, -1):
                if len(data) // HASH_SIZE >> bit & 1:
                    end = begin + (HASH_SIZE << bit)
                    peaks.append(root_of_row(data[begin:end]))
                    begin = end
        return fold(peaks)

    def extend(self, leaf_hashes: Sequence[bytes]) -> tuple[Edge, list[tuple[Tile, bytes]]]:
        """The edge after appending, and every tile that became full on the way. Cost: one hash a leaf."""
        full: list[tuple[Tile, bytes]] = []
        levels: list[bytes] = []
        rising, size, level = b"".join(leaf_hashes), self.size, 0
        while rising or level < len(self.levels):
            data = self.levels[level] + rising if level < len(self.levels) else rising
            number, whole = count_at(level, size) // WIDTH, len(data) // FULL * FULL
            tiles = [data[at : at + FULL] for at in range(0, whole, FULL)]
            full += [(Tile(level, number + offset), tile) for offset, tile in enumerate(tiles)]
            rising = b"".join([root_of_row(tile) for tile in tiles])
            levels.append(data[whole:])
            level += 1
        return Edge(tuple(levels)), full

    def encode(self) -> bytes:
        """For storing: the levels one after the other; the size tells where each ends."""
        return b"".join(self.levels)

    @classmethod
    def decode(cls, size: int, data: bytes) -> Edge:
        """The edge of a tree of `size` leaves. Raises BadTile if the bytes do not fit the size."""
        levels, begin, level = [], 0, 0
        while count_at(level, size) > 0:
            end = begin + count_at(level, size) % WIDTH * HASH_SIZE
            levels.append(data[begin:end])
            begin, level = end, level + 1
        if begin != len(data):
            raise BadTile(f"an edge of {len(data)} bytes does not belong to a tree of {size}")
        return cls(tuple(levels))


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """An entry bundle: each entry behind its length as a big-endian uint16."""
    if any(len(entry) > MAX_ENTRY for entry in entries):
        raise BadTile("an entry is longer than 65,535 bytes")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises BadTile if there are more, fewer, or one is cut short."""
    entries, at = [], 0
    while at < len(data):
        end = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or end > len(data):
            raise BadTile("an entry is cut short")
        entries.append(data[at + 2 : end])
        at = end
    if len(entries) != width:
        raise BadTile(f"{len(entries)} entries where {width} belong")
    return entries


def cut_tile(data: bytes, tile: Tile) -> bytes:
    """The beginning of a full tile or bundle that is the partial `tile`; it is a prefix of the full one."""
    if tile.level == ENTRIES:
        return encode_bundle(decode_bundle(data, WIDTH)[: tile.width])
    return data[: tile.width * HASH_SIZE]
