"""Tiles against the figures of the specification, two foreign logs, and the tree they were cut from."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traceability.ledger.vectors import TLOG
from traceability.ledger.merkle import build_inclusion, build_root, hash_leaf, root_of, verify_inclusion
from traceability.ledger.note import parse_checkpoint, parse_note
from traceability.ledger.tiles import (
    ENTRIES,
    BadTile,
    Edge,
    Tile,
    changed_tiles,
    decode_bundle,
    encode_bundle,
    new_tiles,
    node_reader,
    parse_tile,
    split_hashes,
    tile_at,
)

LEAVES = [hash_leaf(b"%d" % i) for i in range(70_000)]


def grow(steps: Sequence[int]) -> tuple[Edge, dict[Tile, bytes]]:
    """A log grown batch by batch; the tiles a client could fetch at the end."""
    edge, full, at = Edge(), {}, 0
    for step in steps:
        edge, filled = edge.extend(LEAVES[at : at + step])
        full |= dict(filled)
        at += step
    partial = {tile_at(level, len_full(full, level), at): data for level, data in enumerate(edge.levels) if data}
    return edge, full | {tile: data for tile, data in partial.items() if tile is not None}


def len_full(full: dict[Tile, bytes], level: int) -> int:
    return sum(tile.level == level for tile in full)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (Tile(0, 1_234_067), "tile/0/x001/x234/067"),
        (Tile(0, 0), "tile/0/000"),
        (Tile(1, 999, 8), "tile/1/999.p/8"),
        (Tile(63, 1000, 255), "tile/63/x001/000.p/255"),
        (Tile(ENTRIES, 1000), "tile/entries/x001/000"),
        (Tile(ENTRIES, 7, 1), "tile/entries/007.p/1"),
    ],
)
def test_paths_go_out_and_come_back(tile: Tile, path: str) -> None:
    assert tile.path == path
    assert parse_tile(path.removeprefix("tile/")) == tile


@pytest.mark.parametrize(
    "path",
    [
        "0/0",
        "0/00",
        "0/0000",
        "0/x000/001",
        "0/001/002",
        "0/x001",
        "00/001",
        "64/001",
        "-1/001",
        "0/001.p/0",
        "0/001.p/256",
        "0/001.p/01",
        "0/001.p/",
        "0/001.p",
        "data/001",
        "entries/x000/000",
        "0/٠٠١",
        "0/001/",
        "/0/001",
        "0/../001",
        "0/001.p/8/",
        "0/0_1",
        "0/001\n",
        "",
    ],
)
def test_any_other_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(BadTile):
        parse_tile(path)


def test_widths_are_those_of_the_specification() -> None:
    tiles = new_tiles(0, 70_000)
    assert [tile for tile in tiles if tile.width < 256] == [Tile(0, 273, 112), Tile(1, 1, 17), Tile(2, 0, 1)]
    assert len([tile for tile in tiles if tile.level == 0]) == 274
    assert new_tiles(0, 256) == [Tile(0, 0), Tile(1, 0, 1)]
    assert changed_tiles(ENTRIES, 250, 600) == [Tile(ENTRIES, 0), Tile(ENTRIES, 1), Tile(ENTRIES, 2, 88)]
    assert new_tiles(300, 300) == []


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 900), max_size=6))
def test_however_the_batches_fall_the_tiles_and_root_are_the_same(steps: list[int]) -> None:
    size = sum(steps)
    edge, tiles = grow(steps)
    assert edge.size == size
    assert edge.root() == root_of(LEAVES[:size])
    assert Edge.decode(size, edge.encode()) == edge
    assert tiles == grow([size])[1]
    assert set(tiles) == set(new_tiles(0, size))


def test_three_levels_of_tiles_give_root_and_proofs() -> None:
    size = len(LEAVES)
    edge, tiles = grow([size])
    root = edge.root()
    asked: list[Sequence[Tile]] = []

    def load(wanted: Sequence[Tile]) -> dict[Tile, bytes]:
        asked.append(wanted)
        return {tile: tiles[tile] for tile in wanted}

    assert build_root(size, node_reader(size, load)) == root == root_of(LEAVES)
    for index in (0, 255, 256, 65_535, 65_536, 69_999, 12_345):
        asked.clear()
        verify_inclusion(index, size, LEAVES[index], build_inclusion(index, size, node_reader(size, load)), root)
        assert len(asked) == 1
        assert len(asked[0]) <= 6  # at most 2 x ceil(log256 n)


def test_an_edge_of_another_size_is_refused() -> None:
    edge = grow([300])[0]
    for size in (299, 301, 0, 256):
        with pytest.raises(BadTile):
            Edge.decode(size, edge.encode())


def test_a_tile_cut_short_is_refused() -> None:
    _, tiles = grow([300])
    with pytest.raises(BadTile):
        build_root(300, node_reader(300, lambda wanted: {tile: tiles[tile][:-32] for tile in wanted}))


def test_bundles_go_out_and_come_back() -> None:
    entries = [b"", b"a", b"b" * 65_535]
    assert decode_bundle(encode_bundle(entries), 3) == entries


def test_bundles_cut_short_overlong_or_miscounted_are_refused() -> None:
    data = encode_bundle([b"abc", b"de"])
    for wrong in (data[:-1], data + b"\x00", data[:1]):
        with pytest.raises(BadTile):
            decode_bundle(wrong, 2)
    with pytest.raises(BadTile):
        decode_bundle(data, 3)
    with pytest.raises(BadTile):
        encode_bundle([b"x" * 65_536])


def test_tessera_s_log_reads_as_our_tiles_at_every_size() -> None:
    for size in range(1, 9):
        checkpoint = parse_checkpoint(parse_note((TLOG / f"tessera-log/checkpoint.{size}").read_bytes()).text)
        tile, bundle = Tile(0, 0, size), Tile(ENTRIES, 0, size)
        entries = decode_bundle((TLOG / "tessera-log" / bundle.path).read_bytes(), size)
        leaves = [hash_leaf(entry) for entry in entries]
        assert (TLOG / "tessera-log" / tile.path).read_bytes() == b"".join(leaves)
        assert checkpoint.size == size
        assert Edge().extend(leaves)[0].root() == checkpoint.root


def test_sunlight_s_tiles_of_300_leaves_lead_to_its_checkpoint() -> None:
    base = TLOG / "sunlight-mirror"
    checkpoint = parse_checkpoint(parse_note((base / "checkpoint").read_bytes()).text)

    def load(wanted: Sequence[Tile]) -> dict[Tile, bytes]:
        return {tile: (base / tile.path).read_bytes() for tile in wanted}

    assert build_root(300, node_reader(300, load)) == checkpoint.root
    leaves = [h for path in ("tile/0/000", "tile/0/001.p/44") for h in split_hashes((base / path).read_bytes())]
    edge, full = Edge().extend(leaves)
    assert edge.root() == checkpoint.root
    assert full == [(Tile(0, 0), (base / "tile/0/000").read_bytes())]
    assert edge.levels[1] == (base / "tile/1/000.p/1").read_bytes()
