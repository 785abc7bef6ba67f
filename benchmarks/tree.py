"""A large tree made in bulk, for figures that depend on the size of the log: rows of leaves and tiles, tile files, a signed checkpoint.

Leaf hashes come from a seeded generator; every so many leaves one belongs to a real entry, so that whole proofs can be made and checked.
There are no bundles: a proof does not read them.
"""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from uuid import UUID

import psycopg
from sqlalchemy import create_engine, event
from sqlalchemy.orm import Session

from benchmarks.figures import Pace, Result, WrongAnswer, interleave, percentile
from traceability.ledger.canonical import Entry
from traceability.ledger.keeper import ensure_key
from traceability.ledger.merkle import HASH_SIZE, hash_leaf
from traceability.ledger.note import COSIGNATURE, ED25519, Checkpoint
from traceability.ledger.queries import get_proof_file
from traceability.ledger.tiles import Edge, Tile, tile_at
from traceability.ledger.verify import ProofFile, verify_proof

SMALL, QUICK_SIZE, FULL_SIZE = 1_000, 100_000, 10_000_000
SAMPLES = 500  # real entries in a tree
ORIGIN = "bench.shanhai.example/log"
AT = datetime(2026, 11, 22, tzinfo=UTC)
_CHUNK = 1 << 16
_FIRST = UUID("019a0000-0000-7000-8000-000000000000").int
_HEAD, _END = b"PGCOPY\n\xff\r\n\x00" + bytes(8), b"\xff\xff"
_LEAF = struct.Struct(">hiqi16si32s")


@dataclass(frozen=True)
class Tree:
    """A prepared tree: where its rows and its published files are."""

    size: int
    url: str
    folder: Path

    @property
    def policy(self) -> bytes:
        """The policy its proofs are checked against: the log and three witnesses."""
        return (self.folder / "policy").read_bytes()

    def samples(self) -> list[UUID]:
        """Events whose entries are real."""
        return [_event_id(index) for index in _sampled(self.size)]

    def proofs(self, count: int) -> list[ProofFile]:
        """Proof files of some of them, each checked."""
        engine = create_engine(self.url)
        try:
            with Session(engine) as session:
                found = [get_proof_file(session, self.folder, event_id) for event_id in self.samples()[:count]]
        finally:
            engine.dispose()
        proofs = [proof for proof in found if proof is not None]
        for proof in proofs:
            verify_proof(proof.encode(), self.policy)
        return proofs


def name_of(size: int) -> str:
    """The database of a tree of this size."""
    return f"tree{size}"


def build_tree(url: str, folder: Path, size: int) -> None:
    """Fill an empty migrated database and a folder."""
    chance, edge, sampled = random.Random(7), Edge(), set(_sampled(size))
    bodies = {index: make_entry(_event_id(index)) for index in sampled}
    with psycopg.connect(url.replace("+psycopg", "")) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY ledger_entry FROM STDIN (FORMAT BINARY)") as copy:
            copy.set_types(["uuid", "text", "bytea", "bytea"])
            for index, body in bodies.items():
                copy.write_row((_event_id(index), "event", body, hash_leaf(body)))
        for first in range(0, size, _CHUNK):
            block = chance.randbytes(HASH_SIZE * min(_CHUNK, size - first))
            leaves = [block[at : at + HASH_SIZE] for at in range(0, len(block), HASH_SIZE)]
            for index in sampled & set(range(first, first + len(leaves))):
                leaves[index - first] = hash_leaf(bodies[index])
            edge, full = edge.extend(leaves)
            _copy_leaves(cursor, first, leaves)
            _keep_tiles(cursor, folder, full)
        _write(folder, _partial(edge))
        values = (ORIGIN, size, edge.encode(), edge.root())
        cursor.execute("INSERT INTO ledger_log (id, origin, size, edge, root) VALUES (1, %s, %s, %s, %s)", values)
        connection.commit()
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE ledger_leaf")
    _sign(folder, Checkpoint(ORIGIN, size, edge.root()))


def make_entry(event_id: UUID) -> bytes:
    """An entry as recording an event makes it: what everybody may read, and two commitments."""
    public = {
        "action": "ADD",
        "biz_step": "commissioning",
        "county": "640323",
        "event_type": "ObjectEvent",
        "organization": "ORG-7K3M-9QXT-2B",
        "origin": "own",
    }
    commitments = {"body_sha256": hash_leaf(event_id.bytes), "event_hash": hash_leaf(event_id.bytes * 2)}
    return Entry(event_id=event_id, kind="event", at=AT, public=public, commitments=commitments).encode()


def measure_proofs(small: Tree, large: Tree, pace: Pace) -> Result:
    """p99 of making a proof file in the large tree beside the small one; the two take turns proof by proof."""
    with _Maker(small) as of_small, _Maker(large) as of_large:
        makers = {"small": of_small, "large": of_large}
        pairs = cycle(zip(cycle(small.samples()), random.Random(1).sample(large.samples(), SAMPLES), strict=False))

        def both(seconds: float) -> dict[str, float]:
            times: dict[str, list[float]] = {"small": [], "large": []}
            end = time.perf_counter() + seconds
            while time.perf_counter() < end or len(times["small"]) < 200:
                for (name, maker), event_id in zip(makers.items(), next(pairs), strict=True):
                    begun = time.perf_counter()
                    maker.make(event_id)
                    times[name].append((time.perf_counter() - begun) * 1000)
            p99 = {name: percentile(values, 99) for name, values in times.items()}
            return {**p99, "p50": percentile(times["large"], 50), "ratio": p99["large"] / p99["small"]}

        both(0.3)
        of_large.asked = of_large.made = 0
        rates = interleave({"proof": both}, pace)
        queries = of_large.asked / of_large.made
    middle = {name: percentile(values, 50) for name, values in rates.items()}
    yardstick = {
        f"p99 at {small.size:,} (ms)": round(middle["small"], 2),
        f"p99 at {large.size:,} (ms)": round(middle["large"], 2),
        f"p50 at {large.size:,} (ms)": round(middle["p50"], 2),
        "a proof (queries)": round(queries, 2),
    }
    return Result(round(middle["ratio"], 3), large.size, yardstick)


def measure_sizes(large: Tree) -> dict[str, Result]:
    """Bytes of the tiles, in the database (the larger) and as files, and of a proof file without and with the entry it carries."""
    with psycopg.connect(large.url.replace("+psycopg", "")) as connection:
        stored = connection.execute("SELECT pg_total_relation_size('ledger_tile')").fetchone()
    assert stored is not None
    files = sum(path.stat().st_size for path in (large.folder / "tile").rglob("*") if path.is_file())
    proofs = large.proofs(20)
    served = max(len(proof.encode()) for proof in proofs)
    bare = max(len(ProofFile(proof.index, proof.hashes, proof.checkpoint).encode()) for proof in proofs)
    tiles = {"in the database (B)": round(stored[0] / large.size, 1), "as files (B)": round(files / large.size, 1)}
    sizes = {"without the entry (B)": float(bare), "as served, with it (B)": float(served)}
    return {
        "g7-tiles": Result(round(max(tiles.values()), 1), large.size, tiles),
        "g7-proof": Result(float(bare), large.size, sizes),
    }


class _Maker:
    """Makes proofs in one tree and counts the statements that takes."""

    def __init__(self, tree: Tree) -> None:
        self.tree, self.asked, self.made = tree, 0, 0
        self.engine = create_engine(tree.url, pool_size=1)
        event.listen(self.engine, "before_cursor_execute", self._count)

    def __enter__(self) -> _Maker:
        verify_proof(self.tree.proofs(1)[0].encode(), self.tree.policy)
        return self

    def __exit__(self, *_: object) -> None:
        self.engine.dispose()

    def make(self, event_id: UUID) -> None:
        """One proof file. Raises WrongAnswer if there is none."""
        with Session(self.engine) as session:
            if get_proof_file(session, self.tree.folder, event_id) is None:
                raise WrongAnswer(f"no proof of {event_id}")
        self.made += 1

    def _count(self, *_: object) -> None:
        self.asked += 1


def _event_id(index: int) -> UUID:
    return UUID(int=_FIRST + index)


def _sampled(size: int) -> range:
    return range(0, size, max(size // SAMPLES, 1))


def _copy_leaves(cursor: psycopg.Cursor, first: int, leaves: Sequence[bytes]) -> None:
    """The bytes of a binary COPY made here: ten million rows one by one through the driver would take a minute more."""
    rows = [
        _LEAF.pack(3, 8, index, 16, (_FIRST + index).to_bytes(16, "big"), HASH_SIZE, leaf)
        for index, leaf in enumerate(leaves, first)
    ]
    with cursor.copy("COPY ledger_leaf (idx, event_id, leaf_hash) FROM STDIN (FORMAT BINARY)") as copy:
        copy.write(_HEAD + b"".join(rows) + _END)


def _keep_tiles(cursor: psycopg.Cursor, folder: Path, tiles: Sequence[tuple[Tile, bytes]]) -> None:
    with cursor.copy("COPY ledger_tile (level, number, hashes) FROM STDIN (FORMAT BINARY)") as copy:
        copy.set_types(["int8", "int8", "bytea"])
        for tile, hashes in tiles:
            copy.write_row((tile.level, tile.number, hashes))
    _write(folder, tiles)


def _partial(edge: Edge) -> Iterator[tuple[Tile, bytes]]:
    for level, hashes in enumerate(edge.levels):
        tile = tile_at(level, (edge.size >> 8 * level) // 256, edge.size)
        if tile is not None:
            yield tile, hashes


def _write(folder: Path, tiles: Sequence[tuple[Tile, bytes]] | Iterator[tuple[Tile, bytes]]) -> None:
    for tile, hashes in tiles:
        path = folder / tile.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(hashes)


def _sign(folder: Path, checkpoint: Checkpoint) -> None:
    """The checkpoint with the log's signature and three cosignatures, and the policy that asks for them."""
    key = ensure_key(folder / "log.key", ORIGIN, ED25519)
    note, lines = checkpoint.sign(key), [f"log {key.verifier} https://{ORIGIN}"]
    for name in ("w1", "w2", "w3"):
        witness = ensure_key(folder / f"{name}.key", f"{name}.example", COSIGNATURE)
        note += witness.sign(checkpoint.text, int(AT.timestamp()))
        lines.append(f"witness {name} {witness.verifier} https://{name}.example/")
    lines += ["group all-of-them all w1 w2 w3", "quorum all-of-them", ""]
    (folder / "policy").write_text("\n".join(lines))
    for name in ("checkpoint", "checkpoint.witnessed"):
        (folder / name).write_bytes(note)
