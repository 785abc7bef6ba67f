"""Writes the published files: each whole or not at all, all of them on disk before the checkpoint that implies them.

The files are laid out as tlog-tiles names them, so that any web server or CDN can serve the folder as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.db import reading
from traceability.ledger.copying import driver
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogState
from traceability.ledger.queries import list_tiles
from traceability.ledger.sequencer import LogBroken, checked_edge
from traceability.ledger.tiles import ENTRIES, WIDTH, Tile, encode_bundle, new_tiles

_CHUNK = 16  # tiles a query; with their bundles some 2 MB
_AT_ONCE = 8  # files on their way to the disk: it takes many together in little more time than one


def write_tiles(directory: Path, old: int, new: int) -> None:
    """Every tile and bundle that a checkpoint of `new` implies and one of `old` did not; on disk when this returns.

    Depends on rows that never change, so doing it again after a crash gives the same files. Raises LogBroken, OSError.
    """
    tiles = new_tiles(old, new)
    folders: set[Path] = set()
    for start in range(0, len(tiles), _CHUNK):
        with reading() as session:
            files = _read(session, tiles[start : start + _CHUNK])
        folders |= _write(directory, files)
    _sync(folders)


def write_whole(directory: Path, name: str, data: bytes) -> None:
    """One small file, whole or not at all, on disk when this returns."""
    _sync(_write(directory, {name: data}))


def tidy(directory: Path, old: int, new: int) -> None:
    """Remove partial tiles whose full tile is there (tlog-tiles allows it; readers fall back to the full one)."""
    for tile in new_tiles(old, new):
        if tile.width == WIDTH:
            shutil.rmtree(directory / f"{tile.path}.p", ignore_errors=True)
        if tile.width == WIDTH and tile.level == 0:
            shutil.rmtree(directory / f"{_bundle_of(tile).path}.p", ignore_errors=True)


def _read(session: Session, tiles: list[Tile]) -> dict[str, bytes]:
    """Tiles by path and, with those of leaves, which follow one another, the bundles of their entries."""
    state = session.scalars(select(LogState)).one()
    found = list_tiles(session, tiles, checked_edge(state))
    files = {tile.path: data for tile, data in found.items()}
    leaves = [tile for tile in tiles if tile.level == 0]
    if leaves:
        bodies = iter(_list_bodies(session, leaves[0].number * WIDTH, leaves[-1].number * WIDTH + leaves[-1].width))
        for tile in leaves:
            files[_bundle_of(tile).path] = _checked_bundle(tile, found[tile], list(islice(bodies, tile.width)))
    return files


def _bundle_of(tile: Tile) -> Tile:
    return tile._replace(level=ENTRIES)


def _list_bodies(session: Session, first: int, end: int) -> list[bytes]:
    """Entry bytes of the leaves [first, end), in order."""
    query = "SELECT body FROM ledger_leaf JOIN ledger_entry USING (event_id) WHERE idx >= %s AND idx < %s ORDER BY idx"
    with driver(session).cursor(binary=True) as cursor:
        return [body for (body,) in cursor.execute(query, [first, end])]


def _checked_bundle(tile: Tile, leaves: bytes, bodies: list[bytes]) -> bytes:
    """A checkpoint must never cover an entry that does not hash to its leaf."""
    if b"".join(map(hash_leaf, bodies)) != leaves:
        first = tile.number * WIDTH
        raise LogBroken(f"the entries {first} to {first + tile.width - 1} are not those in the tree")
    return encode_bundle(bodies)


def _write(directory: Path, files: Mapping[str, bytes]) -> set[Path]:
    """Temporary names, fsync, then rename. Returns the folders whose own entries must still be synced."""
    paths = [directory / name for name in files]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        drafts = list(pool.map(_write_draft, paths, files.values()))
    for path, draft in zip(paths, drafts, strict=True):
        draft.replace(path)
    return {folder for path in paths for folder in path.parents if folder == directory or directory in folder.parents}


def _write_draft(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    return draft


def _sync(folders: Iterable[Path]) -> None:
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_sync_folder, folders))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
