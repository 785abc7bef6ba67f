"""Signed notes, checkpoints and cosignatures: foreign vectors, strict parsing, changed bytes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.traceability.ledger.vectors import TLOG, flip, load
from traceability.ledger.note import (
    COSIGNATURE,
    ED25519,
    BadNote,
    Checkpoint,
    SigningKey,
    VerifierKey,
    open_note,
    parse_checkpoint,
    parse_note,
    parse_signatures,
)

LOG = SigningKey("log.example/shanhai", ED25519, Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = SigningKey("witness.example", COSIGNATURE, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
TEXT = Checkpoint("log.example/shanhai", 5, bytes(range(32))).text


def signed(text: bytes = TEXT) -> bytes:
    return text + b"\n" + LOG.sign(text) + WITNESS.sign(text, 1_700_000_000)


@pytest.mark.parametrize("case", load("notes.json"), ids=lambda case: case["id"])
def test_note_vectors(case: dict) -> None:
    keys = [VerifierKey.parse(vkey) for vkey in case["vkeys"]]
    if case.get("error"):
        with pytest.raises(BadNote):
            open_note(parse_note(case["note"].encode()), keys)
    else:
        found = open_note(parse_note(case["note"].encode()), keys)
        assert [key.name for key in found] == case["verified"]


@pytest.mark.parametrize("size", range(9))
def test_tessera_s_checkpoints_verify(size: int) -> None:
    key = VerifierKey.parse((TLOG / "tessera-log/vkey").read_text().strip())
    note = parse_note((TLOG / f"tessera-log/checkpoint.{size}").read_bytes())
    assert open_note(note, [key]) == {key: None}
    assert parse_checkpoint(note.text)[:2] == ("example.com/log/testdata", size)


@pytest.mark.parametrize("folder", ["sunlight-mirror", "sunlight-witness"])
def test_sunlight_s_cosignatures_verify_beside_an_unknown_type(folder: str) -> None:
    key = VerifierKey.parse((TLOG / folder / "cosigner.vkey").read_text().strip())
    note = parse_note((TLOG / folder / "checkpoint").read_bytes())
    assert open_note(note, [key]) == {key: 0x69546780}
    assert parse_checkpoint(note.text).size == 300


def test_our_own_note_opens_with_both_keys_and_keeps_the_time() -> None:
    keys = [LOG.verifier, WITNESS.verifier]
    assert open_note(parse_note(signed()), keys) == {LOG.verifier: None, WITNESS.verifier: 1_700_000_000}
    assert [VerifierKey.parse(str(key)) for key in keys] == keys
    assert parse_checkpoint(TEXT) == Checkpoint("log.example/shanhai", 5, bytes(range(32)))


def test_a_changed_bit_anywhere_in_a_note_is_refused() -> None:
    data, keys = signed(), {LOG.verifier, WITNESS.verifier}
    for bit in range(len(data) * 8):
        try:
            found = set(open_note(parse_note(flip(data, bit)), keys))
        except BadNote:
            continue
        assert found != keys  # a changed key name is an unknown key: passed over, never counted


def test_a_key_that_signs_once_well_and_once_badly_spoils_the_note() -> None:
    bad = parse_signatures([LOG.sign(TEXT).decode().strip()])[0]
    spoiled = signed() + bad._replace(blob=flip(bad.blob, 3)).line
    with pytest.raises(BadNote):
        open_note(parse_note(spoiled), [LOG.verifier])


def test_a_cosignature_is_not_taken_for_a_plain_signature() -> None:
    as_log = VerifierKey.make(WITNESS.name, ED25519, WITNESS.verifier.key)
    with pytest.raises(BadNote):
        open_note(parse_note(signed()), [as_log])


def test_a_note_splits_at_its_last_empty_line() -> None:
    text = b"first\n\nsecond\n"
    assert parse_note(text + b"\n" + LOG.sign(text)).text == text


def test_sixteen_signatures_are_accepted_and_a_thousand_are_not() -> None:
    line = WITNESS.sign(TEXT, 1)
    assert len(parse_note(TEXT + b"\n" + line * 16).signatures) == 16
    with pytest.raises(BadNote):
        parse_note(TEXT + b"\n" + line * 1000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        TEXT + LOG.sign(TEXT),
        TEXT + b"\n" + LOG.sign(TEXT)[:-1],
        TEXT + b"\n" + LOG.sign(TEXT).replace(b"\n", b"\r\n"),
        TEXT + b"\n" + LOG.sign(TEXT).replace("—".encode(), b"-"),
        TEXT + b"\n" + LOG.sign(TEXT).replace(b" ", b"  "),
        TEXT + b"\n" + LOG.sign(TEXT).replace(b"=", b""),
        TEXT + b"\n" + LOG.sign(TEXT) + b" \n",
        "— a\u00a0b AAAAAAAA\n".encode(),
        TEXT.replace(b"5", b"\t5") + b"\n" + LOG.sign(TEXT),
        TEXT.replace(b"5", b"\xff5") + b"\n" + LOG.sign(TEXT),
        TEXT + b"\n" + "— a+b AAAAAAAA\n".encode(),
        TEXT + b"\n" + "— a AAAA\n".encode(),
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(BadNote):
        parse_note(data)


@pytest.mark.parametrize(
    "text",
    [
        "log\n5\n",
        "log\n05\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "log\n1_0\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "log\n-1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "log\n9223372036854775808\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "log\n5\nAAAA\n",
        "\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "log\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "log\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nmore\n",
    ],
)
def test_malformed_checkpoints_are_refused(text: str) -> None:
    with pytest.raises(BadNote):
        parse_checkpoint(text.encode())


def test_extension_lines_are_passed_over() -> None:
    assert parse_checkpoint(TEXT + b"more\n").size == 5


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "name",
        "name+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=",
        "example.com/foo+530d903a+",
        "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530d903a+AQ==",
    ],
)
def test_malformed_verifier_keys_are_refused(vkey: str) -> None:
    with pytest.raises(BadNote):
        VerifierKey.parse(vkey)


def test_only_a_cosignature_carries_a_time() -> None:
    with pytest.raises(BadNote):
        LOG.sign(TEXT, 5)
    with pytest.raises(BadNote):
        WITNESS.sign(TEXT)
