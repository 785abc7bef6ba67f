"""Ask for events, page by page by key, each asker seeing only what is theirs. The words of a question: see conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, text, tuple_
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor, Role
from kernel.errors import TooLarge
from traceability.epcis.conditions import QueryParameter, condition_of
from traceability.events.models import TraceEvent

MOST_PER_PAGE = 100
USUAL_PER_PAGE = 30
PATIENCE = 8000  # milliseconds one question may take the database
CLOCKS_APART = timedelta(seconds=1)


class QueryTooLarge(TooLarge):
    """More events than the asker wants to hear of."""


class QueryTooComplex(TooLarge):
    """More than the database can look through in reasonable time."""


@dataclass(frozen=True)
class Query:
    """A query as understood: conditions, order, page size."""

    conditions: Sequence[ColumnElement[bool]]
    order_by: str = "eventTime"
    descending: bool = True
    per_page: int = USUAL_PER_PAGE
    limit: int | None = None
    most: int | None = None
    words: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Position:
    """Where a page ended, for the next one to go on. ``until`` keeps pages stable while others insert."""

    until: datetime
    moment: datetime
    event_id: UUID
    seen: int

    def state(self) -> list[str | int]:
        """As a page token carries it."""
        return [self.until.isoformat(), self.moment.isoformat(), str(self.event_id), self.seen]

    @classmethod
    def read(cls, state: Sequence[str | int]) -> Position:
        """The position in a page token."""
        until, moment, event_id, seen = state
        return cls(datetime.fromisoformat(str(until)), datetime.fromisoformat(str(moment)), UUID(str(event_id)), int(seen))


@dataclass(frozen=True)
class Page:
    """Events, and where the next page begins (None on the last)."""

    events: Sequence[TraceEvent]
    following: Position | None


_ORDERS: dict[str, Any] = {"eventTime": TraceEvent.event_time, "recordTime": TraceEvent.record_time}
_CONTROLS = ("orderBy", "orderDirection", "perPage", "eventCountLimit", "maxEventCount")


def parse_query(words: Mapping[str, str]) -> Query:
    """Understand the parameters of a request. Raises QueryParameter naming the one that is wrong."""
    conditions = []
    for name, value in words.items():
        if "\0" in value:
            raise QueryParameter("参数值“%(value)s”不对。", params={"value": value[:80]}, field=name[:60])
        condition = None if name in _CONTROLS else condition_of(name, value)
        if condition is not None:
            conditions.append(condition)
        elif name not in _CONTROLS:
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
        per_page=page_size(words),
        limit=_count(words, "eventCountLimit"),
        most=_count(words, "maxEventCount"),
        words=dict(words),
    )


def page_size(words: Mapping[str, str]) -> int:
    """How many a page holds. Raises QueryParameter."""
    return min(_count(words, "perPage") or USUAL_PER_PAGE, MOST_PER_PAGE)


def _count(words: Mapping[str, str], name: str) -> int | None:
    if name not in words:
        return None
    value = words[name]
    if not (value.isascii() and value.isdigit() and len(value) <= 7 and int(value) > 0):
        raise QueryParameter("%(name)s 应是大于 0 的整数。", params={"name": name}, field=name)
    return int(value)


def may_see(actor: Actor) -> ColumnElement[bool] | None:
    """The condition that keeps an asker to the events of its own organisation; None for operator and auditors."""
    if actor.operator or actor.has(Role.auditor):
        return None
    return TraceEvent.organization_id.in_(list(actor.roles))


@contextmanager
def patiently(session: Session) -> Iterator[None]:
    """Give up on a question that takes the database too long. Raises QueryTooComplex."""
    session.execute(text(f"SET LOCAL statement_timeout = {PATIENCE}"))
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != "57014":
            raise
        raise QueryTooComplex("这个查询要看的事件太多，请再加上时间、标识或步骤等条件。") from error


def find_page(session: Session, actor: Actor, query: Query, *, at: datetime, after: Position | None = None) -> Page:
    """One page of events, newest first unless asked otherwise. Raises QueryTooLarge when maxEventCount is exceeded, QueryTooComplex."""
    with patiently(session):
        return _page(session, actor, query, at=at, after=after)


def _page(session: Session, actor: Actor, query: Query, *, at: datetime, after: Position | None) -> Page:
    until = after.until if after else _find_end(session, query, at)
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


def _find_end(session: Session, query: Query, at: datetime) -> datetime:
    """Up to which record time this question is answered.

    Whoever asks by record time goes on from the last one he has seen. An event is recorded when its transaction begins and seen when it
    commits, so of two that overlap the later may be seen first, and he would pass the earlier one over. Hence only what nobody can come
    before any more is told: what was recorded before the oldest transaction that still runs began.
    """
    if query.order_by != "recordTime" and not query.words.keys() & {"GE_recordTime", "LT_recordTime"}:
        return at
    return at - find_delay(session) - CLOCKS_APART


def find_delay(session: Session) -> timedelta:
    """How long ago the oldest transaction that still runs began: what was recorded before that is to be seen already."""
    running = text(
        "SELECT coalesce(clock_timestamp() - min(xact_start), interval '0') FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()"
    )
    delay: timedelta = session.scalars(running).one()
    return delay


def _refuse_too_many(session: Session, conditions: Sequence[ColumnElement[bool]], most: int) -> None:
    found = select(TraceEvent.id).where(*conditions).limit(most + 1).subquery()
    if (session.scalar(select(func.count()).select_from(found)) or 0) > most:
        raise QueryTooLarge("结果超过 maxEventCount=%(most)s 条，请缩小范围。", params={"most": most}, field="maxEventCount")


def list_by_event_id(session: Session, actor: Actor, event_uri: str) -> Sequence[TraceEvent]:
    """An event and its error declarations, the event first; empty when there is none this asker may see."""
    conditions = [TraceEvent.event_uri == event_uri]
    if (own := may_see(actor)) is not None:
        conditions.append(own)
    return session.scalars(select(TraceEvent).where(*conditions).order_by(TraceEvent.is_declaration, TraceEvent.id)).all()
