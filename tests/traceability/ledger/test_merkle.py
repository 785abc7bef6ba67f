"""The tree against RFC 6962's own definition, foreign vectors, and changed bytes."""

import base64
import hashlib
import random
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.traceability.ledger.vectors import flip, hashes, load
from traceability.ledger.merkle import (
    EMPTY_ROOT,
    BadProof,
    Node,
    build_consistency,
    build_inclusion,
    build_root,
    hash_leaf,
    hash_node,
    root_of,
    verify_consistency,
    verify_inclusion,
)

LEAVES = [hash_leaf(b"entry %d" % i) for i in range(601)]


@cache
def naive_root(low: int, high: int) -> bytes:
    """MTH(D[low:high]) word for word from RFC 6962, 2.1: the yardstick, written without our code's ideas."""
    if high == low:
        return hashlib.sha256().digest()
    if high - low == 1:
        return LEAVES[low]
    k = 1
    while k * 2 < high - low:
        k *= 2
    return hashlib.sha256(b"\x01" + naive_root(low, low + k) + naive_root(low + k, high)).digest()


def naive_path(m: int, low: int, high: int) -> list[bytes]:
    """PATH(m, D[low:high]) word for word from RFC 6962, 2.1.1."""
    if high - low == 1:
        return []
    k = 1
    while k * 2 < high - low:
        k *= 2
    if m < k:
        return [*naive_path(m, low, low + k), naive_root(low + k, high)]
    return [*naive_path(m - k, low + k, high), naive_root(low, low + k)]


def read(nodes: Sequence[Node]) -> list[bytes]:
    return [naive_root(node.number << node.level, (node.number + 1) << node.level) for node in nodes]


def test_hashes_are_those_of_the_vectors() -> None:
    empty, empty_leaf, leaf, node = (bytes.fromhex(case["hex"]) for case in load("hashes.json"))
    assert empty == EMPTY_ROOT
    assert empty_leaf == hash_leaf(b"")
    assert leaf == hash_leaf(b"L123456")
    assert node == hash_node(b"N123", b"N456")


@pytest.mark.parametrize("case", load("merkle-inclusion.jsonl"), ids=lambda case: case["id"])
def test_inclusion_vectors(case: dict) -> None:
    leaf, root = base64.b64decode(case["leafHash"] or ""), base64.b64decode(case["root"] or "")
    arguments = (case["leafIdx"], case["treeSize"], leaf, hashes(case["proof"]), root)
    if case["wantErr"]:
        with pytest.raises(BadProof):
            verify_inclusion(*arguments)
    else:
        verify_inclusion(*arguments)


@pytest.mark.parametrize("case", load("merkle-consistency.jsonl"), ids=lambda case: case["id"])
def test_consistency_vectors(case: dict) -> None:
    roots = base64.b64decode(case["root1"] or ""), base64.b64decode(case["root2"] or "")
    arguments = (case["size1"], case["size2"], hashes(case["proof"]), *roots)
    if case["wantErr"]:
        with pytest.raises(BadProof):
            verify_consistency(*arguments)
    else:
        verify_consistency(*arguments)


def test_every_root_to_600_is_the_naive_one() -> None:
    for size in range(601):
        expected = naive_root(0, size)
        assert root_of(LEAVES[:size]) == expected
        assert build_root(size, read) == expected


def test_every_inclusion_proof_to_130_is_the_naive_one_and_verifies() -> None:
    for size in range(1, 131):
        root = naive_root(0, size)
        for index in range(size):
            proof = build_inclusion(index, size, read)
            assert proof == naive_path(index, 0, size)
            verify_inclusion(index, size, LEAVES[index], proof, root)


def test_every_consistency_proof_to_130_verifies_and_only_between_its_own_sizes() -> None:
    for new in range(1, 131):
        for old in range(1, new + 1):
            proof = build_consistency(old, new, read)
            verify_consistency(old, new, proof, naive_root(0, old), naive_root(0, new))
            with pytest.raises(BadProof):
                verify_consistency(old, new, proof, naive_root(0, old - 1), naive_root(0, new))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_large_tree_proves_any_leaf_and_any_prefix(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 601))
    old, index = data.draw(st.integers(1, new)), data.draw(st.integers(0, new - 1))
    verify_inclusion(index, new, LEAVES[index], build_inclusion(index, new, read), naive_root(0, new))
    proof = build_consistency(old, new, read)
    assert len(proof) <= 2 * new.bit_length()
    verify_consistency(old, new, proof, naive_root(0, old), naive_root(0, new))


def test_a_changed_bit_in_proof_leaf_or_root_is_refused() -> None:
    size, index = 87, 40
    proof, root = build_inclusion(index, size, read), naive_root(0, size)
    for part in range(len(proof) + 2):
        for bit in range(256):
            parts = [*proof, LEAVES[index], root]
            parts[part] = flip(parts[part], bit)
            with pytest.raises(BadProof):
                verify_inclusion(index, size, parts[-2], parts[:-2], parts[-1])


def test_a_changed_bit_in_a_consistency_proof_or_its_roots_is_refused() -> None:
    for old, new in ((64, 87), (40, 87), (86, 87)):
        proof = build_consistency(old, new, read)
        for part in range(len(proof) + 2):
            for bit in range(0, 256, 3):
                parts = [*proof, naive_root(0, old), naive_root(0, new)]
                parts[part] = flip(parts[part], bit)
                with pytest.raises(BadProof):
                    verify_consistency(old, new, parts[:-2], parts[-2], parts[-1])


def test_a_proof_of_another_index_or_size_is_refused() -> None:
    proof, root = build_inclusion(40, 87, read), naive_root(0, 87)
    for index in set(range(-1, 90)) - {40}:
        with pytest.raises(BadProof):
            verify_inclusion(index, 87, LEAVES[40], proof, root)
    with pytest.raises(BadProof):
        verify_inclusion(40, 86, LEAVES[40], proof, naive_root(0, 86))


def test_a_proof_cut_or_grown_is_refused() -> None:
    rng = random.Random(1)
    proof, root = build_inclusion(40, 87, read), naive_root(0, 87)
    for wrong in ([], proof[1:], proof[:-1], [*proof, proof[-1]], [proof[0], *proof], [*proof, rng.randbytes(31)]):
        with pytest.raises(BadProof):
            verify_inclusion(40, 87, LEAVES[40], wrong, root)


def test_two_sizes_never_share_a_root() -> None:
    assert all(naive_root(0, a) != naive_root(0, b) for a, b in pairwise(range(601)))


def test_a_leaf_cannot_pose_as_a_node() -> None:
    left, right = LEAVES[:2]
    assert hash_leaf(left + right) != hash_node(left, right)


@pytest.mark.parametrize("old", [0, -1, 6])
def test_consistency_is_not_built_from_nothing_or_backwards(old: int) -> None:
    with pytest.raises(BadProof):
        build_consistency(old, 5, read)
    with pytest.raises(BadProof):
        verify_consistency(old, 5, [], naive_root(0, 5), naive_root(0, 5))


def test_no_inclusion_proof_outside_the_tree() -> None:
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(BadProof):
            build_inclusion(index, size, read)
