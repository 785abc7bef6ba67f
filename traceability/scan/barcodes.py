"""GS1-128 of an SSCC as SVG, for scanners that read no QR code. Pure.

Sources: ISO/IEC 15417 (Code 128: set C, two digits a symbol, check symbol modulo 103); GS1 General Specifications, section 5.4 (FNC1
behind the start makes it GS1-128; quiet zones of ten modules) and 5.12 (on cases and pallets 0.495 mm a module, 32 mm high, at least).
"""

from __future__ import annotations

from kernel.gs1 import Sscc

QUIET, HEIGHT = 10, 58  # modules; 58 of 0.55 mm are 32 mm
_START_C, _FNC1, _STOP = 105, 102, 106
# Widths of bar, space, bar, space … of each symbol, by its value.
_TABLE = (
    "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 123122 123221 "
    "223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 232121 111323 131123 131321 "
    "112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 313121 211331 231131 213113 213311 213131 "
    "311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 111422 121124 121421 141122 141221 112214 112412 122114 "
    "122411 142112 142211 241211 221114 413111 241112 134111 111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 "
    "214121 412121 111143 111341 131141 114113 114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112"
)
_WIDTHS = tuple(_TABLE.split())


def sscc_bars(sscc: Sscc) -> list[int]:
    """Widths in modules of bar, space, bar … of ``(00)`` and the SSCC, without quiet zones."""
    digits = f"00{sscc}"
    values = [_START_C, _FNC1, *(int(digits[at : at + 2]) for at in range(0, len(digits), 2))]
    check = (values[0] + sum(place * value for place, value in enumerate(values[1:], start=1))) % 103
    return [int(width) for value in (*values, check, _STOP) for width in _WIDTHS[value]]


def sscc_svg(sscc: Sscc) -> str:
    """The bars with their quiet zones, black on white; one module is one unit wide."""
    at, path, widths = QUIET, "", sscc_bars(sscc)
    for place, width in enumerate(widths):
        if place % 2 == 0:
            path += f"M{at} 0h{width}v{HEIGHT}h-{width}z"
        at += width
    whole = at + QUIET
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {whole} {HEIGHT}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{whole}v{HEIGHT}H0z"/><path d="{path}"/></svg>'
    )
