"""Uploads are bounded, typed by content, and stored once."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from kernel.errors import Invalid, NotFound, TooLarge
from kernel.files import FileStore, read_bounded, sniff

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 20
IMAGES = frozenset({"image/png"})


def test_a_file_is_kept_once_under_its_digest(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    first, second = store.save(BytesIO(PNG), allowed=IMAGES), store.save(BytesIO(PNG), allowed=IMAGES)
    assert first == second
    with store.open(first.digest) as stored:
        assert stored.read() == PNG
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1


@pytest.mark.parametrize(
    ("content", "problem"), [(b"", Invalid), (b"<svg onload=alert(1)>", Invalid), (PNG + b"0" * 100, TooLarge)]
)
def test_what_does_not_belong_is_refused_and_not_kept(tmp_path: Path, content: bytes, problem: type[Exception]) -> None:
    with pytest.raises(problem):
        FileStore(tmp_path).save(BytesIO(content), allowed=IMAGES, max_bytes=100)
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("digest", ["../../etc/passwd", "0" * 64, "", "Z" * 64])
def test_only_stored_digests_open(tmp_path: Path, digest: str) -> None:
    with pytest.raises(NotFound):
        FileStore(tmp_path).open(digest)


def test_content_decides_the_type() -> None:
    assert sniff(b"RIFF0000WEBP") == "image/webp"
    assert sniff(b"RIFF0000WAVE") == "application/octet-stream"
    assert read_bounded(BytesIO(b"x")) == b"x"


def test_the_same_file_from_two_hands_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A double click saves one file twice: neither spoils the other's draft."""
    store, fsync = FileStore(tmp_path), os.fsync

    def slowly(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", fsync)
        store.save(BytesIO(PNG), allowed=IMAGES)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slowly)
    kept = store.save(BytesIO(PNG), allowed=IMAGES)
    with store.open(kept.digest) as stored:
        assert stored.read() == PNG
    assert len([p for p in tmp_path.rglob("*") if p.is_file()]) == 1
