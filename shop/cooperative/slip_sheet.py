"""The slip (交货凭证) as a picture to send or keep. Pure: what stands on it in, PNG out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import orjson
import pylopdf_fonts_zh_cn
import typst

from traceability.scan.qrcodes import svg

TEMPLATE: Final = Path(__file__).parent / "data" / "slip.typ"
FONTS: Final = Path(pylopdf_fonts_zh_cn.__file__).parent
DOTS: Final = 200.0  # an inch: 630 pixels wide, sharp on a phone and small to send


@dataclass(frozen=True)
class SlipSheet:
    """The words of a slip in the reader's language; ``link`` is what its QR code says."""

    title: str
    organization: str
    code: str
    state: str
    lines: Sequence[tuple[str, str]]
    scan: str
    note: str
    sample: str
    link: str


def draw(sheet: SlipSheet) -> bytes:
    """The slip as a PNG, 80 mm wide like a roll of receipts."""
    data = orjson.dumps(asdict(sheet) | {"qr": svg(sheet.link)}).decode()
    made = typst.compile(
        str(TEMPLATE), format="png", ppi=DOTS, font_paths=[str(FONTS)], ignore_system_fonts=True, sys_inputs={"data": data}
    )
    assert isinstance(made, bytes), "one page"
    return made


cached_draw = lru_cache(maxsize=64)(draw)
"""Drawing takes a second of a processor, and an album or a chat asks for the same picture several times. What stands on it is the key: once
anything of it changes, or is erased, the old picture is asked for no more.
"""
