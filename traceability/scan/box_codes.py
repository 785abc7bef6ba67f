"""What a packer types or scans, read as the serial number of a box, or as the number of a case or pallet. Pure.

Taken for a box are a bare serial, the short link ``/t/<serial>`` and a GS1 Digital Link with AI 21, with or without its address; for a case
an SSCC as a bar code gives it or as people type it, a Digital Link with AI 00, and our own code where there is no SSCC.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from kernel.errors import Invalid
from kernel.gs1 import parse_sscc
from kernel.ids import normalise_code, parse_code
from traceability.scan.digital_link import BadLink, parse_path
from traceability.scan.typed import LONGEST, read_serial

# GS1-128 as a scanner sends it (symbology ]C1, AI 00) or as it stands under the bars, (00) in front; or the eighteen digits alone.
_SSCC = re.compile(r"(?:\]C100|\(00\)|00)?([0-9]{18})")
_CONTAINERS = ("CTN-", "PLT-")


@dataclass(frozen=True)
class BoxCode:
    """A box's serial; GTIN and lot as far as the label says them."""

    serial: str
    gtin: str | None = None
    lot: str | None = None


def read_code(text: str) -> BoxCode | str:
    """The box a text names, or the SSCC or code of a case or pallet. Raises Invalid."""
    text = _tidied(text)
    if digits := _SSCC.fullmatch(re.sub(r"\s", "", text)):
        return parse_sscc(digits[1], "code")
    if normalise_code(text).startswith(_CONTAINERS):
        return parse_code(text, field="code")
    path = urlsplit(text).path
    if "/00/" in path:
        try:
            return parse_path(path).key[1]
        except BadLink as problem:
            raise Invalid("这个箱码不对，请照着标签输入 18 位数字。", field="code") from problem
    return read_box_code(text)


def _tidied(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST:
        raise Invalid("请输入或扫描盒上的编号。", field="code")
    return text


def read_box_code(text: str) -> BoxCode:
    """The box a text names. Raises Invalid."""
    text = _tidied(text)
    path = urlsplit(text).path
    if "/" not in path:
        return BoxCode(read_serial(path))
    *_, kind, last = path.rstrip("/").split("/")
    if kind == "t":
        return BoxCode(read_serial(last))
    try:
        link = parse_path(path)
    except BadLink as problem:
        raise Invalid("这个二维码里没有单盒编号，请扫盒上的溯源码。", field="code") from problem
    serial = link.get("21")
    if serial is None:
        raise Invalid("这个二维码里没有单盒编号，请扫盒上的溯源码。", field="code")
    return BoxCode(serial, link.get("01"), link.get("10"))
