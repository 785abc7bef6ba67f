"""Identifiers in events: EPC URNs and GS1 Digital Links of one thing become one string.

Sources: EPC Tag Data Standard 1.13 section 6 (URN forms); GS1 Digital Link URI Syntax 1.2 section 4.11 (canonical form); CBV 2.0 Event
Hash ID rules 17 and 18 (finest level only, no query string, ``https://id.gs1.org``).
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from urllib.parse import quote, unquote, urlsplit

from kernel import gs1
from kernel.errors import Invalid

ROOT = "https://id.gs1.org/"

# The one deepest qualifier kept for each key; of several that are present the first named here wins.
QUALIFIERS: dict[str, tuple[str, ...]] = {
    "01": ("21", "235", "10"),
    "8006": ("21", "10"),
    "414": ("254",),
    "8010": ("8011",),
    **dict.fromkeys(("00", "253", "255", "401", "402", "417", "8003", "8004", "8017", "8018"), ()),
}
_DIGITS = re.compile(r"[0-9]{4}")
_LENGTHS = {"00": 18, "414": 13, "417": 13, "8017": 18, "8018": 18, "402": 17}


@functools.lru_cache(maxsize=16_384)  # an event is checked, hashed and indexed: each identifier is asked for three times
def canonical(uri: str) -> str:
    """``uri`` as a canonical GS1 Digital Link of the finest level when it names a GS1 key; any other URI unchanged."""
    if uri.startswith("urn:epc:"):
        return _from_urn(uri) or uri
    if uri.startswith(("http://", "https://")):
        return _from_link(uri) or uri
    return uri


def product_class(epc: str) -> str | None:
    """The GTIN-level link of a canonical link of a box or a lot, else None."""
    match = re.match(r"https://id\.gs1\.org/01/[0-9]{14}", epc)
    return match[0] if match and match[0] != epc else None


def check_key(uri: str) -> None:
    """Raises Invalid when ``uri`` names a GTIN, GLN or SSCC whose check digit is wrong."""
    link = canonical(uri)
    if link.startswith(ROOT):
        key, _, rest = link.removeprefix(ROOT).partition("/")
        _check_value(key, rest.partition("/")[0])


@functools.lru_cache(maxsize=16_384)  # the boxes of a document have few GTINs
def _check_value(key: str, value: str) -> None:
    if key in _PARSED:
        _PARSED[key](value)


_PARSED: dict[str, Callable[[str], object]] = {
    "01": gs1.parse_gtin,
    "414": gs1.parse_gln,
    "417": gs1.parse_gln,
    "00": gs1.parse_sscc,
}


def item_epc(gtin: str, serial: str) -> str:
    """The link of one serialised box."""
    return f"{ROOT}01/{gtin}/21/{_quoted(serial)}"


def lot_epc(gtin: str, lot: str) -> str:
    """The class-level link of one lot of a product."""
    return f"{ROOT}01/{gtin}/10/{_quoted(lot)}"


def location(gln: str) -> str:
    """The link of a place with a GLN."""
    return f"{ROOT}414/{gln}"


def _quoted(text: str) -> str:
    # GS1 Digital Link 1.2 table 7-1: everything but these is percent-encoded, in upper case.
    return quote(unquote(text), safe="-._~';=")


def _checked(body: str, length: int) -> str:
    if len(body) != length or not body.isdigit() or not body.isascii():
        raise ValueError(body)
    return gs1.make_check(body)


def _gtin(company: str, item: str) -> str:
    return _checked(item[:1] + company + item[1:], 13)


def _serialised(key: str, make: Callable[[str, str], str], *, qualifier: str = "", zero: str = "") -> Callable[[str], str]:
    """A form ``company.reference.serial``; the serial stands behind ``qualifier``, or without one right behind the key."""

    def convert(rest: str) -> str:
        company, reference, serial = rest.split(".", 2)
        value = make(company, reference)
        if serial in (zero, "*"):
            return f"{key}/{value}"
        return f"{key}/{value}/{qualifier}/{_quoted(serial)}" if qualifier else f"{key}/{value}{_quoted(serial)}"

    return convert


def _plain(key: str, make: Callable[[str, str], str]) -> Callable[[str], str]:
    def convert(rest: str) -> str:
        company, reference = rest.split(".", 1)
        return f"{key}/{make(company, reference)}"

    return convert


def _thirteen(company: str, reference: str) -> str:
    return _checked(company + reference, 12)


def _grai(company: str, reference: str) -> str:
    return _checked("0" + company + reference, 13)


def _eighteen(company: str, reference: str) -> str:
    return _checked(company + reference, 17)


def _sscc(company: str, reference: str) -> str:
    return _checked(reference[:1] + company + reference[1:], 17)


def _joined(company: str, reference: str) -> str:
    if not company.isdigit() or not reference:
        raise ValueError(reference)
    return _quoted(company + reference)


def _cpi(rest: str) -> str:
    company, part = rest.split(".", 1)
    reference, serial = part.rsplit(".", 1)
    value = _joined(company, reference)
    return f"8010/{value}" if serial == "*" else f"8010/{value}/8011/{_quoted(serial)}"


def _itip(rest: str) -> str:
    company, item, piece, total, serial = rest.split(".", 4)
    value = _gtin(company, item) + (piece + total if (piece + total).isdigit() else "")
    return f"8006/{value}" if serial == "*" else f"8006/{value}/21/{_quoted(serial)}"


_URNS: dict[str, Callable[[str], str]] = {
    "sgtin": _serialised("01", _gtin, qualifier="21"),
    "lgtin": _serialised("01", _gtin, qualifier="10"),
    "upui": _serialised("01", _gtin, qualifier="235"),
    "sgln": _serialised("414", _thirteen, qualifier="254", zero="0"),
    "grai": _serialised("8003", _grai),
    "gdti": _serialised("253", _thirteen),
    "sgcn": _serialised("255", _thirteen),
    "sscc": _plain("00", _sscc),
    "pgln": _plain("417", _thirteen),
    "gsrn": _plain("8018", _eighteen),
    "gsrnp": _plain("8017", _eighteen),
    "gsin": _plain("402", lambda company, reference: _checked(company + reference, 16)),
    "giai": _plain("8004", _joined),
    "ginc": _plain("401", _joined),
    "cpi": _cpi,
    "itip": _itip,
}


def _from_urn(uri: str) -> str | None:
    parts = uri.split(":", 4)
    if len(parts) != 5 or parts[2] not in ("id", "class", "idpat") or parts[3] not in _URNS:
        return None
    try:
        return ROOT + _URNS[parts[3]](parts[4])
    except ValueError:
        return None


def _from_link(uri: str) -> str | None:
    try:
        path = urlsplit(uri).path
    except ValueError:  # http://[
        return None
    segments = [unquote(part) for part in path.strip("/").split("/")]
    for at in range(len(segments) - 2, -1, -1):  # a stem may look like a key: the rightmost one counts
        key, value = segments[at], segments[at + 1]
        if key in QUALIFIERS and _DIGITS.match(value):
            return _finest(key, value, segments[at + 2 :])
    return None


def _finest(key: str, value: str, rest: list[str]) -> str | None:
    if len(rest) % 2:
        return None
    if key == "01":
        try:
            value = gs1.parse_gtin(value)
        except Invalid:
            value = value.zfill(14)
    elif key in _LENGTHS and len(value) != _LENGTHS[key]:
        return None
    found = dict(zip(rest[::2], rest[1::2], strict=True))
    for qualifier in QUALIFIERS[key]:
        if qualifier in found:
            return f"{ROOT}{key}/{_quoted(value)}/{qualifier}/{_quoted(found[qualifier])}"
    return f"{ROOT}{key}/{_quoted(value)}"
