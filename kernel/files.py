"""Uploaded and produced files: bounded, typed by their first bytes, kept under their SHA-256.

The name a person gave is never used on disk. Two equal files are one file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from kernel.errors import Invalid, NotFound, TooLarge

MAX_BYTES = 10 * 1024 * 1024
_MAGIC = {
    "image/jpeg": (b"\xff\xd8\xff",),
    "image/png": (b"\x89PNG\r\n\x1a\n",),
    "image/webp": (b"RIFF",),
    "application/pdf": (b"%PDF-",),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": (b"PK\x03\x04",),
}


@dataclass(frozen=True)
class StoredFile:
    """A file in the store: ``digest`` (SHA-256 hex) is its name, ``media_type`` what its first bytes say."""

    digest: str
    media_type: str
    size: int


class FileStore:
    """Files in one folder, spread over 256 sub-folders.

    ``former``: the folder they lay in before. What is there is read and deleted as if it lay here; nothing is stored or listed there.
    """

    def __init__(self, folder: Path, *, former: Path | None = None) -> None:
        self.folder = folder
        self.former = former

    def save(self, stream: IO[bytes], *, allowed: frozenset[str], max_bytes: int = MAX_BYTES) -> StoredFile:
        """Store ``stream``. Raises Invalid (empty, or not one of ``allowed``) and TooLarge; nothing is kept then."""
        content = read_bounded(stream, max_bytes)
        media_type = sniff(content)
        if media_type not in allowed:
            raise Invalid("这种文件格式用不了，请换成页面上写明的格式。", field="file")
        return self.keep(content)

    def keep(self, content: bytes) -> StoredFile:
        """Store bytes that were read and looked at already."""
        digest = hashlib.sha256(content).hexdigest()
        path = self._path(digest)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{secrets.token_hex(8)}")
            with draft.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            draft.replace(path)
        else:
            path.touch()  # kept anew: what goes by age goes by this one
        return StoredFile(digest, sniff(content), len(content))

    def open(self, digest: str) -> IO[bytes]:
        """The content of a stored file. Raises NotFound."""
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise NotFound("没有这个文件。")
        for path in self._paths(digest):
            with suppress(FileNotFoundError):
                return path.open("rb")
        raise NotFound("没有这个文件。")

    def list_older(self, before: datetime) -> list[str]:
        """Digests of files that were stored before then."""
        return sorted(
            path.name for path in self.folder.glob("??/*") if path.stat().st_mtime < before.timestamp() and "." not in path.name
        )

    def delete(self, digest: str) -> None:
        """Delete a stored file for good; twice is once."""
        for path in self._paths(digest):
            path.unlink(missing_ok=True)

    def _paths(self, digest: str) -> list[Path]:
        """Where it may lie."""
        return [folder / digest[:2] / digest for folder in (self.folder, self.former) if folder is not None]

    def _path(self, digest: str) -> Path:
        return self.folder / digest[:2] / digest


def read_bounded(stream: IO[bytes], max_bytes: int = MAX_BYTES) -> bytes:
    """All bytes of ``stream``. Raises Invalid when empty, TooLarge beyond ``max_bytes``."""
    content = stream.read(max_bytes + 1)
    if not content:
        raise Invalid("这个文件是空的，请重新选择。", field="file")
    if len(content) > max_bytes:
        raise TooLarge("文件太大了，最大 %(limit)s MB。", params={"limit": max_bytes // (1024 * 1024)}, field="file")
    return content


def sniff(content: bytes) -> str:
    """Media type by the first bytes; ``application/octet-stream`` when unknown."""
    for media_type, starts in _MAGIC.items():
        if content.startswith(starts) and (media_type != "image/webp" or content[8:12] == b"WEBP"):
            return media_type
    return "application/octet-stream"
