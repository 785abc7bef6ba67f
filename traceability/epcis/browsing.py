"""What there is to ask for: the distinct steps, dispositions, places and EPCs of the events an asker may see.

Each list hops from value to value along an index (a loose index scan), so its cost grows with the values shown, not with the events.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, literal, select
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from traceability.epcis.querying import may_see, patiently
from traceability.events.identifiers import canonical
from traceability.events.models import EventEpc, TraceEvent
from traceability.events.vocabulary import EventType, bare

COLUMNS: Mapping[str, Any] = {
    "epcs": EventEpc.epc,
    "bizSteps": TraceEvent.biz_step,
    "bizLocations": TraceEvent.biz_location,
    "readPoints": TraceEvent.read_point,
    "dispositions": TraceEvent.disposition,
}
PARAMETERS: Mapping[str, str] = {
    "eventTypes": "eventType",
    "epcs": "MATCH_anyEPC",
    "bizSteps": "EQ_bizStep",
    "bizLocations": "EQ_bizLocation",
    "readPoints": "EQ_readPoint",
    "dispositions": "EQ_disposition",
}
"""Each list with the query parameter one of its values stands for."""


def list_values(session: Session, actor: Actor, kind: str, *, after: str = "", limit: int = 30) -> Sequence[str]:
    """The values of one list after ``after``, in the order of their characters. Raises QueryTooComplex (only for who sees all events)."""
    if kind == "eventTypes":
        return [str(value) for value in sorted(EventType) if value > after][:limit]
    column = COLUMNS[kind]
    with patiently(session):
        if (own := _own(actor, column)) is None:
            every = select(column).distinct().where(column > after).order_by(column).limit(limit)
            return session.scalars(every).all()
        return _hop(session, column, own, after, limit)


def has_value(session: Session, actor: Actor, kind: str, value: str) -> bool:
    """Whether the asker may see any event with that value."""
    if kind == "eventTypes":
        return value in set(EventType)
    column = COLUMNS[kind]
    named = bare(value) if kind in ("bizSteps", "dispositions") else canonical(value)
    query = select(literal(1)).select_from(column.class_).where(column == named).limit(1)
    if (own := _own(actor, column)) is not None:
        query = query.where(own)
    with patiently(session):
        return session.scalar(query) is not None


def _own(actor: Actor, column: Any) -> ColumnElement[bool] | None:
    if may_see(actor) is None:
        return None
    owner: ColumnElement[bool] = column.class_.organization_id == next(iter(actor.roles), None)
    return owner


def _hop(session: Session, column: Any, own: ColumnElement[bool], after: str, limit: int) -> Sequence[str]:
    def following(last: Any) -> Any:
        return select(column).where(own, column > last).order_by(column).limit(1)

    first = select(following(literal(after)).scalar_subquery().label("value"), literal(1).label("place"))
    hops = first.cte("hops", recursive=True)
    onward = select(following(hops.c.value).correlate(hops).scalar_subquery(), hops.c.place + 1)
    hops = hops.union_all(onward.where(hops.c.value.is_not(None), hops.c.place < limit))
    return session.scalars(select(hops.c.value).where(hops.c.value.is_not(None)).order_by(hops.c.value)).all()
