"""Writes the published files: each whole or not at all, all of them on disk before the checkpoint that implies them.

The files are laid out as tlog-tiles names them, so that any web server or CDN can serve the folder as it is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from kernel.db import reading
from traceability.ledger.merkle import hash_leaf
from traceability.ledger.models import LogState
from traceability.ledger.queries import list_bodies, list_tiles
from traceability.ledger.sequencer import LogBroken, checked_edge
from traceability.ledger.tiles import ENTRIES, WIDTH, Tile, changed_tiles, encode_bundle, new_tiles, split_hashes

_CHUNK = 64  # tiles a query


def write_tiles(directory: Path, old: int, new: int) -> None:
    """Every tile and bundle that a checkpoint of `new` implies and one of `old` did not; on disk when this returns.

    Depends on rows that never change, so doing it again after a crash gives the same files. Raises LogBroken, OSError.
    """
    tiles = new_tiles(old, new)
    folders: set[Path] = set()
    for start in range(0, len(tiles), _CHUNK):
        with reading() as session:
            found = _hash_tiles(session, tiles[start : start + _CHUNK])
        for tile, data in found.items():
            folders |= _write(directory, tile.path, data)
    for bundle in changed_tiles(ENTRIES, old, new):
        with reading() as session:
            data = _bundle(session, bundle)
        folders |= _write(directory, bundle.path, data)
    _sync(folders)


def write_whole(directory: Path, name: str, data: bytes) -> None:
    """One small file, whole or not at all, on disk when this returns."""
    _sync(_write(directory, name, data))


def tidy(directory: Path, old: int, new: int) -> None:
    """Remove partial tiles whose full tile is there (tlog-tiles allows it; readers fall back to the full one)."""
    for tile in [*new_tiles(old, new), *changed_tiles(ENTRIES, old, new)]:
        if tile.width == WIDTH:
            shutil.rmtree(directory / f"{tile.path}.p", ignore_errors=True)


def _hash_tiles(session: Session, tiles: list[Tile]) -> dict[Tile, bytes]:
    state = session.scalars(select(LogState)).one()
    return list_tiles(session, tiles, checked_edge(state))


def _bundle(session: Session, bundle: Tile) -> bytes:
    """The bundle's bytes, checked against the tree: a checkpoint must never cover an entry that does not hash to its leaf."""
    first = bundle.number * WIDTH
    bodies = list_bodies(session, first, first + bundle.width)
    leaves = _hash_tiles(session, [Tile(0, bundle.number, bundle.width)]).popitem()[1]
    if [hash_leaf(body) for body in bodies] != split_hashes(leaves):
        raise LogBroken(f"the entries {first} to {first + bundle.width - 1} are not those in the tree")
    return encode_bundle(bodies)


def _write(directory: Path, name: str, data: bytes) -> set[Path]:
    """Temporary name, fsync, rename. Returns the folders whose own entries must still be synced."""
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    with draft.open("wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
    draft.replace(path)
    return {folder for folder in path.parents if folder == directory or directory in folder.parents}


def _sync(folders: Iterable[Path]) -> None:
    for folder in folders:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
