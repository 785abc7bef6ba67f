"""QR codes as SVG: one path of dark modules with the quiet zone the standard asks for. Pure.

Source: ISO/IEC 18004:2024, sections 7.5 (error correction) and 9.1 (quiet zone of four modules).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import qrcode
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q

QUIET = 4
Level = Literal["M", "Q"]
_LEVELS = {"M": ERROR_CORRECT_M, "Q": ERROR_CORRECT_Q}


def modules(text: str, level: Level = "M") -> list[list[bool]]:
    """The dark modules of the smallest symbol that holds ``text``, without quiet zone."""
    code = qrcode.QRCode(error_correction=_LEVELS[level], border=0)
    code.add_data(text)
    code.make(fit=True)
    return [[bool(cell) for cell in row] for row in code.get_matrix()]


def svg(text: str, level: Level = "M") -> str:
    """The symbol with its quiet zone as a small SVG, black on white; one module is one unit."""
    rows = modules(text, level)
    size = len(rows) + 2 * QUIET
    runs = "".join(_runs(row, y + QUIET) for y, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path d="{runs}"/></svg>'
    )


@lru_cache(maxsize=256)
def cached_svg(text: str) -> str:
    """``svg`` for pages, which show the same few codes again and again."""
    return svg(text)


def _runs(row: list[bool], y: int) -> str:
    """One row as horizontal bars: a run of dark modules is one rectangle."""
    found, start = [], None
    for x, dark in enumerate([*row, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            found.append(f"M{start + QUIET} {y}h{x - start}v1h-{x - start}z")
            start = None
    return "".join(found)
