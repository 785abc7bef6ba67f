"""One spelling for everything that is hashed or signed: numbers, base64, JSON, and the entry itself.

Pure. An entry is RFC 8785 JSON with only non-personal fields in clear. A private field stands in it as a commitment,
HMAC-SHA-256 under 32 random bytes of its own: without that salt nobody can test a guess, so erasing the salt erases the
field, while every proof still verifies.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

import rfc8785

ENTRY_VERSION = "shanhai-entry/v1"
COMMITMENT_LABEL = b"trace-commit/v1"
SALT_SIZE = 32

JSON = None | bool | int | str | list["JSON"] | dict[str, "JSON"]

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,19}", re.ASCII)
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,63}", re.ASCII)
_LONGEST = 65_535  # bytes of an entry: its length is a uint16 in its bundle
_SAFE = 2**53 - 1  # the largest integer every JSON reader keeps exactly
_PLAIN = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


class NotCanonical(ValueError):
    """Bytes that are not in the one permitted spelling, or an entry that breaks the format."""


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648, section 4)."""
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: JSON, size: int | None = None) -> bytes:
    """Read base64, refusing spaces, missing padding, stray last bits and what is no text; `size` demands that many bytes."""
    if not isinstance(text, str):
        raise NotCanonical("base64 is text")
    try:
        data = binascii.a2b_base64(text)
    except ValueError as error:
        raise NotCanonical("not base64") from error
    if encode_base64(data) != text:  # whatever the decoder let pass
        raise NotCanonical("not base64 in its one spelling")
    if size is not None and len(data) != size:
        raise NotCanonical(f"{len(data)} bytes where {size} belong")
    return data


def decode_decimal(text: str) -> int:
    """Read a size or index: ASCII digits without sign, spaces, underscores or leading zeros."""
    if not _DECIMAL.fullmatch(text):
        raise NotCanonical(f"not a decimal number: {text[:40]!r}")
    return int(text)


def encode_json(value: JSON) -> bytes:
    """RFC 8785 bytes. Floats are refused: money and quantity travel as integers or decimal strings."""
    if _is_plain(value):  # almost everything, and five times as fast
        try:
            return _PLAIN.encode(value).encode()
        except UnicodeError as error:
            raise NotCanonical(str(error)) from error
    _refuse_floats(value)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeError) as error:
        raise NotCanonical(str(error)) from error


def decode_json(data: bytes) -> JSON:
    """Read JSON that is already in RFC 8785 form; any other spelling (spaces, key order, doubled keys) is refused."""
    try:
        value: JSON = json.loads(data.decode("utf-8"))
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise NotCanonical("not JSON") from error
    if encode_json(value) != data:
        raise NotCanonical("JSON is not in its canonical form")
    return value


def commit(salt: bytes, field: str, value: JSON) -> bytes:
    """Commitment to one private field: HMAC-SHA-256(salt, label || 0 || field || 0 || canonical value)."""
    if len(salt) != SALT_SIZE:
        raise NotCanonical("a salt is 32 bytes")
    message = b"\x00".join((COMMITMENT_LABEL, field.encode("utf-8"), encode_json(value)))
    return hmac.new(salt, message, hashlib.sha256).digest()


@dataclass(frozen=True)
class Entry:
    """What one leaf of the log says. `at` is when the act claims to have happened, never proof of when."""

    event_id: UUID
    kind: str
    at: datetime
    public: Mapping[str, JSON]
    commitments: Mapping[str, bytes]

    def encode(self) -> bytes:
        """The bytes that are hashed into the tree. Raises NotCanonical if a name, time or size is out of bounds."""
        self.require_names()
        data = encode_json(
            {
                "version": ENTRY_VERSION,
                "type": self.kind,
                "id": str(self.event_id),
                "at": _encode_time(self.at),
                "public": dict(self.public),
                "commitments": {field: encode_base64(value) for field, value in self.commitments.items()},
            }
        )
        if len(data) > _LONGEST:
            raise NotCanonical("an entry is longer than 65,535 bytes")
        return data

    def require_names(self) -> None:
        """Raises NotCanonical for a name out of bounds, or one that is both public and private."""
        names = [self.kind, *self.public, *self.commitments]
        wrong = [name for name in names if not _NAME.fullmatch(name)]
        if wrong:
            raise NotCanonical(f"not a field name: {wrong[0][:80]!r}")
        if not self.commitments.keys().isdisjoint(self.public):
            raise NotCanonical("a field is both public and private")


def decode_entry(data: bytes) -> Entry:
    """Read an entry; whatever is read encodes to the same bytes again. Raises NotCanonical."""
    fields = decode_json(data)
    if not isinstance(fields, dict) or set(fields) != {"version", "type", "id", "at", "public", "commitments"}:
        raise NotCanonical("an entry has exactly version, type, id, at, public and commitments")
    if fields["version"] != ENTRY_VERSION:
        raise NotCanonical("an entry of another version")
    kind, public, commitments = fields["type"], fields["public"], fields["commitments"]
    if not isinstance(kind, str) or not isinstance(public, dict) or not isinstance(commitments, dict):
        raise NotCanonical("an entry with fields of the wrong type")
    try:
        entry = Entry(
            event_id=UUID(str(fields["id"])),
            kind=kind,
            at=datetime.fromisoformat(str(fields["at"])),
            public=public,
            commitments={field: decode_base64(value, 32) for field, value in commitments.items()},
        )
    except ValueError as error:
        raise NotCanonical(f"an entry that cannot be read: {error}") from error
    entry.require_names()
    if (str(entry.event_id), _encode_time(entry.at)) != (fields["id"], fields["at"]) or len(data) > _LONGEST:
        raise NotCanonical("an entry in another spelling")
    return entry


def _encode_time(at: datetime) -> str:
    """UTC with microseconds and Z. Raises NotCanonical for a time without a zone or with another offset."""
    if at.utcoffset() != timedelta(0):
        raise NotCanonical("a time in an entry is in UTC")
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"


def _is_plain(value: object) -> bool:
    """Whether Python's own encoder writes this as RFC 8785 does: no floats, no large integers, keys that sort alike in UTF-16."""
    kind = type(value)
    if kind is str or value is None or kind is bool:
        return True
    if kind is int:
        return -_SAFE <= cast(int, value) <= _SAFE
    if kind is dict:
        fields = cast(dict[object, object], value)
        return all(map(_is_plain_key, fields)) and all(map(_is_plain, fields.values()))
    return kind is list and all(map(_is_plain, cast(list[object], value)))


def _is_plain_key(key: object) -> bool:
    return type(key) is str and key.isascii()


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise NotCanonical("a float has no place in an entry; use an integer or a decimal string")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise NotCanonical("a JSON key is a string")
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)
