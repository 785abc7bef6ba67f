"""What a packer types or scans, read as the serial number of a box. Pure.

Taken are a bare serial, the short link ``/t/<serial>`` and a GS1 Digital Link with AI 21 (with or without its address and AI 01, 10).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from kernel.errors import Invalid
from kernel.gs1 import parse_gtin, parse_lot, parse_serial
from kernel.ids import is_own_serial


@dataclass(frozen=True)
class BoxCode:
    """A box's serial; GTIN and lot as far as the label says them."""

    serial: str
    gtin: str | None = None
    lot: str | None = None


def read_box_code(text: str) -> BoxCode:
    """The box a text names. Raises Invalid."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > 400:
        raise Invalid("请输入或扫描盒上的编号。", field="code")
    if "/" not in text:
        return BoxCode(_typed_serial(text))
    parts = [unquote(part) for part in urlsplit(text).path.split("/") if part]
    if len(parts) >= 2 and parts[-2] == "t":
        return BoxCode(_typed_serial(parts[-1]))
    pairs = dict(zip(parts[-2::-2], parts[::-2], strict=False))
    if "21" not in pairs:
        raise Invalid("这个二维码里没有单盒编号，请扫盒上的溯源码。", field="code")
    gtin = str(parse_gtin(pairs["01"], "code")) if "01" in pairs else None
    lot = str(parse_lot(pairs["10"], "code")) if "10" in pairs else None
    return BoxCode(str(parse_serial(pairs["21"], "code")), gtin, lot)


def _typed_serial(text: str) -> str:
    """A serial as people type it: small letters, blanks and dashes are mended when it can only be one of ours."""
    tidy = text.upper().replace(" ", "").replace("-", "").translate(str.maketrans("OIL", "011"))
    return tidy if is_own_serial(tidy) else str(parse_serial(text, "code"))
