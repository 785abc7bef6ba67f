"""Ask for events in the words of the EPCIS 2.0 query language (section 8.2.7.1), paged by key, each asker seeing only what is theirs.

Arrays are separated by ``|`` in a URL. ``GE_`` is inclusive, ``LT_`` exclusive. ``MATCH_epc`` looks in epcList and childEPCs,
``MATCH_anyEPC`` also in parent, inputs and outputs, ``MATCH_epcClass`` in the quantity lists. An unknown parameter is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, or_, select, tuple_
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.clock import parse_iso
from kernel.errors import Invalid, TooLarge
from traceability.events.identifiers import ROOT, canonical, product_class
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.vocabulary import Action, EpcRole, EventType, bare

MOST_PER_PAGE = 100
USUAL_PER_PAGE = 30


class QueryParameter(Invalid):
    """A parameter nobody knows, or a value that cannot be one."""


class QueryTooLarge(TooLarge):
    """More events than the asker wants to hear of."""


@dataclass(frozen=True)
class Query:
    """A query as understood: conditions, order, page size. ``until`` keeps pages stable while others insert."""

    conditions: Sequence[ColumnElement[bool]]
    order_by: str = "eventTime"
    descending: bool = True
    per_page: int = USUAL_PER_PAGE
    limit: int | None = None
    most: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Position:
    """Where a page ended, for the next one to go on."""

    until: datetime
    moment: datetime
    event_id: UUID
    seen: int


@dataclass(frozen=True)
class Page:
    """Events, and where the next page begins (None on the last)."""

    events: Sequence[TraceEvent]
    following: Position | None


def _in(column: Any, parse: Callable[[str], Any]) -> Callable[[str], ColumnElement[bool]]:
    def condition(text: str) -> ColumnElement[bool]:
        try:
            found: ColumnElement[bool] = column.in_([parse(word) for word in text.split("|") if word])
        except ValueError as error:
            raise QueryParameter("参数值“%(value)s”不对。", params={"value": text[:80]}) from error
        return found

    return condition


def _match(*roles: EpcRole) -> Callable[[str], ColumnElement[bool]]:
    def condition(text: str) -> ColumnElement[bool]:
        wanted = [_like(canonical(epc)) for epc in text.split("|") if epc]
        return exists().where(EventEpc.event_id == TraceEvent.id, EventEpc.role.in_(roles), or_(*wanted))

    return condition


def _like(epc: str) -> ColumnElement[bool]:
    """A GTIN-level link or pattern matches every box and lot of that product."""
    if epc.startswith(f"{ROOT}01/") and product_class(epc) is None:
        return or_(EventEpc.epc == epc, EventEpc.epc.startswith(f"{epc}/", autoescape=True))
    return EventEpc.epc == epc


def _times(column: Any, name: str) -> dict[str, Callable[[str], ColumnElement[bool]]]:
    return {
        f"GE_{name}": lambda text: column >= parse_iso(text, f"GE_{name}"),
        f"LT_{name}": lambda text: column < parse_iso(text, f"LT_{name}"),
    }


_EPC, _CHILD, _PARENT, _INPUT, _OUTPUT = EpcRole.EPC, EpcRole.CHILD, EpcRole.PARENT, EpcRole.INPUT, EpcRole.OUTPUT

CONDITIONS: dict[str, Callable[[str], ColumnElement[bool]]] = {
    "eventType": _in(TraceEvent.event_type, EventType),
    "EQ_action": _in(TraceEvent.action, Action),
    "EQ_bizStep": _in(TraceEvent.biz_step, bare),
    "EQ_disposition": _in(TraceEvent.disposition, bare),
    "EQ_readPoint": _in(TraceEvent.read_point, canonical),
    "EQ_bizLocation": _in(TraceEvent.biz_location, canonical),
    "EQ_eventID": _in(TraceEvent.event_uri, str),
    "EXISTS_errorDeclaration": lambda _: TraceEvent.is_declaration.is_(True),
    "MATCH_epc": _match(_EPC, _CHILD),
    "MATCH_parentID": _match(_PARENT),
    "MATCH_inputEPC": _match(_INPUT),
    "MATCH_outputEPC": _match(_OUTPUT),
    "MATCH_anyEPC": _match(_EPC, _CHILD, _PARENT, _INPUT, _OUTPUT),
    "MATCH_epcClass": _match(EpcRole.CLASS, EpcRole.CHILD_CLASS),
    "MATCH_inputEPCClass": _match(EpcRole.INPUT_CLASS),
    "MATCH_outputEPCClass": _match(EpcRole.OUTPUT_CLASS),
    "MATCH_anyEPCClass": _match(EpcRole.CLASS, EpcRole.CHILD_CLASS, EpcRole.INPUT_CLASS, EpcRole.OUTPUT_CLASS),
    **_times(TraceEvent.event_time, "eventTime"),
    **_times(TraceEvent.record_time, "recordTime"),
}
_ORDERS: dict[str, Any] = {"eventTime": TraceEvent.event_time, "recordTime": TraceEvent.record_time}


def parse_query(words: Mapping[str, str]) -> Query:
    """Understand the parameters of a request. Raises QueryParameter naming the one that is wrong."""
    conditions = []
    for name, text in words.items():
        if "\0" in text:
            raise QueryParameter("参数值“%(value)s”不对。", params={"value": text[:80]}, field=name[:60])
        if name in CONDITIONS:
            conditions.append(CONDITIONS[name](text))
        elif name not in ("orderBy", "orderDirection", "perPage", "eventCountLimit", "maxEventCount"):
            raise QueryParameter("不支持查询参数 %(name)s。", params={"name": name[:60]}, field=name[:60])
    order_by, direction = words.get("orderBy", "eventTime"), words.get("orderDirection", "DESC")
    if order_by not in _ORDERS or direction not in ("ASC", "DESC"):
        raise QueryParameter("orderBy 只能是 eventTime 或 recordTime，orderDirection 只能是 ASC 或 DESC。", field="orderBy")
    if "eventCountLimit" in words and ("maxEventCount" in words or "orderBy" not in words):
        raise QueryParameter("eventCountLimit 要与 orderBy 同用，且不能与 maxEventCount 同用。", field="eventCountLimit")
    return Query(
        conditions=conditions,
        order_by=order_by,
        descending=direction == "DESC",
        per_page=min(_count(words, "perPage") or USUAL_PER_PAGE, MOST_PER_PAGE),
        limit=_count(words, "eventCountLimit"),
        most=_count(words, "maxEventCount"),
        words=dict(words),
    )


def _count(words: Mapping[str, str], name: str) -> int | None:
    if name not in words:
        return None
    text = words[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 7 and int(text) > 0):
        raise QueryParameter("%(name)s 应是大于 0 的整数。", params={"name": name}, field=name)
    return int(text)


def may_see(actor: Actor) -> ColumnElement[bool] | None:
    """The condition that keeps an asker to the events of its own organisation; None for operator and auditors."""
    if actor.operator or actor.has(Role.auditor):
        return None
    return TraceEvent.organization_id.in_(list(actor.roles))


def find_page(session: Session, actor: Actor, query: Query, *, at: datetime, after: Position | None = None) -> Page:
    """One page of events, newest first unless asked otherwise. Raises QueryTooLarge when maxEventCount is exceeded."""
    until = after.until if after else at
    conditions = [*query.conditions, TraceEvent.record_time <= until]
    if (own := may_see(actor)) is not None:
        conditions.append(own)
    if query.most is not None and after is None:
        _refuse_too_many(session, conditions, query.most)
    seen = after.seen if after else 0
    size = query.per_page if query.limit is None else min(query.per_page, query.limit - seen)
    column = _ORDERS[query.order_by]
    key = tuple_(column, TraceEvent.id)
    if after is not None:
        here = (after.moment, after.event_id)
        conditions.append(key < here if query.descending else key > here)
    order = (column.desc(), TraceEvent.id.desc()) if query.descending else (column, TraceEvent.id)
    found = session.scalars(select(TraceEvent).where(*conditions).order_by(*order).limit(size + 1)).all()
    events = found[:size]
    more = len(found) > size and (query.limit is None or seen + size < query.limit)
    last = events[-1] if more and events else None
    moment = (last.event_time if query.order_by == "eventTime" else last.record_time) if last else until
    return Page(events, Position(until, moment, last.id, seen + size) if last else None)


def _refuse_too_many(session: Session, conditions: Sequence[ColumnElement[bool]], most: int) -> None:
    ids = session.scalars(select(TraceEvent.id).where(*conditions).limit(most + 1)).all()
    if len(ids) > most:
        raise QueryTooLarge("结果超过 maxEventCount=%(most)s 条，请缩小范围。", params={"most": most}, field="maxEventCount")


def list_by_event_id(session: Session, actor: Actor, event_uri: str) -> Sequence[TraceEvent]:
    """An event and its error declarations, the event first; empty when there is none this asker may see."""
    conditions = [TraceEvent.event_uri == event_uri]
    if (own := may_see(actor)) is not None:
        conditions.append(own)
    return session.scalars(select(TraceEvent).where(*conditions).order_by(TraceEvent.is_declaration, TraceEvent.id)).all()
