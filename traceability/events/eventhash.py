"""Event Hash ID: one name for one event, whoever computes it and however the JSON is ordered.

Source: GS1 Core Business Vocabulary 2.0, section 8.9, and the rules of its reference implementation (24 rules, property order). Pinned
here and nowhere else: ``?ver=CBV2.0``. Left out: recordTime, eventID, errorDeclaration. Two things follow the published vectors where the
prose differs or is silent: the type of a business transaction, source or destination stands before its value; text that is a plain
number is written as a number, because the XML binding cannot tell them apart (so "0010" in an extension hashes like "10": the ledger
commits to the whole body as well).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import rfc8785

from traceability.events.identifiers import canonical
from traceability.events.vocabulary import BIZ_STEPS, CBV_WORD, DISPOSITIONS

VERSION = "CBV2.0"
NAMESPACES: Mapping[str, str] = {
    "gs1": "https://gs1.org/voc/",
    "epcis": "https://ref.gs1.org/epcis/",
    "cbv": CBV_WORD,
    "cbvmda": "urn:epcglobal:cbv:mda:",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "owl": "http://www.w3.org/2002/07/owl#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
    "dcterms": "http://purl.org/dc/terms/",
}

_URN_WORDS = {
    "urn:epcglobal:cbv:bizstep:": f"{CBV_WORD}BizStep-",
    "urn:epcglobal:cbv:disp:": f"{CBV_WORD}Disp-",
    "urn:epcglobal:cbv:btt:": f"{CBV_WORD}BTT-",
    "urn:epcglobal:cbv:sdt:": f"{CBV_WORD}SDT-",
    "urn:epcglobal:cbv:er:": f"{CBV_WORD}ER-",
}
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")
_FRACTION = re.compile(r"\.([0-9]+)")
_EPC_LISTS = ("epcList", "inputEPCList", "childEPCs", "outputEPCList")
_QUANTITY_LISTS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_ORDER = (
    "eventTime", "eventTimeZoneOffset", "certificationInfo", "parentID", "epcList", "inputEPCList", "childEPCs",
    "quantityList", "childQuantityList", "inputQuantityList", "outputEPCList", "outputQuantityList",
    "action", "transformationID", "bizStep", "disposition", "persistentDisposition", "readPoint", "bizLocation",
    "bizTransactionList", "sourceList", "destinationList", "sensorElementList", "ilmd",
)  # fmt: skip
_TYPED = {
    "bizTransactionList": ("bizTransaction", "BTT-"),
    "sourceList": ("source", "SDT-"),
    "destinationList": ("destination", "SDT-"),
}
_METADATA = ("time", "startTime", "endTime", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "bizRules")
_REPORT = (
    "type", "exception", "deviceID", "deviceMetadata", "rawData", "dataProcessingMethod", "time", "microorganism",
    "chemicalSubstance", "value", "component", "stringValue", "booleanValue", "hexBinaryValue", "uriValue", "minValue",
    "maxValue", "meanValue", "sDev", "percRank", "percValue", "uom", "coordinateReferenceSystem",
)  # fmt: skip
TIMES = frozenset(("eventTime", "time", "startTime", "endTime"))
_LEFT_OUT = frozenset(("type", "eventID", "recordTime", "errorDeclaration", "@context", "rdfs:comment"))
_WORDS = {"bizStep": (BIZ_STEPS, "BizStep-"), "disposition": (DISPOSITIONS, "Disp-")}


def hash_event(event: Mapping[str, Any], context: object = None) -> str:
    """The Event Hash ID (``ni:///sha-256;…?ver=CBV2.0``) of an event in the JSON binding; see ``pre_hash`` for ``context``."""
    digest = hashlib.sha256(pre_hash(event, context).encode()).hexdigest()
    return f"ni:///sha-256;{digest}?ver={VERSION}"


def digest_body(body: Mapping[str, Any]) -> str:
    """SHA-256 over the whole body in RFC 8785 form, hex: unlike the Event Hash ID it leaves nothing out."""
    return hashlib.sha256(rfc8785.dumps(dict(body))).hexdigest()


def pre_hash(event: Mapping[str, Any], context: object = None) -> str:
    """The canonical string that is hashed.

    ``context`` is the ``@context`` of the document; namespaces it declares are added to those of the event's own ``@context``.
    """
    names = _Names({**NAMESPACES, **_declared(context), **_declared(event.get("@context"))})
    parts = [f"eventType={names.value(str(event['type']))}"]
    parts += (_field(key, event[key], names) for key in _ORDER if key in event)
    known = _LEFT_OUT.union(_ORDER)
    parts.append(_extensions(((key, value) for key, value in event.items() if key not in known), names))
    return "".join(parts)


def _declared(context: object) -> dict[str, str]:
    entries = context if isinstance(context, list) else [context]
    return {k: v for entry in entries if isinstance(entry, dict) for k, v in entry.items() if isinstance(v, str)}


class _Names:
    """Prefixes of this document, and values in canonical form."""

    def __init__(self, namespaces: Mapping[str, str]) -> None:
        self._namespaces = namespaces

    def key(self, key: str) -> str:
        """``{namespace}name`` of an extension key."""
        prefix, colon, local = key.partition(":")
        if colon and prefix in self._namespaces:
            return f"{{{self._namespaces[prefix]}}}{local}"
        if "://" in key or key.startswith("urn:"):
            cut = max(key.rfind("/"), key.rfind("#"), key.rfind(":") if key.startswith("urn:") else -1) + 1
            return f"{{{key[:cut]}}}{key[cut:]}"
        return key

    def value(self, value: object) -> str:
        """A leaf: numbers without idle zeros, CURIEs expanded, CBV URNs as web words, GS1 keys as canonical links."""
        if isinstance(value, bool):
            return "true" if value else "false"
        text = value.strip() if isinstance(value, str) else str(value)
        if not isinstance(value, str) or _NUMBER.fullmatch(text):
            return _number(text)
        prefix, colon, local = text.partition(":")
        if colon and prefix in self._namespaces:
            return self._namespaces[prefix] + local
        for urn, word in _URN_WORDS.items():
            if text.startswith(urn):
                return word + text.removeprefix(urn)
        return canonical(text)

    def word(self, value: str, known: frozenset[str] | None, stem: str) -> str:
        """A bare word of a CBV list as its web URI; other values as ``value``."""
        bare = value.strip()
        if (bare in known) if known is not None else re.fullmatch(r"[A-Za-z_]+", bare) is not None:
            return stem + bare
        return self.value(bare)


def _number(text: str) -> str:
    plain = f"{Decimal(text):f}"
    plain = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if plain in ("-0", "") else plain


def _field(key: str, value: Any, names: _Names) -> str:
    if key in _EPC_LISTS:
        return _list(key, (f"epc={names.value(epc)}" for epc in value))
    if key in _QUANTITY_LISTS:
        return _list(key, ("quantityElement" + _ordered(item, ("epcClass", "quantity", "uom"), names) for item in value))
    if key in _TYPED:
        return _list(key, (_typed(item, *_TYPED[key], names) for item in value))
    if key in ("readPoint", "bizLocation"):
        return key + _ordered(value, ("id",), names)
    if key == "persistentDisposition":
        return key + "".join(_words_list(way, value.get(way, ()), names) for way in ("set", "unset"))
    if key == "sensorElementList":
        return _list(key, (_sensor(item, names) for item in value))
    if key == "ilmd":
        return _group(key, _extensions(value.items(), names))
    if key in _WORDS:
        return f"{key}={names.word(value, _WORDS[key][0], CBV_WORD + _WORDS[key][1])}"
    if isinstance(value, list):
        return "".join(sorted(f"{key}={names.value(item)}" for item in value))
    return f"{key}={_instant(value) if key in TIMES else names.value(value)}"


def _list(key: str, children: Iterator[str]) -> str:
    return _group(key, "".join(sorted(children)))


def _group(key: str, inside: str) -> str:
    return key + inside if inside else ""


def _words_list(key: str, values: Any, names: _Names) -> str:
    return "".join(sorted(f"{key}={names.word(value, DISPOSITIONS, CBV_WORD + 'Disp-')}" for value in values))


def _typed(item: Mapping[str, Any], name: str, stem: str, names: _Names) -> str:
    kind = f"type={names.word(item['type'], None, CBV_WORD + stem)}" if "type" in item else ""
    return f"{kind}{name}={names.value(item[name])}"


def _ordered(item: Mapping[str, Any], order: tuple[str, ...], names: _Names) -> str:
    known = [_leaf(key, item[key], names) for key in order if key in item]
    rest = ((key, value) for key, value in item.items() if key not in order and key not in _LEFT_OUT)
    return "".join(known) + _extensions(rest, names)


def _leaf(key: str, value: Any, names: _Names) -> str:
    if key in TIMES:
        return f"{key}={_instant(value)}"
    if key == "type":
        return f"type={names.word(value, None, NAMESPACES['gs1'])}"
    if key == "component":
        return f"component={names.word(value, None, CBV_WORD + 'Comp-')}"
    return f"{key}={names.value(value)}"


def _sensor(item: Mapping[str, Any], names: _Names) -> str:
    inside = _group("sensorMetadata", _ordered(item.get("sensorMetadata", {}), _METADATA, names))
    inside += "".join(sorted("sensorReport" + _ordered(report, _REPORT, names) for report in item.get("sensorReport", ())))
    rest = ((key, value) for key, value in item.items() if key not in ("sensorMetadata", "sensorReport"))
    return "sensorElement" + inside + _extensions(rest, names)


def _extensions(items: Any, names: _Names) -> str:
    return "".join(sorted(part for key, value in items for part in _extension(names.key(key), value, names)))


def _extension(key: str, value: Any, names: _Names) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _extension(key, item, names)
    elif isinstance(value, Mapping):
        yield key + _extensions(value.items(), names)
    elif value is not None:
        yield f"{key}={names.value(value)}" if value != "" else key


def _instant(text: str) -> str:
    """UTC with milliseconds, rounded half up."""
    fraction = _FRACTION.search(text)
    whole = datetime.fromisoformat(_FRACTION.sub("", text.upper(), count=1)).astimezone(UTC)
    digits = (fraction[1] if fraction else "") + "0000"
    milliseconds = int(digits[:3]) + (digits[3] >= "5")
    return (whole + timedelta(milliseconds=milliseconds)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
