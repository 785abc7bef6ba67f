"""Signed notes, checkpoints and cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature).

Pure. Two signature types are understood: 0x01, Ed25519 over the text, with which a log signs; and 0x04, an Ed25519
cosignature over a time and the text, with which a witness says "I saw this, and nothing before it was taken back".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from traceability.ledger.canonical import NotCanonical, decode_base64, decode_decimal, encode_base64
from traceability.ledger.merkle import HASH_SIZE

ED25519 = 0x01
COSIGNATURE = 0x04
MAX_SIGNATURES = 64  # the specification asks for at least 16
MAX_NOTE = 1_000_000
_KEY_ID = re.compile(r"[0-9a-f]{8}", re.ASCII)


class BadNote(ValueError):
    """A note, key or checkpoint that is malformed, or whose known signature is wrong."""


class BadSignature(BadNote):
    """A signature line whose base64 is not in its one spelling; the rest of the note may be well."""


@dataclass(frozen=True)
class VerifierKey:
    """A public key with its name: what a vkey line says. `kind` is the signature type."""

    name: str
    key_id: bytes
    kind: int
    key: bytes

    @classmethod
    def make(cls, name: str, kind: int, key: bytes) -> VerifierKey:
        """A key with the recommended ID, SHA-256(name || newline || type || key)[:4]."""
        _require_name(name)
        digest = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + key).digest()
        return cls(name, digest[:4], kind, key)

    @classmethod
    def parse(cls, vkey: str) -> VerifierKey:
        """Read `name+hex+base64`; base64 may hold a plus, so only the first two part. Raises BadNote."""
        parts = vkey.split("+", 2)
        if len(parts) != 3 or not _KEY_ID.fullmatch(parts[1]):
            raise BadNote("a verifier key is name+hex+base64")
        material = _base64(parts[2])
        if not material:
            raise BadNote("a verifier key without a key")
        found = cls.make(parts[0], material[0], material[1:])
        if found.kind in (ED25519, COSIGNATURE) and len(found.key) != 32:
            raise BadNote("an Ed25519 key is 32 bytes")
        if found.key_id.hex() != parts[1]:
            raise BadNote("the key ID does not belong to this name and key")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.key)}"

    def check(self, signature: bytes, text: bytes) -> int | None:
        """Verify over `text`; a cosignature's POSIX time comes back, None for a plain one. Raises BadNote."""
        if self.kind == ED25519:
            _verify(self.key, signature, text)
            return None
        if self.kind == COSIGNATURE:
            time = int.from_bytes(signature[:8], "big")
            if len(signature) != 72 or not 0 < time < 2**63:
                raise BadNote("not a timestamped signature")
            _verify(self.key, signature[8:], _cosigned(time, text))
            return time
        raise BadNote(f"signature type {self.kind} is not understood")


@dataclass(frozen=True)
class SigningKey:
    """A private Ed25519 key with its name and signature type."""

    name: str
    kind: int
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey.make(self.name, self.kind, self.private.public_key().public_bytes_raw())

    def sign(self, text: bytes, time: int | None = None) -> bytes:
        """A signature line over a note's text. A cosignature needs `time` (POSIX seconds); a plain one has none."""
        if (time is None) != (self.kind == ED25519):
            raise BadNote("a cosignature, and only a cosignature, carries a time")
        signed = text if time is None else _cosigned(time, text)
        blob = (b"" if time is None else time.to_bytes(8, "big")) + self.private.sign(signed)
        return Signature(self.name, self.verifier.key_id, blob).line


class Signature(NamedTuple):
    """One signature line."""

    name: str
    key_id: bytes
    blob: bytes

    @property
    def line(self) -> bytes:
        """The line as it stands in a note, newline included."""
        return f"\u2014 {self.name} {encode_base64(self.key_id + self.blob)}\n".encode()


class Note(NamedTuple):
    """A parsed note; nothing in it is to be believed before `open_note`."""

    text: bytes
    signatures: tuple[Signature, ...]


def parse_note(data: bytes) -> Note:
    """Take a note apart at its LAST empty line. Raises BadNote on anything the specification does not allow."""
    if len(data) > MAX_NOTE:
        raise BadNote("a note of more than a million bytes")
    _require_text(data)
    split = data.rfind(b"\n\n")
    if split < 0 or not data.endswith(b"\n") or split + 2 == len(data):
        raise BadNote("a note is text, an empty line, and signature lines")
    lines = data[split + 2 : -1].decode().split("\n")
    return Note(data[: split + 1], parse_signatures(lines))


def parse_signatures(lines: Iterable[str]) -> tuple[Signature, ...]:
    """Read signature lines (without their newlines), as in a note or a witness's answer. Raises BadNote."""
    found = []
    for line in lines:
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014":
            raise BadNote("not a signature line")
        _require_name(parts[1])
        try:
            blob = decode_base64(parts[2])
        except NotCanonical as error:
            raise BadSignature(str(error)) from error
        if len(blob) < 5:
            raise BadNote("a signature is too short")
        found.append(Signature(parts[1], blob[:4], blob[4:]))
    if len(found) > MAX_SIGNATURES:
        raise BadNote("too many signatures")
    return tuple(found)


def open_note(note: Note, keys: Iterable[VerifierKey]) -> dict[VerifierKey, int | None]:
    """Which of `keys` signed, each with its cosignature time. Unknown keys are passed over.

    Raises BadNote if a known key's signature is wrong, or if no known key signed at all.
    """
    known = {(key.name, key.key_id): key for key in keys}
    signed: dict[VerifierKey, int | None] = {}
    for signature in note.signatures:
        key = known.get((signature.name, signature.key_id))
        if key is not None:
            time = key.check(signature.blob, note.text)
            signed.setdefault(key, time)
    if not signed:
        raise BadNote("no signature of a known key")
    return signed


class Checkpoint(NamedTuple):
    """A log's statement: this many leaves, this root. Origin names the log."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> bytes:
        """The note text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n".encode()

    def sign(self, key: SigningKey) -> bytes:
        """The whole note with the log's own signature."""
        return self.text + b"\n" + key.sign(self.text)


def parse_checkpoint(text: bytes) -> Checkpoint:
    """Read a checkpoint's text; extension lines are allowed and passed over. Raises BadNote."""
    _require_text(text)
    lines = text.decode().split("\n")
    if len(lines) < 4 or lines.pop() != "" or "" in lines:
        raise BadNote("a checkpoint is three or more non-empty lines")
    try:
        checkpoint = Checkpoint(lines[0], decode_decimal(lines[1]), decode_base64(lines[2], HASH_SIZE))
    except NotCanonical as error:
        raise BadNote(f"checkpoint: {error}") from error
    if checkpoint.size >= 2**63:
        raise BadNote("a checkpoint of impossible size")
    return checkpoint


def _cosigned(time: int, text: bytes) -> bytes:
    return b"cosignature/v1\ntime %d\n" % time + text


def _verify(key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError) as error:
        raise BadNote("a signature does not verify") from error


def _base64(text: str) -> bytes:
    try:
        return decode_base64(text)
    except NotCanonical as error:
        raise BadNote(str(error)) from error


def _require_text(data: bytes) -> None:
    """UTF-8 without control characters other than newline."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadNote("a note is UTF-8") from error
    if any(byte < 0x20 and byte != 0x0A for byte in data):
        raise BadNote("a note holds no control characters")


def _require_name(name: str) -> None:
    if not name or "+" in name or any(char.isspace() for char in name):
        raise BadNote("a key name is not empty and has neither spaces nor a plus")
