"""What a packer types or scans, read as the serial number of a box. Pure.

Taken are a bare serial, the short link ``/t/<serial>`` and a GS1 Digital Link with AI 21, with or without its address.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from urllib.parse import urlsplit

from kernel.errors import Invalid
from traceability.scan.digital_link import BadLink, parse_path
from traceability.scan.typed import LONGEST, read_serial


@dataclass(frozen=True)
class BoxCode:
    """A box's serial; GTIN and lot as far as the label says them."""

    serial: str
    gtin: str | None = None
    lot: str | None = None


def read_box_code(text: str) -> BoxCode:
    """The box a text names. Raises Invalid."""
    text = unicodedata.normalize("NFKC", text).strip()
    if not text or len(text) > LONGEST:
        raise Invalid("请输入或扫描盒上的编号。", field="code")
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
