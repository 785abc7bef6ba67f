"""Is this EPCIS 2.0? The published schema, compiled once, and the rules of the standard that it does not catch. Pure.

Each fault names field, found and allowed, with a JSON pointer (RFC 6901), because "not valid under any of the given schemas" helps nobody.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import jsonschema_rs

from kernel.clock import parse_iso
from kernel.errors import FieldError, Invalid, Problem, Term
from traceability.events.eventhash import TIMES
from traceability.events.identifiers import check_key
from traceability.events.vocabulary import EventType

MOST_EVENTS = 500
MOST_FAULTS = 100  # told of one event: who sends more has one mistake in a program, not a hundred
MOST_BYTES = 5 * 1024 * 1024
DEEPEST = 32
BIGGEST = 2**53 - 1
MOST_OF_ONE = 10**14  # what our quantity columns hold before the point
SKEW = timedelta(minutes=5)  # clocks of scanners drift; an event from further ahead is a mistake

_DATA = Path(__file__).parent / "data" / "epcis-2.0-schema.json"
_EPC_FIELDS = ("epcList", "childEPCs", "inputEPCList", "outputEPCList")
_CLASS_FIELDS = ("quantityList", "childQuantityList", "inputQuantityList", "outputQuantityList")
_WITH_PERSISTENT = (EventType.OBJECT, EventType.TRANSFORMATION)


@functools.cache
def _validator(name: str) -> jsonschema_rs.Draft7Validator:
    definitions = json.loads(_DATA.read_text())["definitions"]
    if name == "epcisDocument":  # events are looked at one by one, so that each is told its own faults
        body = definitions[name]["properties"]["epcisBody"]
        body["properties"]["eventList"] = {"type": "array", "items": {"type": "object"}}
    schema = {"$ref": f"#/definitions/{name}", "definitions": definitions}
    return jsonschema_rs.Draft7Validator(schema, validate_formats=True)


def find_document_faults(document: object) -> list[FieldError]:
    """What is wrong with an EPCISDocument as such; its events are looked at by ``find_event_faults``."""
    if not isinstance(document, dict):
        return [FieldError("", "内容应是一个 JSON 对象。")]
    return list(_from_schema(_validator("epcisDocument"), document))


def find_event_faults(event: object, at: datetime) -> list[FieldError]:
    """What is wrong with one event; ``at`` is the present, which no event may lie beyond. Empty when all is right."""
    if not isinstance(event, dict):
        return [FieldError("", "每个事件应是一个 JSON 对象。")]
    kind = event.get("type")
    if not isinstance(kind, str) or kind not in set(EventType):
        allowed = "、".join(sorted(EventType))
        return [FieldError("/type", _ALLOWED, {"field": "type", "found": _shown(kind), "allowed": allowed})]
    faults = list(_unstorable(event)) or list(_from_schema(_validator(kind), event))
    return faults or list(_own_rules(event, at))


_FAULT_TEXTS = {
    "choice": "%(field)s 写的是 %(found)s，应为：%(allowed)s。",
    "choice or uri": "%(field)s 写的是 %(found)s，应为：%(allowed)s，或自己的 URI。",
    "time": "带时区的时间，如 2026-01-31T08:30:00+08:00",
    "event": "事件",
}
_ALLOWED = _FAULT_TEXTS["choice"]
_EVENT = Term(_FAULT_TEXTS["event"])


def _from_schema(validator: jsonschema_rs.Draft7Validator, value: Mapping[str, Any]) -> Iterator[FieldError]:
    """The first faults with their places. Alternatives that fail because of something wrong within them say nothing of their own."""
    found = [(error, _fault(error)) for error in islice(validator.iter_errors(value), 10 * MOST_FAULTS)]
    within = Counter(place for _, fault in found for place in _places_above(fault.field))
    told = (fault for error, fault in found if not (_is_choice(error) and _is_within(_pointer(error.instance_path), fault, within)))
    yield from islice(told, MOST_FAULTS)


def _places_above(pointer: str) -> Iterator[str]:
    while pointer:
        pointer = pointer.rpartition("/")[0]
        yield pointer


def _is_within(place: str, own: FieldError, within: Counter[str]) -> bool:
    """Whether another fault lies inside ``place``. Counted once for all: to compare each fault with each took a minute for one event."""
    return within[place] > (place in _places_above(own.field))


def _is_choice(error: jsonschema_rs.ValidationError) -> bool:
    return error.kind.name in ("anyOf", "oneOf")


def _fault(error: jsonschema_rs.ValidationError) -> FieldError:
    pointer = _pointer(error.instance_path)
    field = _field_of(error.instance_path)
    kind: Any = error.kind
    if _is_choice(error):
        return _nearest(kind.context, pointer, field, error)
    if kind.name == "required":
        return FieldError(f"{pointer}/{kind.property}", "缺少必填项 %(field)s。", {"field": str(kind.property)})
    if kind.name == "additionalProperties":
        return FieldError(pointer, "%(field)s 里有不认识的内容：%(found)s。", {"field": field, "found": "、".join(kind.unexpected)})
    allowed = _allowed(kind)
    if allowed:
        return FieldError(pointer, _ALLOWED, {"field": field, "found": _shown(error.instance), "allowed": allowed})
    return FieldError(pointer, "%(field)s 不符合 EPCIS 2.0：%(detail)s", {"field": field or _EVENT, "detail": error.message[:200]})


def _allowed(kind: Any) -> str:
    if kind.name == "enum":
        return "、".join(str(option) for option in kind.options)
    if kind.name == "format":
        return {"date-time": Term(_FAULT_TEXTS["time"]), "uri": "URI"}.get(kind.format, str(kind.format))
    if kind.name == "pattern":
        return Term(_PATTERN_WORDS.get(kind.pattern, str(kind.pattern)))
    if kind.name == "type":
        return "、".join(kind.types)
    return ""


_PATTERN_WORDS = {
    "^([+]|[-])((0[0-9]|1[0-3]):([0-5][0-9])|14:00)$": "±hh:mm，如 +08:00",
    "^[A-Z0-9]{2,3}$": "UN/ECE 单位代码，如 KGM",
}


def _nearest(context: Sequence[Sequence[Any]], pointer: str, field: str, error: Any) -> FieldError:
    """Of several alternatives tell the choice of words, which is what was meant when a bare word stands there."""
    inner = [fault for alternative in context for fault in alternative]
    for fault in inner:
        if fault.kind.name == "enum" and _pointer(fault.instance_path) == pointer:
            found = {"field": field, "found": _shown(error.instance), "allowed": _allowed(fault.kind)}
            return FieldError(pointer, _FAULT_TEXTS["choice or uri"], found)
    if not pointer and isinstance(error.instance, dict) and "ilmd" in error.instance:
        return FieldError("/ilmd", "只有 action 为 ADD 的事件才能带 ilmd。")
    missing = sorted({str(fault.kind.property) for fault in inner if fault.kind.name == "required"})
    if missing:
        return FieldError(pointer, "至少要有其中一项：%(allowed)s。", {"allowed": "、".join(missing)})
    return FieldError(pointer, "%(field)s 不符合 EPCIS 2.0：%(detail)s", {"field": field or _EVENT, "detail": error.message[:200]})


def _unstorable(event: Mapping[str, Any]) -> Iterator[FieldError]:
    """What no two programs read alike (RFC 7493, I-JSON: big integers), what no database keeps (U+0000), what nests without end."""
    waiting: list[tuple[str, Any, int]] = [("", event, 0)]
    while waiting:
        pointer, value, depth = waiting.pop()
        if depth > DEEPEST:
            yield FieldError(pointer, "内容嵌套超过 %(most)s 层。", {"most": DEEPEST})
        elif isinstance(value, dict):
            waiting += [(f"{pointer}/{_escaped(key)}", inner, depth + 1) for key, inner in value.items()]
            if any("\0" in key for key in value):
                yield FieldError(pointer, "名称里有不允许的字符 U+0000。")
        elif isinstance(value, list):
            waiting += [(f"{pointer}/{place}", inner, depth + 1) for place, inner in enumerate(value)]
        elif isinstance(value, str) and "\0" in value:
            yield FieldError(pointer, "文字里有不允许的字符 U+0000。")
        elif isinstance(value, int) and abs(value) > BIGGEST:
            yield FieldError(pointer, "数字 %(found)s 太大，请改用文字。", {"found": str(value)[:40]})


def _own_rules(event: Mapping[str, Any], at: datetime) -> Iterator[FieldError]:
    yield from _times(event, at)
    if event["type"] == EventType.AGGREGATION and event.get("action") == "ADD" and "parentID" not in event:
        yield FieldError("/parentID", "装箱（ADD）要写明装进了哪里：缺少 parentID。")
    if "persistentDisposition" in event and event["type"] not in _WITH_PERSISTENT:
        yield FieldError("/persistentDisposition", "persistentDisposition 只用于 ObjectEvent 和 TransformationEvent。")
    for key in event.get("ilmd", {}):
        if ":" not in key:
            yield FieldError(f"/ilmd/{_escaped(key)}", "ilmd 里的 %(field)s 要带命名空间前缀。", {"field": key})
    yield from _quantities(event)
    yield from _balance(event)
    yield from _sensor_times(event)
    for pointer, uri in _keys(event):
        try:
            check_key(uri)
        except Problem as problem:
            yield FieldError(pointer, problem.message, problem.params)


def _times(event: Mapping[str, Any], at: datetime) -> Iterator[FieldError]:
    """The schema lets moments pass that no clock here reads (a leap second, the year 0)."""
    declared = event.get("errorDeclaration", {}).get("declarationTime")
    for pointer, text in (("/eventTime", event["eventTime"]), ("/errorDeclaration/declarationTime", declared)):
        try:
            if text is not None and parse_iso(text) > at + SKEW:
                found = {"field": pointer.rpartition("/")[2], "found": text}
                yield FieldError(pointer, "%(field)s 写的是 %(found)s，事件不能发生在将来。", found)
        except Invalid as problem:
            yield FieldError(pointer, problem.message, problem.params)


def _balance(event: Mapping[str, Any]) -> Iterator[FieldError]:
    """A transformation does not give out more than came in, where both sides say it in units of one kind and nothing else takes part:
    a transformationID may have other events, a serialised input a weight nobody tells."""
    if "transformationID" in event or event.get("inputEPCList"):
        return
    for units in (_MASS, _VOLUME):
        given, taken = (_total(event.get(name, ()), units) for name in ("outputQuantityList", "inputQuantityList"))
        if given is not None and taken is not None and given > taken:
            found = {"field": "outputQuantityList", "found": f"{given.normalize():f}", "allowed": f"≤ {taken.normalize():f}"}
            yield FieldError("/outputQuantityList", _ALLOWED, found)


# UN/ECE Recommendation 20, in kilograms and litres.
_MASS = {"KGM": Decimal(1), "GRM": Decimal("0.001"), "MGM": Decimal("0.000001"), "DTN": Decimal(100), "TNE": Decimal(1000)}
_VOLUME = {"LTR": Decimal(1), "MLT": Decimal("0.001"), "HLT": Decimal(100), "MTQ": Decimal(1000)}


def _total(elements: Sequence[Mapping[str, Any]], units: Mapping[str, Decimal]) -> Decimal | None:
    if not elements or not all("quantity" in each and each.get("uom") in units for each in elements):
        return None
    return sum((Decimal(str(each["quantity"])) * units[each["uom"]] for each in elements), Decimal())


def _quantities(event: Mapping[str, Any]) -> Iterator[FieldError]:
    for name in _CLASS_FIELDS:
        for place, element in enumerate(event.get(name, ())):
            amount = element.get("quantity")
            if amount is not None and not 0 <= amount < MOST_OF_ONE:
                found = {"field": "quantity", "found": _shown(amount), "allowed": "≥ 0, < 10¹⁴"}
                yield FieldError(f"/{name}/{place}/quantity", _ALLOWED, found)


def _sensor_times(event: Mapping[str, Any]) -> Iterator[FieldError]:
    """Moments of measuring enter the Event Hash ID in UTC: the schema lets leap seconds and the year 0 pass, which no clock here reads."""
    for place, element in enumerate(event.get("sensorElementList", ())):
        parts = [("sensorMetadata", element.get("sensorMetadata", {}))]
        parts += [(f"sensorReport/{number}", report) for number, report in enumerate(element.get("sensorReport", ()))]
        for where, part in parts:
            for name in sorted(TIMES & part.keys()):
                try:
                    parse_iso(part[name])
                except Invalid as problem:
                    yield FieldError(f"/sensorElementList/{place}/{where}/{name}", problem.message, problem.params)


def _keys(event: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in _EPC_FIELDS:
        yield from ((f"/{name}/{place}", epc) for place, epc in enumerate(event.get(name, ())))
    for name in _CLASS_FIELDS:
        yield from ((f"/{name}/{place}/epcClass", element["epcClass"]) for place, element in enumerate(event.get(name, ())))
    for name in ("readPoint", "bizLocation"):
        if name in event:
            yield f"/{name}/id", event[name]["id"]
    if "parentID" in event:
        yield "/parentID", event["parentID"]


def must_be_event(event: object, at: datetime) -> None:
    """Raises Invalid with every fault of a single event."""
    if faults := find_event_faults(event, at):
        raise Invalid("事件不符合 EPCIS 2.0，请按所列位置改正。", errors=faults)


def _pointer(path: Sequence[str | int]) -> str:
    return "".join(f"/{_escaped(str(part))}" for part in path)


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1")


def _field_of(path: Sequence[str | int]) -> str:
    names = [part for part in path if isinstance(part, str)]
    return names[-1] if names else ""


def _shown(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)[:80]
