"""A GS1 Digital Link back as an EPC URN. Pure.

A URN says where the company prefix ends, a Digital Link does not: the length comes from GS1's list of prefixes (in the library biip).
A prefix that is not in it, or a form that has no URN, stays a Digital Link. Source: EPC Tag Data Standard 1.13, section 6.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from urllib.parse import quote, unquote

from biip import ParseError
from biip.gs1_prefixes import GS1CompanyPrefix

from traceability.events.identifiers import ROOT, canonical

# TDS table A-1: these stand as they are in the serial of a URN, everything else is percent-encoded.
_PLAIN = "!'()*+,-.:;=_"


@functools.lru_cache(maxsize=4096)
def to_urn(uri: str) -> str | None:
    """The EPC URN of a GS1 Digital Link; None for what is none or whose company prefix nobody knows the length of."""
    link = canonical(uri)
    if not link.startswith(ROOT):
        return None
    key, value, *rest = [unquote(part) for part in link.removeprefix(ROOT).split("/")]
    make = _MAKERS.get(key)
    if make is None or not value.isascii():
        return None
    qualifier, serial = (rest[0], rest[1]) if len(rest) == 2 else ("", "")
    try:
        urn = make(value, qualifier, serial)
    except (ParseError, LookupError, ValueError):
        return None
    return urn if canonical(urn) == link else None  # a spelling that would not come back is no translation


def _company(digits: str) -> str:
    found = GS1CompanyPrefix.extract(digits)
    if found is None:
        raise LookupError(digits)
    return found.value


def _leading(value: str) -> str:
    """The company prefix of a value that goes on with text."""
    digits = re.match("[0-9]*", value)
    return _company(digits[0][:12] if digits else "")


def _split(digits: str) -> tuple[str, str]:
    company = _company(digits)
    return company, digits[len(company) :]


def _text(serial: str) -> str:
    return quote(serial, safe=_PLAIN)


def _trade_item(value: str, qualifier: str, serial: str) -> str:
    company, reference = _split(value[1:13])
    item = f"{company}.{value[0]}{reference}"
    if not qualifier:
        return f"urn:epc:idpat:sgtin:{item}.*"
    form = {"21": "id:sgtin", "10": "class:lgtin", "235": "id:upui"}[qualifier]
    return f"urn:epc:{form}:{item}.{_text(serial)}"


def _piece(value: str, _qualifier: str, serial: str) -> str:
    company, reference = _split(value[1:13])
    part = f"{company}.{value[0]}{reference}.{value[14:16]}.{value[16:18]}"
    return f"urn:epc:id:itip:{part}.{_text(serial)}" if serial else f"urn:epc:idpat:itip:{part}.*"


def _place(value: str, _qualifier: str, serial: str) -> str:
    return f"urn:epc:id:sgln:{'.'.join(_split(value[:12]))}.{_text(serial) or '0'}"


def _unit(value: str, _qualifier: str, _serial: str) -> str:
    company, reference = _split(value[1:17])
    return f"urn:epc:id:sscc:{company}.{value[0]}{reference}"


def _numbered(form: str, start: int, end: int) -> Callable[[str, str, str], str]:
    """Digits with a check digit, and behind it perhaps a serial of the thing's own."""

    def make(value: str, _qualifier: str, _serial: str) -> str:
        reference, own = ".".join(_split(value[start:end])), value[end + 1 :]
        return f"urn:epc:id:{form}:{reference}.{_text(own)}" if own else f"urn:epc:idpat:{form}:{reference}.*"

    return make


def _checked(form: str, end: int) -> Callable[[str, str, str], str]:
    return lambda value, _qualifier, _serial: f"urn:epc:id:{form}:{'.'.join(_split(value[:end]))}"


def _free(form: str) -> Callable[[str, str, str], str]:
    """A company prefix with text of the company's own behind it."""

    def make(value: str, _qualifier: str, _serial: str) -> str:
        company = _leading(value)
        return f"urn:epc:id:{form}:{company}.{_text(value[len(company) :])}"

    return make


def _component(value: str, _qualifier: str, serial: str) -> str:
    company = _leading(value)
    part = f"{company}.{_text(value[len(company) :])}"
    return f"urn:epc:id:cpi:{part}.{_text(serial)}" if serial else f"urn:epc:idpat:cpi:{part}.*"


_MAKERS: dict[str, Callable[[str, str, str], str]] = {
    "01": _trade_item,
    "8006": _piece,
    "414": _place,
    "00": _unit,
    "417": _checked("pgln", 12),
    "402": _checked("gsin", 16),
    "8017": _checked("gsrnp", 17),
    "8018": _checked("gsrn", 17),
    "253": _numbered("gdti", 0, 12),
    "255": _numbered("sgcn", 0, 12),
    "8003": _numbered("grai", 1, 13),
    "8004": _free("giai"),
    "401": _free("ginc"),
    "8010": _component,
}
