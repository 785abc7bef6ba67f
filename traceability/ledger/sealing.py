"""Private values at rest: sealed with AES-256-GCM under a key per person, each key sealed under DATA_KEY.

Erasing a person deletes their key first of all, so that even a copy of the sealed values (an old backup) stays shut.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from traceability.ledger.canonical import JSON, decode_base64, decode_json, encode_base64, encode_json
from traceability.ledger.models import SubjectKey
from traceability.ledger.verify import Disclosure

KEY_SIZE = 32
_NONCE = 12
_data_key: bytes | None = None


class SealBroken(ValueError):
    """A sealed value does not open: wrong DATA_KEY, or the row was changed."""


def use_data_key(key: str) -> None:
    """Set DATA_KEY (32 bytes as base64) for this process; once, where the process is put together. Raises ValueError."""
    global _data_key
    _data_key = decode_base64(key, KEY_SIZE)


def seal_field(key: bytes, event_id: UUID, field: str, opened: Disclosure) -> bytes:
    """Salt and value of one private field, sealed for the row of this event and field."""
    content = encode_json({"salt": encode_base64(opened.salt), "value": opened.value})
    return _seal(key, content, _place(event_id, field))


def subject_keys(session: Session) -> Callable[[UUID | None], bytes]:
    """Gives the key of each subject, made at first need and then kept at hand; without a subject, DATA_KEY itself.

    A key that was given out is held against erasing until the transaction ends: the only lock an entry takes.
    """
    known: dict[UUID | None, bytes] = {}

    def key_of(subject_id: UUID | None) -> bytes:
        if subject_id not in known:
            known[subject_id] = _master() if subject_id is None else _subject_key(session, subject_id)
        return known[subject_id]

    return key_of


def seal_secret(secret: str, owner_id: UUID) -> bytes:
    """A secret somebody trusted us with, sealed for the row it stands in."""
    return _seal(_master(), secret.encode(), _place(owner_id, "secret"))


def open_secret(sealed: bytes, owner_id: UUID) -> str:
    """The secret again. Raises SealBroken."""
    return _open(_master(), sealed, _place(owner_id, "secret")).decode()


class Sealed(Protocol):
    """A stored field: a SealedField, or a row with its columns."""

    @property
    def event_id(self) -> UUID: ...
    @property
    def field(self) -> str: ...
    @property
    def subject_id(self) -> UUID | None: ...
    @property
    def sealed(self) -> bytes: ...


def open_field(row: Sealed, subject_key: bytes | None) -> Disclosure:
    """Salt and value of a stored field; `subject_key` is the sealed key of its subject, if it has one. Raises SealBroken."""
    key = _master()
    if row.subject_id is not None:
        if subject_key is None:
            raise SealBroken("the key of this subject is gone")
        key = _open(key, subject_key, row.subject_id.bytes)
    content: JSON = decode_json(_open(key, row.sealed, _place(row.event_id, row.field)))
    assert isinstance(content, dict)
    return Disclosure(decode_base64(str(content["salt"])), content["value"])


def forget_key(session: Session, subject_id: UUID) -> bool:
    """Delete the subject's key; whether there was one. Waits for every transaction that seals something under it.

    The empty row makes it wait for a first key that is not committed yet, too: DELETE alone would not see that one, and the person
    just erased would have a key and values again. Whoever comes later waits for us and makes a new key.
    """
    _hold_place(session, subject_id)
    gone = session.execute(delete(SubjectKey).where(SubjectKey.subject_id == subject_id).returning(SubjectKey.sealed))
    return any(gone.scalars())


def _hold_place(session: Session, subject_id: UUID) -> None:
    """Tests switch this off to see a key outlive the erasing."""
    session.execute(insert(SubjectKey).values(subject_id=subject_id, sealed=b"").on_conflict_do_nothing())


def _subject_key(session: Session, subject_id: UUID) -> bytes:
    wanted = select(SubjectKey.sealed).where(SubjectKey.subject_id == subject_id).with_for_update(read=True, key_share=True)
    with session.no_autoflush:
        while (sealed := session.scalar(wanted)) is None:  # again, if it was erased between the two statements
            fresh = _seal(_master(), secrets.token_bytes(KEY_SIZE), subject_id.bytes)
            session.execute(insert(SubjectKey).values(subject_id=subject_id, sealed=fresh).on_conflict_do_nothing())
    return _open(_master(), sealed, subject_id.bytes)


def _place(event_id: UUID, field: str) -> bytes:
    """Binds a sealed value to its row, so that rows cannot be swapped."""
    return event_id.bytes + field.encode()


def _master() -> bytes:
    if _data_key is None:
        raise RuntimeError("use_data_key() was not called in this process")
    return _data_key


def _seal(key: bytes, content: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, content, place)


def _open(key: bytes, sealed: bytes, place: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], place)
    except (InvalidTag, ValueError) as error:
        raise SealBroken("a sealed value does not open") from error
