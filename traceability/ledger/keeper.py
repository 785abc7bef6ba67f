"""Keeps signing keys in files of mode 0600, outside the database: a thief of the database cannot sign in the log's name."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from traceability.ledger.note import SigningKey


class KeyUnusable(RuntimeError):
    """The key file is damaged, of another kind, or readable by others; the text says what to do."""


def ensure_key(path: Path, name: str, kind: int) -> SigningKey:
    """The Ed25519 key in `path` (PKCS 8 PEM), made if there is none yet. Raises KeyUnusable.

    Two processes that start at once end up with the same key: the file appears whole or not at all.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
            out.write(pem)
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return load_key(path, name, kind)


def load_key(path: Path, name: str, kind: int) -> SigningKey:
    """The key in `path`. Raises KeyUnusable."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyUnusable(f"Others can read the key {path}: run chmod 600 on it, and if it signs a public log, make a new one.")
        private = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise KeyUnusable(f"The key {path} cannot be read ({error}): restore it from its backup.") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyUnusable(f"The key {path} is not an Ed25519 key.")
    return SigningKey(name, kind, private)
