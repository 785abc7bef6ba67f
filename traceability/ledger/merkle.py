"""The Merkle tree of the log: hashes, roots and proofs, as RFC 6962 section 2.1 defines them.

Pure. A tree is never held in memory: whoever asks for a proof hands in `read`, which fetches hashes of complete subtrees,
all in one call (at most about 2 log2 n of them), so a proof costs one query or a few tiles however large the log is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

HASH_SIZE = 32
_PAIR = 2 * HASH_SIZE
EMPTY_ROOT = hashlib.sha256(b"").digest()


class BadProof(ValueError):
    """A proof, hash or size that does not hold together. Says nothing about who is to blame."""


class Node(NamedTuple):
    """The complete subtree over the 2**level leaves that begin at leaf number * 2**level."""

    level: int
    number: int


ReadNodes = Callable[[Sequence[Node]], Sequence[bytes]]


def hash_leaf(entry: bytes) -> bytes:
    """Leaf hash: SHA-256(0x00 || entry). The prefix keeps a leaf from ever being taken for a node."""
    return hashlib.sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """Node hash: SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf_hashes: Sequence[bytes]) -> bytes:
    """Root of a small tree held in memory."""
    return root_of_row(b"".join(leaf_hashes))


def root_of_row(row: bytes) -> bytes:
    """The same of hashes that stand one behind the other, as in a tile; an odd last one moves up as it is, nothing is duplicated."""
    while len(row) > HASH_SIZE:
        even = len(row) - len(row) % _PAIR
        row = b"".join([hashlib.sha256(b"\x01" + row[at : at + _PAIR]).digest() for at in range(0, even, _PAIR)]) + row[even:]
    return row or EMPTY_ROOT


def cover(low: int, high: int) -> list[Node]:
    """Complete subtrees, left to right, that make up leaves [low, high).

    The range must be one that appears in a proof: low is a multiple of the largest power of two not above its length.
    """
    nodes = []
    at = low
    for level in range((high - low).bit_length() - 1, -1, -1):
        if (high - low) >> level & 1:
            nodes.append(Node(level, at >> level))
            at += 1 << level
    return nodes


def fold(peaks: Sequence[bytes]) -> bytes:
    """Hash of a range from the hashes of its `cover`, right to left."""
    if not peaks:
        return EMPTY_ROOT
    result = peaks[-1]
    for peak in reversed(peaks[:-1]):
        result = hash_node(peak, result)
    return result


def build_root(size: int, read: ReadNodes) -> bytes:
    """Root of the first `size` leaves."""
    return fold(read(cover(0, size)))


def build_inclusion(index: int, size: int, read: ReadNodes) -> list[bytes]:
    """Proof that leaf `index` is in the tree of `size` leaves, bottom up (RFC 6962, 2.1.1)."""
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    ranges = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    return _hash_ranges(ranges[::-1], read)


def build_consistency(old: int, new: int, read: ReadNodes) -> list[bytes]:
    """Proof that the tree of `new` leaves begins with the tree of `old` leaves (RFC 6962, 2.1.2)."""
    if not 0 < old <= new:
        raise BadProof(f"no consistency proof from {old} to {new}")
    ranges = []
    low, high = 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            ranges.append((middle, high))
            high = middle
        else:
            ranges.append((low, middle))
            low = middle
    if low > 0:  # the old root is not itself a node of the new tree: start from its last subtree
        ranges.append((low, high))
    return _hash_ranges(ranges[::-1], read)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check an inclusion proof (RFC 9162, 2.1.3.2). Raises BadProof unless it leads from leaf to root."""
    _require_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise BadProof(f"no leaf {index} in a tree of {size}")
    at, last, computed = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("inclusion proof is too long")
        if at & 1 or at == last:
            computed = hash_node(sibling, computed)
            at, last = _skip_even(at, last)
        else:
            computed = hash_node(computed, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise BadProof("inclusion proof is too short")
    if computed != root:
        raise BadProof("inclusion proof leads to another root")


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Check a consistency proof (RFC 9162, 2.1.4.2). Raises BadProof unless new begins with old.

    Old size 0 is refused: an empty tree proves nothing; a witness handles its first checkpoint itself.
    """
    _require_hashes(old_root, new_root, *proof)
    if not 0 < old <= new:
        raise BadProof(f"no consistency proof from {old} to {new}")
    if old == new:
        if proof or old_root != new_root:
            raise BadProof("two trees of one size must have one root and an empty proof")
        return
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        raise BadProof("consistency proof is empty")
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    from_old = from_new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise BadProof("consistency proof is too long")
        if at & 1 or at == last:
            from_old, from_new = hash_node(sibling, from_old), hash_node(sibling, from_new)
            at, last = _skip_even(at, last)
        else:
            from_new = hash_node(from_new, sibling)
        at, last = at >> 1, last >> 1
    if last != 0:
        raise BadProof("consistency proof is too short")
    if from_old != old_root:
        raise BadProof("consistency proof does not begin at the old root")
    if from_new != new_root:
        raise BadProof("consistency proof does not end at the new root")


def _split(size: int) -> int:
    """Largest power of two below `size` (size > 1): the width of the left subtree."""
    return 1 << ((size - 1).bit_length() - 1)


def _skip_even(at: int, last: int) -> tuple[int, int]:
    """Climb past the levels where the right-most subtree has no sibling of its own."""
    while at and not at & 1:
        at, last = at >> 1, last >> 1
    return at, last


def _hash_ranges(ranges: Sequence[tuple[int, int]], read: ReadNodes) -> list[bytes]:
    """Hash of each range, all their nodes read in one call."""
    covers = [cover(low, high) for low, high in ranges]
    hashes = iter(read([node for nodes in covers for node in nodes]))
    return [fold([next(hashes) for _ in nodes]) for nodes in covers]


def _require_hashes(*values: bytes) -> None:
    """Every hash must be 32 bytes: an empty root must not equal an empty computation."""
    if any(len(value) != HASH_SIZE for value in values):
        raise BadProof("a hash is not 32 bytes")
