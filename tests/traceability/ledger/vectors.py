"""Where the foreign vectors lie, and how to read them (sources and licences: tests/vectors/tlog/README.md)."""

import base64
import json
from pathlib import Path
from typing import Any

TLOG = Path(__file__).parents[2] / "vectors" / "tlog"


def load(name: str) -> Any:
    """A JSON or JSON-lines file of vectors."""
    text = (TLOG / name).read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith(".jsonl") else json.loads(text)


def hashes(values: list[str] | None) -> list[bytes]:
    """A vector's proof, which may be null."""
    return [base64.b64decode(value) for value in values or []]


def flip(data: bytes, bit: int) -> bytes:
    """The same bytes with one bit changed."""
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)
