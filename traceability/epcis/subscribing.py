"""Who wants what news of a named query (EPCIS 2.0 section 8.2.5), and how: asked for, set going again, ended. Brought by ``delivering``."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, select, update
from sqlalchemy.orm import Session

from catalog.parties.roles import Actor
from kernel.clock import parse_iso
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import uuid7
from traceability.epcis import delivering
from traceability.epcis.destinations import split_dest
from traceability.epcis.models import NamedQuery, Subscription, SubscriptionDelivery
from traceability.epcis.naming import get_query
from traceability.epcis.querying import QueryTooComplex
from traceability.epcis.schedule import SubscriptionControls, read_schedule
from traceability.epcis.states import DeliveryState, EpcFormat
from traceability.ledger.sealing import open_secret, seal_secret

MOST_SUBSCRIPTIONS = 20
_NAMES = {"dest", "signatureToken", "reportIfEmpty", "schedule", "stream", "initialRecordTime"}


@dataclass(frozen=True)
class Wish:
    """A subscription as asked for."""

    dest: str
    token: str | None
    stream: bool
    schedule: dict[str, Any] | None
    report_if_empty: bool
    since: datetime | None


def read_wish(body: object) -> Wish:
    """Understand a subscription. Raises SubscriptionControls, or Invalid for the destination."""
    if not isinstance(body, dict) or (unknown := sorted(map(str, body.keys() - _NAMES))):
        given = unknown[0][:40] if isinstance(body, dict) else ""
        raise SubscriptionControls("订阅里没有 %(name)s 这一项。", params={"name": given}, field="")
    stream, schedule = body.get("stream", False), body.get("schedule")
    if not isinstance(stream, bool) or stream == (schedule is not None):
        raise SubscriptionControls("schedule 和 stream: true 要写其中一项，只写一项。", field="/stream")
    if schedule is not None:
        read_schedule(schedule)
    token, empty, since = body.get("signatureToken"), body.get("reportIfEmpty", False), body.get("initialRecordTime")
    if token is not None and not (isinstance(token, str) and 16 <= len(token) <= 512 and "\0" not in token):
        raise SubscriptionControls("signatureToken 应是 16 到 512 个字符。", field="/signatureToken")
    if not isinstance(empty, bool):
        raise SubscriptionControls("reportIfEmpty 只能是 true 或 false。", field="/reportIfEmpty")
    if since is not None:
        try:
            since = parse_iso(str(since))
        except Invalid as problem:
            raise SubscriptionControls(problem.message, params=problem.params, field="/initialRecordTime") from problem
    split_dest(body.get("dest"))
    return Wish(body["dest"], token, stream, schedule, empty, since)


def subscribe(session: Session, actor: Actor, query_name: str, wish: Wish, format_: EpcFormat, at: datetime) -> Subscription:
    """Subscribe to a named query; asking for the same again gives the first, and sets it going if it was parked.

    Raises NoSuchName, SubscriptionControls for a query that counts, Conflict for the same with another token, QueryTooComplex.
    """
    query = get_query(session, actor, query_name)
    session.refresh(query, with_for_update=True)
    if query.words.keys() & {"eventCountLimit", "maxEventCount"}:
        raise SubscriptionControls("带 eventCountLimit 或 maxEventCount 的查询不能订阅。", field="")
    standing = session.scalars(select(Subscription).where(Subscription.query_id == query.id)).all()
    for each in standing:
        if (each.dest, each.stream, each.schedule, each.epc_format) == (wish.dest, wish.stream, wish.schedule, format_):
            return _again(session, actor, each, wish, at)
    if len(standing) >= MOST_SUBSCRIPTIONS:
        raise QueryTooComplex("一个查询最多 %(most)s 个订阅。", params={"most": MOST_SUBSCRIPTIONS})
    key = uuid7()
    made = Subscription(
        id=key,
        query_id=query.id,
        organization_id=query.organization_id,
        key_label=actor.label,
        dest=wish.dest,
        sealed_token=seal_secret(wish.token, key) if wish.token else None,
        stream=wish.stream,
        schedule=wish.schedule,
        report_if_empty=wish.report_if_empty,
        epc_format=format_,
        initial_record_time=wish.since or at,
        cursor=0 if wish.since else delivering.log_size(session),
        batch=delivering.MOST_EVENTS,
        next_at=at if wish.stream else read_schedule(wish.schedule).next_after(at),
        created_at=at,
    )
    session.add(made)
    session.flush()
    return made


def _again(session: Session, actor: Actor, standing: Subscription, wish: Wish, at: datetime) -> Subscription:
    known = open_secret(standing.sealed_token, standing.id) if standing.sealed_token else ""
    if not hmac.compare_digest(known.encode(), (wish.token or "").encode()):
        raise Conflict("已有同样的订阅，signatureToken 不同；请先删掉它。", field="/signatureToken")
    standing.key_label = actor.label  # the key that asks now answers for it: the one before may have been replaced
    if standing.parked:
        set_going(session, standing, at)
    return standing


def set_going(session: Session, standing: Subscription, at: datetime) -> None:
    """Try at once what waits, and go on from there; what is being brought right now is let be."""
    standing.parked, standing.next_at = False, at
    session.execute(
        update(SubscriptionDelivery)
        .where(
            SubscriptionDelivery.subscription_id == standing.id,
            SubscriptionDelivery.state.in_((DeliveryState.PARKED, DeliveryState.WAITING)),
        )
        .values(state=DeliveryState.WAITING, tries=0, not_before=at)
    )
    session.flush()


def get_subscription(session: Session, actor: Actor, query_name: str, subscription_id: UUID) -> Subscription:
    """One of the actor's own subscriptions. Raises NoSuchName, NotFound."""
    query = get_query(session, actor, query_name)
    found = session.get(Subscription, subscription_id)
    if found is None or found.query_id != query.id:
        raise NotFound("没有这个订阅。")
    return found


def list_subscriptions(
    session: Session, actor: Actor, query_name: str, *, after: UUID | None = None, limit: int = 30
) -> Sequence[Subscription]:
    """The subscriptions of one of the actor's own queries, oldest first. Raises NoSuchName."""
    query = select(Subscription).where(Subscription.query_id == get_query(session, actor, query_name).id).order_by(Subscription.id)
    return session.scalars((query.where(Subscription.id > after) if after else query).limit(limit)).all()


def lock_of_organization(session: Session, organization_id: UUID, subscription_id: UUID) -> Subscription:
    """One subscription of an organisation, for whoever looks after its connections. Raises NotFound."""
    found = session.get(Subscription, subscription_id, with_for_update=True)
    if found is None or found.organization_id != organization_id:
        raise NotFound("没有这个订阅。")
    return found


def list_of_organization(
    session: Session, organization_id: UUID, limit: int = 100
) -> Sequence[Row[NamedQuery, Subscription, datetime | None]]:
    """An organisation's subscriptions with their queries and the time of the next try, if something waits for one; parked ones first."""
    waits = and_(SubscriptionDelivery.subscription_id == Subscription.id, SubscriptionDelivery.state == DeliveryState.WAITING)
    query = (
        select(NamedQuery, Subscription, SubscriptionDelivery.not_before)
        .join(Subscription, Subscription.query_id == NamedQuery.id)
        .outerjoin(SubscriptionDelivery, waits)
        .where(NamedQuery.organization_id == organization_id)
        .order_by(Subscription.parked.desc(), NamedQuery.name, Subscription.id)
    )
    return session.execute(query.limit(limit)).all()


def end_subscription(session: Session, actor: Actor, query_name: str, subscription_id: UUID) -> None:
    """End a subscription; what waits for it is not brought any more. Raises NoSuchName, NotFound."""
    session.delete(get_subscription(session, actor, query_name, subscription_id))
    session.flush()
