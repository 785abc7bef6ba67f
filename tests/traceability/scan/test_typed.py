"""Typed codes lead into this site or nowhere."""

from __future__ import annotations

import pytest

from kernel.errors import Invalid
from traceability.scan.typed import find_path

SERIAL = "FRT0P1VKCZK27YNB"  # fixed: each xdist worker must collect the same tests
LOT = "LOT-CFHV-P3K6-75"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (SERIAL, f"/t/{SERIAL}"),
        (f" {SERIAL[:4].lower()}-{SERIAL[4:8]} {SERIAL[8:]} ", f"/t/{SERIAL}"),
        (SERIAL.replace("0", "o").replace("1", "l"), f"/t/{SERIAL}"),
        (LOT.lower(), f"/t/{LOT}"),
        (f"https://evil.example/t/{SERIAL}", f"/t/{SERIAL}"),
        (f"shop.example.cn/t/{SERIAL}?x=1", f"/t/{SERIAL}"),
        (f"https://id.gs1.org/01/09520123456788/10/{LOT}/21/{SERIAL}?17=270101", f"/01/09520123456788/10/{LOT}/21/{SERIAL}"),
        (f"/01/09520123456788/21/{SERIAL}/", f"/01/09520123456788/21/{SERIAL}"),
    ],
)
def test_codes(text: str, path: str) -> None:
    assert find_path(text) == path


@pytest.mark.parametrize(
    "text", ["", "  ", "hello", SERIAL[:-1] + ("0" if SERIAL[-1] != "0" else "1"), "https://evil.example/", "//evil.example", "x" * 500, "javascript:alert(1)", "https://a/01/123", "LOT-1", "/t/../admin"]
)  # fmt: skip
def test_what_is_no_code(text: str) -> None:
    with pytest.raises(Invalid):
        find_path(text)
