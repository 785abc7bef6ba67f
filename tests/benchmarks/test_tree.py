"""The tree that is made in bulk for benchmarks is a tree like any other: its proofs verify, its rows give its root."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import func, select

from benchmarks.tree import SAMPLES, Tree, build_tree
from kernel.db import work
from traceability.ledger.models import FullTile, Leaf, LogState
from traceability.ledger.queries import find_published
from traceability.ledger.sequencer import checked_edge
from traceability.ledger.tiles import Edge
from traceability.ledger.verify import verify_proof


def test_a_tree_made_in_bulk_proves_its_entries(database: str, tmp_path: Path) -> None:
    size = 70_000  # more than one chunk, and two levels of tiles
    build_tree(database, tmp_path, size)
    tree = Tree(size, database, tmp_path)
    proofs = tree.proofs(SAMPLES)
    assert len(proofs) == SAMPLES
    found = verify_proof(proofs[-1].encode(), tree.policy)
    assert (found.size, set(found.witnessed)) == (size, {"w1", "w2", "w3"})
    with work() as session:
        state = session.scalars(select(LogState)).one()
        published = find_published(tmp_path)
        assert published is not None
        assert checked_edge(state).root() == published[0].root
        leaves = session.scalars(select(Leaf.leaf_hash).order_by(Leaf.idx)).all()
        assert Edge().extend(leaves)[0].root() == state.root
        assert session.scalar(select(func.count()).select_from(FullTile)) == size // 256 + size // 65_536
