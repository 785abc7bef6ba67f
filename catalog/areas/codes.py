"""What a GB/T 2260 code says by itself: two digits province, two prefecture, two county."""

from __future__ import annotations


def province_of(code: str) -> str:
    """Code of the province an area lies in, e.g. 640323 → 640000."""
    return code[:2] + "0000"


def prefecture_of(code: str) -> str:
    """Code of the prefecture an area lies in, e.g. 640323 → 640300; for a province its own code."""
    return code[:4] + "00"
