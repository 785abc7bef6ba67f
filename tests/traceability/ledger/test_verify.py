"""The stranger's check: foreign vectors and real Rekor entries, our own proofs, and every changed byte."""

import base64
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.traceability.ledger.vectors import flip, hashes, load
from traceability.ledger.canonical import Entry, commit
from traceability.ledger.merkle import build_inclusion, hash_leaf
from traceability.ledger.note import COSIGNATURE, ED25519, Checkpoint, SigningKey
from traceability.ledger.tiles import Edge, node_reader
from traceability.ledger.verify import (
    Disclosure,
    ProofFile,
    Refused,
    encode_extra,
    parse_policy,
    parse_proof,
    verify_proof,
)

ORIGIN = "log.example/shanhai"
LOG = SigningKey(ORIGIN, ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESSES = [SigningKey(f"w{i}.example", COSIGNATURE, Ed25519PrivateKey.from_private_bytes(bytes([i]) * 32)) for i in (1, 2)]
POLICY = "\n".join(
    [
        f"log {LOG.verifier} https://log.example/shanhai",
        f"witness one {WITNESSES[0].verifier} https://w1.example/",
        f"witness two {WITNESSES[1].verifier}",
        "group both all one two",
        "quorum both",
        "",
    ]
).encode()
SALT = b"\x07" * 32
ENTRY = Entry(
    event_id=UUID(int=1),
    kind="lots.harvested",
    at=datetime(2026, 11, 22, tzinfo=UTC),
    public={"county": "640323"},
    commitments={"household": commit(SALT, "household", "H-1"), "plot": commit(SALT, "plot", "P-1")},
).encode()


def make_proof(entry: bytes = ENTRY, *, index: int = 3, size: int = 9, signers: int = 2, extra: bytes | None = None) -> bytes:
    leaves = [hash_leaf(entry if i == index else b"other %d" % i) for i in range(size)]
    edge = Edge().extend(leaves)[0]
    text = Checkpoint(ORIGIN, size, edge.root()).text
    note = text + b"\n" + LOG.sign(text) + b"".join(w.sign(text, 1_795_000_000 + i) for i, w in enumerate(WITNESSES[:signers]))
    reader = node_reader(size, lambda tiles: {tile: edge.levels[tile.level] for tile in tiles})
    if extra is None:
        extra = encode_extra(entry, {"household": Disclosure(SALT, "H-1")})
    return ProofFile(index, build_inclusion(index, size, reader), note, extra).encode()


@pytest.mark.parametrize("case", load("tlog-proof.json"), ids=lambda case: case["id"])
def test_proof_file_vectors(case: dict) -> None:
    if case.get("error"):
        with pytest.raises(Refused):
            parse_proof(case["text"].encode())
        return
    proof = parse_proof(case["text"].encode())
    assert proof.index == case["index"]
    assert proof.hashes == hashes(case["hashes"])
    assert proof.checkpoint == case["checkpoint"].encode()
    assert proof.extra == case["extra"]
    assert proof.encode() == case["text"].encode()


@pytest.mark.parametrize("case", load("tlog-policy.json"), ids=lambda case: case["id"])
def test_policy_vectors(case: dict) -> None:
    if case.get("error"):
        with pytest.raises(Refused):
            parse_policy(case["policy"].encode())
        return
    policy = parse_policy(case["policy"].encode())
    assert policy.groups[policy.quorum][0] == case["n"]
    assert len(policy.groups[policy.quorum][1]) == case["members"]


@pytest.mark.parametrize("case", load("rekor2.json"), ids=lambda case: case["id"])
def test_real_rekor_entries_verify_and_broken_ones_do_not(case: dict) -> None:
    proof = ProofFile(case["index"], hashes(case["proof"]), case["checkpoint"].encode()).encode()
    policy = f"log {case['vkey']}\nquorum none\n".encode()
    entry = base64.b64decode(case["entry"])
    if case["wantErr"]:
        with pytest.raises(Refused):
            verify_proof(proof, policy, entry)
    else:
        assert verify_proof(proof, policy, entry).index == case["index"]


def test_a_good_proof_tells_what_it_shows() -> None:
    found = verify_proof(make_proof(), POLICY, ENTRY)
    assert (found.origin, found.index, found.size) == (ORIGIN, 3, 9)
    assert found.decode().public == {"county": "640323"}
    assert found.disclosed == {"household": "H-1"}
    assert found.witnessed == {"one": 1_795_000_000, "two": 1_795_000_001}


def test_a_changed_bit_anywhere_in_a_proof_file_is_refused() -> None:
    proof = make_proof()
    for bit in range(len(proof) * 8):
        with pytest.raises(Refused):
            verify_proof(flip(proof, bit), POLICY)


def test_a_changed_bit_in_the_entry_is_refused() -> None:
    bare = make_proof(extra=None)
    for bit in range(len(ENTRY) * 8):
        with pytest.raises(Refused):
            verify_proof(bare, POLICY, flip(ENTRY, bit))


def test_another_entry_in_the_extra_line_is_refused() -> None:
    with pytest.raises(Refused, match="inclusion"):
        verify_proof(make_proof(extra=encode_extra(b"another entry", {})), POLICY)


@pytest.mark.parametrize(
    ("name", "opened"),
    [
        ("household", Disclosure(SALT, "H-2")),
        ("household", Disclosure(bytes(32), "H-1")),
        ("plot", Disclosure(SALT, "H-1")),
        ("buyer", Disclosure(SALT, "H-1")),
    ],
)
def test_an_opened_field_that_was_not_committed_to_is_refused(name: str, opened: Disclosure) -> None:
    with pytest.raises(Refused, match="committed"):
        verify_proof(make_proof(extra=encode_extra(ENTRY, {name: opened})), POLICY)


def test_one_witness_of_two_is_not_a_quorum() -> None:
    with pytest.raises(Refused, match="witnesses"):
        verify_proof(make_proof(signers=1), POLICY)
    any_of = POLICY.replace(b"both all", b"both any")
    assert set(verify_proof(make_proof(signers=1), any_of).witnessed) == {"one"}


def test_a_log_outside_the_policy_is_refused() -> None:
    other = SigningKey(ORIGIN, ED25519, Ed25519PrivateKey.from_private_bytes(b"\x09" * 32))
    with pytest.raises(Refused, match="no log"):
        verify_proof(make_proof(), POLICY.replace(str(LOG.verifier).encode(), str(other.verifier).encode()))


def test_a_known_log_may_not_sign_for_another_origin() -> None:
    text = Checkpoint("other.example/log", 1, hash_leaf(ENTRY)).text
    proof = ProofFile(0, [], text + b"\n" + LOG.sign(text), encode_extra(ENTRY, {})).encode()
    with pytest.raises(Refused, match="its own"):
        verify_proof(proof, f"log {LOG.verifier}\nquorum none\n".encode())


def test_a_plain_key_cannot_stand_as_a_witness() -> None:
    policy = f"log {LOG.verifier}\nwitness w {SigningKey('w', ED25519, WITNESSES[0].private).verifier}\nquorum none\n"
    with pytest.raises(Refused, match="type 4"):
        verify_proof(make_proof(), policy.encode())


def test_without_an_entry_nothing_is_verified() -> None:
    proof = parse_proof(make_proof())
    with pytest.raises(Refused, match="no entry"):
        verify_proof(ProofFile(proof.index, proof.hashes, proof.checkpoint).encode(), POLICY)


@pytest.mark.parametrize(
    "extra",
    [b"", b"{}", b'{"disclosed":[],"entry":""}', b'{"disclosed":{"a":1},"entry":""}', b'{"disclosed":{}, "entry":""}'],
)
def test_an_extra_line_of_another_shape_is_refused(extra: bytes) -> None:
    with pytest.raises(Refused, match="extra"):
        verify_proof(make_proof(extra=extra), POLICY)


KEYS = [SigningKey(f"k{i}", COSIGNATURE, Ed25519PrivateKey.from_private_bytes(bytes([40 + i]) * 32)).verifier for i in range(3)]
THREE = "".join(f"witness w{i} {key}\n" for i, key in enumerate(KEYS))


@pytest.mark.parametrize(
    "lines",
    [
        "group g 2 w0 w1 w9\nquorum g",
        "group g 0 w0\nquorum g",
        "group g 2 w0\nquorum g",
        "group g 01 w0\nquorum g",
        "group g some w0\nquorum g",
        "group g all\nquorum g",
        "group g all w0 w0\nquorum g",
        "group g all w0\ngroup h all w0\nquorum h",
        "group g all none\nquorum g",
        "group w0 all w1\nquorum w0",
        "group g all g\nquorum g",
        "quorum g\ngroup g all w0",
        "quorum w0\nquorum w1",
        "quorum w0 w1",
        "quorum",
        f"witness other {KEYS[0]}\nquorum w0",
        f"witness none {KEYS[0]}\nquorum none",
        "log nonsense\nquorum none",
        "mystery line\nquorum none",
        "quorum none\r",
        "quorum none\x00",
    ],
)
def test_malformed_policies_are_refused(lines: str) -> None:
    with pytest.raises(Refused):
        parse_policy(f"{THREE}{lines}\n".encode())


def test_quorums_of_groups_of_groups_count_right() -> None:
    policy = parse_policy(f"# ours\n\n {THREE}group inner 2 w0 w1\n\tgroup outer any inner w2  \nquorum outer".encode())
    w0, w1, w2 = KEYS
    assert all(policy.is_met(enough) for enough in ({w2}, {w0, w1}))
    assert not any(policy.is_met(few) for few in ({w0}, {w1}, set()))


def test_the_verifier_runs_with_nothing_of_ours_but_its_four_companions(tmp_path: Path) -> None:
    here = Path(__file__).parents[3] / "traceability" / "ledger"
    room = tmp_path / "traceability" / "ledger"
    room.mkdir(parents=True)
    for name in ("merkle", "tiles", "note", "canonical", "verify"):
        (room / f"{name}.py").write_bytes((here / f"{name}.py").read_bytes())
    (tmp_path / "proof").write_bytes(make_proof())
    (tmp_path / "policy").write_bytes(POLICY)
    script = (
        "from pathlib import Path; from traceability.ledger.verify import verify_proof;"
        "print(verify_proof(Path('proof').read_bytes(), Path('policy').read_bytes()).index)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "3\n"
