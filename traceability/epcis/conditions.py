"""The words of the EPCIS 2.0 query language (section 8.2.7.1) as conditions of SQL. Pure.

Arrays are separated by ``|`` in a URL. ``GE_`` is inclusive, ``LT_`` exclusive. ``MATCH_epc`` looks in epcList and childEPCs,
``MATCH_anyEPC`` also in parent, inputs and outputs, ``MATCH_epcClass`` in the quantity lists. ``WD_`` means a place with what lies in it:
a GLN with its extensions (AI 254), the only hierarchy identifiers tell by themselves. Members of ilmd and extensions are named as the
event writes them (``EQ_ILMD_cbvmda:lotNumber``). An unknown parameter is refused.

What identifiers, steps, places and times ask for is found by index; the rest is looked up in the events themselves, within those of one
organisation and within a time limit (see querying).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation
from operator import eq, ge, gt, le, lt
from typing import Any

from sqlalchemy import ColumnElement, DateTime, String, Text, cast, column, exists, false, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, JSONPATH

from kernel.clock import parse_iso
from kernel.errors import Invalid
from traceability.events.identifiers import ROOT, canonical, product_class
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.urns import to_urn
from traceability.events.vocabulary import CBV_WORD, Action, EpcRole, EventType, bare

LONGEST_NAME = 200

Condition = Callable[[str], ColumnElement[bool]]


class QueryParameter(Invalid):
    """A parameter nobody knows, or a value that cannot be one."""


def condition_of(name: str, text: str) -> ColumnElement[bool] | None:
    """The condition that a parameter with this value stands for; None when there is no such parameter. Raises QueryParameter."""
    if name in FIXED:
        return FIXED[name](text)
    if len(name) <= LONGEST_NAME:
        for pattern, make in PATTERNS:
            if match := pattern.fullmatch(name):
                return make(*match.groups())(text)
    return None


def _values(text: str) -> list[str]:
    return [word for word in text.split("|") if word]


def _wrong(text: str) -> QueryParameter:
    return QueryParameter("参数值“%(value)s”不对。", params={"value": text[:80]})


def _in(column_: Any, parse: Callable[[str], Any]) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        try:
            found: ColumnElement[bool] = column_.in_([parse(word) for word in _values(text)])
        except ValueError as error:
            raise _wrong(text) from error
        return found

    return condition


def _match(*roles: EpcRole) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        wanted = [_like(canonical(epc)) for epc in _values(text)]
        return exists().where(EventEpc.event_id == TraceEvent.id, EventEpc.role.in_(roles), or_(false(), *wanted))

    return condition


def _like(epc: str) -> ColumnElement[bool]:
    """A GTIN-level link or pattern matches every box and lot of that product."""
    if epc.startswith(f"{ROOT}01/") and product_class(epc) is None:
        return or_(EventEpc.epc == epc, EventEpc.epc.startswith(f"{epc}/", autoescape=True))
    return EventEpc.epc == epc


def _within(column_: Any) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        places = [canonical(place) for place in _values(text)]
        inside = (column_.startswith(f"{place}/254/", autoescape=True) for place in places)
        return or_(column_.in_(places), *inside)

    return condition


def _moment(text: str) -> Any:
    try:
        return parse_iso(text)
    except Invalid as problem:
        raise QueryParameter(problem.message, params=problem.params) from problem


def _times(column_: Any, name: str) -> dict[str, Condition]:
    return {f"GE_{name}": lambda text: column_ >= _moment(text), f"LT_{name}": lambda text: column_ < _moment(text)}


_COMPARED: dict[str, Callable[[Any, Any], Any]] = {"EQ": eq, "GT": gt, "GE": ge, "LT": lt, "LE": le}
_SIGNS = {"EQ": "==", "GT": ">", "GE": ">=", "LT": "<", "LE": "<="}


def _number(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise _wrong(text) from error
    if not value.is_finite() or abs(value.adjusted()) > 30:
        raise _wrong(text)
    return value


def _quantity(word: str) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        return exists().where(EventEpc.event_id == TraceEvent.id, _COMPARED[word](EventEpc.quantity, _number(text)))

    return condition


def _found(path: str, wanted: Iterable[object] = ()) -> ColumnElement[bool]:
    """Whether the event holds something at this SQL/JSON path; ``$v`` in it stands for any of the wanted."""
    given = cast(literal(json.dumps({"v": list(wanted)}), String), JSONB)
    found: ColumnElement[bool] = func.jsonb_path_exists(TraceEvent.body, cast(literal(path, String), JSONPATH), given)
    return found


def _one_of(path: str, spell: Callable[[str], Iterable[object]] = lambda word: (word,)) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        return _found(f"{path} ? (@ == $v[*])", (each for word in _values(text) for each in spell(word)))

    return condition


def _identifier(word: str) -> list[str]:
    """One thing as itself, as a canonical Digital Link and as a URN: events keep what was sent."""
    link = canonical(word)
    return list(dict.fromkeys(filter(None, (word, link, to_urn(link)))))


def _cbv(urn: str, stem: str) -> Callable[[str], list[str]]:
    return lambda word: [word, f"{urn}{word}", f"{CBV_WORD}{stem}{word}", f"cbv:{stem}{word}"]


def _gs1(word: str) -> list[str]:
    return [word, f"gs1:{word}", f"https://gs1.org/voc/{word}"]


def _flag(word: str) -> list[object]:
    if word not in ("true", "false"):
        raise _wrong(word)
    return [word == "true"]


def _only_true(condition: ColumnElement[bool]) -> Condition:
    def exists_(text: str) -> ColumnElement[bool]:
        return condition if _flag(text or "true")[0] else ~condition

    return exists_


def _typed(list_name: str, member: str, urn: str, stem: str) -> Callable[[str], Condition]:
    """``EQ_source_possessing_party``: a source of that type is one of the values."""

    def of_type(kind: str) -> Condition:
        kinds = " || ".join(f"@.type == {json.dumps(each)}" for each in _cbv(urn, stem)(kind))
        return _one_of(f"$.{list_name}[*] ? ({kinds}).{member}", _identifier)

    return of_type


def _member(base: str) -> Callable[[str, str], Condition]:
    def of_name(word: str, name: str) -> Condition:
        return _compare(word, f"{base}.{json.dumps(name, ensure_ascii=False)}")

    return of_name


def _compare(word: str, path: str) -> Condition:
    """EXISTS, equality with any of several values as text or number, or an order of numbers."""
    if word == "EXISTS":
        return lambda text: _only_true(_found(path))(text)
    if word == "EQ":
        return _one_of(path, _as_text_or_number)
    return lambda text: _found(f"{path} ? (@ {_SIGNS[word]} $v[0])", [float(_number(text))])


def _as_text_or_number(word: str) -> list[object]:
    try:
        return [word, float(_number(word))]
    except QueryParameter:
        return [word]


def _measured(word: str, name: str, unit: str) -> Condition:
    """``GE_value_CEL``: a sensor report with that figure in that unit."""
    return lambda text: _found(
        f"{_REPORT} ? (@.uom == {json.dumps(unit)}).{name} ? (@ {_SIGNS[word]} $v[0])", [float(_number(text))]
    )


def _sensor_times(word: str, name: str) -> Condition:
    def condition(text: str) -> ColumnElement[bool]:
        path = cast(literal(f"$.sensorElementList[*].sensorMetadata.{name}", String), JSONPATH)
        moments = func.jsonb_path_query(TraceEvent.body, path).table_valued(column("found", JSONB), name="moments").render_derived()
        at = cast(moments.c.found.op("#>>")(cast(literal("{}", String), ARRAY(Text))), DateTime(timezone=True))
        return exists(select(1).select_from(moments).where(_COMPARED[word](at, _moment(text))))

    return condition


_DECLARED_AT = cast(TraceEvent.body["errorDeclaration"]["declarationTime"].astext, DateTime(timezone=True))
_METADATA, _REPORT = "$.sensorElementList[*].sensorMetadata", "$.sensorElementList[*].sensorReport[*]"
_SENSED = "$.sensorElementList[*].*"
_REPORTED = ("microorganism", "chemicalSubstance", "stringValue", "hexBinaryValue", "uriValue")
_EPC, _CHILD, _PARENT, _INPUT, _OUTPUT = EpcRole.EPC, EpcRole.CHILD, EpcRole.PARENT, EpcRole.INPUT, EpcRole.OUTPUT
_DISPOSITION = _cbv("urn:epcglobal:cbv:disp:", "Disp-")

FIXED: dict[str, Condition] = {
    "eventType": _in(TraceEvent.event_type, EventType),
    "EQ_action": _in(TraceEvent.action, Action),
    "EQ_bizStep": _in(TraceEvent.biz_step, bare),
    "EQ_disposition": _in(TraceEvent.disposition, bare),
    "EQ_persistentDisposition_set": _one_of("$.persistentDisposition.set[*]", lambda word: _DISPOSITION(bare(word))),
    "EQ_persistentDisposition_unset": _one_of("$.persistentDisposition.unset[*]", lambda word: _DISPOSITION(bare(word))),
    "EQ_readPoint": _in(TraceEvent.read_point, canonical),
    "WD_readPoint": _within(TraceEvent.read_point),
    "EQ_bizLocation": _in(TraceEvent.biz_location, canonical),
    "WD_bizLocation": _within(TraceEvent.biz_location),
    "EQ_eventID": _in(TraceEvent.event_uri, str),
    "EQ_transformationID": _one_of("$.transformationID", _identifier),
    "EXISTS_errorDeclaration": _only_true(TraceEvent.is_declaration.is_(True)),
    "EQ_errorReason": _one_of("$.errorDeclaration.reason", _cbv("urn:epcglobal:cbv:er:", "ER-")),
    "EQ_correctiveEventID": _one_of("$.errorDeclaration.correctiveEventIDs[*]"),
    "MATCH_epc": _match(_EPC, _CHILD),
    "MATCH_parentID": _match(_PARENT),
    "MATCH_inputEPC": _match(_INPUT),
    "MATCH_outputEPC": _match(_OUTPUT),
    "MATCH_anyEPC": _match(_EPC, _CHILD, _PARENT, _INPUT, _OUTPUT),
    "MATCH_epcClass": _match(EpcRole.CLASS, EpcRole.CHILD_CLASS),
    "MATCH_inputEPCClass": _match(EpcRole.INPUT_CLASS),
    "MATCH_outputEPCClass": _match(EpcRole.OUTPUT_CLASS),
    "MATCH_anyEPCClass": _match(EpcRole.CLASS, EpcRole.CHILD_CLASS, EpcRole.INPUT_CLASS, EpcRole.OUTPUT_CLASS),
    "EQ_type": _one_of(f"{_REPORT}.type", _gs1),
    "EQ_deviceID": _one_of(f"{_SENSED}.deviceID", _identifier),
    "EQ_dataProcessingMethod": _one_of(f"{_SENSED}.dataProcessingMethod", _identifier),
    "EQ_bizRules": _one_of(f"{_METADATA}.bizRules", _identifier),
    **{f"EQ_{name}": _one_of(f"{_REPORT}.{name}") for name in _REPORTED},
    "EQ_booleanValue": _one_of(f"{_REPORT}.booleanValue", _flag),
    **{f"{word}_quantity": _quantity(word) for word in _COMPARED},
    **_times(TraceEvent.event_time, "eventTime"),
    **_times(TraceEvent.record_time, "recordTime"),
    **_times(_DECLARED_AT, "errorDeclarationTime"),
    **{f"{word}_{name}": _sensor_times(word, name) for word in ("GE", "LT") for name in ("startTime", "endTime")},
}  # fmt: skip

_FIGURES = "value|minValue|maxValue|meanValue|sDev|percValue|percRank"
PATTERNS: tuple[tuple[re.Pattern[str], Callable[..., Condition]], ...] = (
    (re.compile(r"EQ_bizTransaction_(.+)"), _typed("bizTransactionList", "bizTransaction", "urn:epcglobal:cbv:btt:", "BTT-")),
    (re.compile(r"EQ_source_(.+)"), _typed("sourceList", "source", "urn:epcglobal:cbv:sdt:", "SDT-")),
    (re.compile(r"EQ_destination_(.+)"), _typed("destinationList", "destination", "urn:epcglobal:cbv:sdt:", "SDT-")),
    (re.compile(rf"(EQ|GT|GE|LT|LE)_({_FIGURES})_([A-Z0-9]{{2,3}})"), _measured),
    (re.compile(r"(EXISTS|EQ|GT|GE|LT|LE)_INNER_ILMD_(.+)"), _member("$.ilmd.*.**")),
    (re.compile(r"(EXISTS|EQ|GT|GE|LT|LE)_ILMD_(.+)"), _member("$.ilmd")),
    (re.compile(r"(EXISTS|EQ|GT|GE|LT|LE)_INNER_([^:]+:.+)"), _member("$.*.**")),
    (re.compile(r"(EXISTS|EQ|GT|GE|LT|LE)_([^:]+:.+)"), _member("$")),
)
"""Tried in this order: the first that fits says what a name means."""
