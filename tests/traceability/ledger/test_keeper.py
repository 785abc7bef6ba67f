"""Keys in files: made once, readable by their owner only, refused when they are not."""

import threading
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from traceability.ledger.keeper import KeyUnusable, ensure_key, load_key
from traceability.ledger.note import ED25519


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "log.key"
    first = ensure_key(path, "log.example", ED25519)
    assert path.stat().st_mode & 0o777 == 0o600
    assert ensure_key(path, "log.example", ED25519).verifier == first.verifier
    assert list(path.parent.iterdir()) == [path]


def test_starting_twice_at_once_gives_one_key(tmp_path: Path) -> None:
    keys = set[str]()
    threads = [threading.Thread(target=lambda: keys.add(str(ensure_key(tmp_path / "k", "n", ED25519).verifier))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(keys) == 1


def test_a_key_others_can_read_is_refused(tmp_path: Path) -> None:
    ensure_key(tmp_path / "k", "n", ED25519)
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        load_key(tmp_path / "k", "n", ED25519)


@pytest.mark.parametrize("content", [b"", b"not a key"])
def test_a_damaged_key_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="backup"):
        ensure_key(path, "n", ED25519)
    assert path.read_bytes() == content


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.write_bytes(X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(KeyUnusable, match="Ed25519"):
        load_key(path, "n", ED25519)
