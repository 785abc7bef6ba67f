"""The witness: foreign requests, every status of tlog-witness, races, forks, and what happens without its guard."""

import hashlib
import random
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.traceability.ledger.vectors import load
from traceability.ledger.canonical import encode_base64
from traceability.ledger.merkle import EMPTY_ROOT, build_consistency, hash_leaf, root_of
from traceability.ledger.note import (
    COSIGNATURE,
    ED25519,
    Checkpoint,
    SigningKey,
    VerifierKey,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_signatures,
)
from traceability.ledger.witness import MAX_BODY, Answer, Witness, make_server, run_witness

ORIGIN = "log.example/shanhai"
LOG = SigningKey(ORIGIN, ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
KEY = SigningKey("witness.example", COSIGNATURE, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
NOW = 1_795_000_000
LEAVES = [hash_leaf(b"%d" % i) for i in range(200)]


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return Witness(tmp_path, KEY, [LOG.verifier], clock=lambda: NOW)


def note(size: int, *, leaves: list[bytes] = LEAVES, key: SigningKey = LOG, root: bytes | None = None) -> bytes:
    return Checkpoint(key.name, size, root or root_of(leaves[:size])).sign(key)


def proof(old: int, new: int, leaves: list[bytes] = LEAVES) -> list[bytes]:
    if not 0 < old <= new:
        return []
    return build_consistency(
        old, new, lambda nodes: [root_of(leaves[n.number << n.level : (n.number + 1) << n.level]) for n in nodes]
    )


def request(old: int, checkpoint: bytes, hashes: list[bytes]) -> bytes:
    return "".join([f"old {old}\n", *(encode_base64(value) + "\n" for value in hashes), "\n"]).encode() + checkpoint


def submit(witness: Witness, old: int, new: int) -> Answer:
    return witness.add_checkpoint(request(old, note(new), proof(old, new)))


def size_of(witness: Witness) -> int:
    answer = witness.latest(hashlib.sha256(ORIGIN.encode()).hexdigest())
    return parse_checkpoint(parse_note(answer.body).text).size


def test_foreign_requests_get_the_status_expected(tmp_path: Path) -> None:
    """Where the vectors come from an older witness, tlog-witness 1.0.0 says 404 for an unknown origin (third request)."""
    vectors = load("witness-requests.json")
    witness = Witness(tmp_path, KEY, [VerifierKey.parse(vectors["log_vkey"])])
    expected = [case["status"] for case in vectors["requests"]]
    expected[2] = 404
    assert [witness.add_checkpoint(case["body"].encode()).status for case in vectors["requests"]] == expected


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    for old, new in ((0, 1), (1, 1), (1, 7), (7, 8), (8, 200)):
        answer = submit(witness, old, new)
        assert answer.status == 200
        signed = note(new) + answer.body
        assert open_note(parse_note(signed), [KEY.verifier]) == {KEY.verifier: NOW}
        kept = witness.latest(hashlib.sha256(ORIGIN.encode()).hexdigest()).body
        assert set(open_note(parse_note(kept), [KEY.verifier, LOG.verifier])) == {KEY.verifier, LOG.verifier}
        assert size_of(witness) == new


def test_an_empty_log_may_be_cosigned_first(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, note(0, root=EMPTY_ROOT), [])).status == 200
    assert witness.add_checkpoint(request(0, note(0, root=bytes(32)), [])).status == 422
    assert submit(witness, 0, 5).status == 200


def test_memory_outlives_the_program(witness: Witness, tmp_path: Path) -> None:
    submit(witness, 0, 5)
    again = Witness(tmp_path, KEY, [LOG.verifier])
    assert submit(again, 0, 3) == Answer(409, b"5\n", "text/x.tlog.size")


def test_who_does_not_know_where_we_stand_is_told(witness: Witness) -> None:
    submit(witness, 0, 5)
    assert submit(witness, 3, 9) == Answer(409, b"5\n", "text/x.tlog.size")
    assert submit(witness, 7, 9) == Answer(409, b"5\n", "text/x.tlog.size")
    assert size_of(witness) == 5


def test_an_old_size_above_the_checkpoint_is_a_bad_request(witness: Witness) -> None:
    submit(witness, 0, 5)
    assert submit(witness, 5, 3).status == 400


def test_an_unknown_log_is_not_found(witness: Witness) -> None:
    other = SigningKey("other.example/log", ED25519, LOG.private)
    assert witness.add_checkpoint(request(0, note(1, key=other), [])).status == 404
    assert witness.latest("0" * 64).status == 404


def test_a_missing_or_bad_log_signature_is_forbidden(witness: Witness) -> None:
    thief = SigningKey(ORIGIN, ED25519, Ed25519PrivateKey.from_private_bytes(b"\x02" * 32))
    assert witness.add_checkpoint(request(0, note(1, key=thief), [])).status == 403
    good = parse_note(note(1)).signatures[0]
    spoiled = Checkpoint(ORIGIN, 2, bytes(32)).text + b"\n" + good.line
    assert witness.add_checkpoint(request(0, spoiled, [])).status == 403


def test_a_fork_is_refused_and_kept_as_evidence(witness: Witness, tmp_path: Path) -> None:
    submit(witness, 0, 5)
    other = [hash_leaf(b"other"), *LEAVES[1:]]
    bodies = [
        request(5, note(9, leaves=other), proof(5, 9, other)),
        request(5, note(5, leaves=other), []),
        request(5, note(9), proof(5, 9)[:-1]),
        request(5, note(9), []),
    ]
    assert [witness.add_checkpoint(body).status for body in bodies] == [422] * 4
    assert size_of(witness) == 5
    with sqlite3.connect(tmp_path / "witness.sqlite") as memory:
        assert [row[0] for row in memory.execute("SELECT request FROM evidence ORDER BY id")] == bodies
    memory.close()


def test_a_proof_from_an_empty_log_is_refused(witness: Witness) -> None:
    assert witness.add_checkpoint(request(0, note(5), proof(3, 5))).status == 422


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"old 0\n",
        b"old 00\n\n" + note(1),
        b"old -1\n\n" + note(1),
        b"old 1_0\n\n" + note(1),
        b"old  0\n\n" + note(1),
        b"older 0\n\n" + note(1),
        b"old 0\r\n\n" + note(1),
        b"old 0\nAAAA\n\n" + note(1),
        b"old 0\n" + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64 + b"\n" + note(1),
        b"old 0\n\n" + note(1)[:-1],
        b"old 0\n\n" + Checkpoint(ORIGIN, 1, bytes(32)).text,
        b"\xff",
    ],
)
def test_malformed_requests_are_bad_requests(witness: Witness, body: bytes) -> None:
    assert witness.add_checkpoint(body).status == 400


def race(witness: Witness) -> list[Answer]:
    """Fifty checkpoints at once, all from the same old size."""
    submit(witness, 0, 5)
    sizes = random.Random(3).sample(range(6, 200), 50)
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda size=size: answers.append(submit(witness, 5, size))) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_fifty_at_once_never_roll_back(witness: Witness) -> None:
    answers = race(witness)
    assert sorted(answer.status for answer in answers) == [200] + [409] * 49
    assert {answer.body for answer in answers if answer.status == 409} == {b"%d\n" % size_of(witness)}


def test_without_the_old_size_check_a_witness_rolls_back(witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard off: a request that was overtaken takes leaves back, which is what a witness must never do."""
    submit(witness, 0, 5)
    submit(witness, 5, 50)
    monkeypatch.setattr(witness, "_require_old_size", lambda old, size: None)
    monkeypatch.setattr("traceability.ledger.witness.verify_consistency", lambda *args: None)
    assert submit(witness, 5, 9).status == 200
    assert size_of(witness) == 9


def call(url: str, body: bytes | None = None) -> tuple[int, str, bytes]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, body), timeout=5) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


@pytest.fixture
def url(witness: Witness) -> Iterator[str]:
    server = make_server(witness, "127.0.0.1", 0, "演示见证者")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_over_http(witness: Witness, url: str) -> None:
    status, _, body = call(f"{url}/add-checkpoint", request(0, note(5), []))
    assert (status, parse_signatures(body.decode().splitlines())[0].name) == (200, "witness.example")
    assert call(f"{url}/add-checkpoint", request(0, note(9), [])) == (409, "text/x.tlog.size", b"5\n")
    status, content_type, body = call(f"{url}/{hashlib.sha256(ORIGIN.encode()).hexdigest()}/checkpoint")
    assert (status, content_type) == (200, "text/plain; charset=utf-8")
    assert body.startswith(note(5))
    assert call(f"{url}/")[2].decode() == f"演示见证者\n{KEY.verifier}\n"
    assert call(f"{url}/else")[0] == 404
    assert call(f"{url}/else", b"x")[0] == 404
    assert call(f"{url}/add-checkpoint", b"x" * (MAX_BODY + 1))[0] == 413


def test_the_program_makes_its_key_and_stops_when_told(tmp_path: Path) -> None:
    stop = threading.Event()
    arguments = {"name": "w.example", "logs": [str(LOG.verifier)], "port": 0}
    thread = threading.Thread(target=run_witness, args=(stop, tmp_path), kwargs=arguments)
    thread.start()
    stop.wait(0.3)
    assert (tmp_path / "witness.key").exists()
    stop.set()
    thread.join(5)
    assert not thread.is_alive()
