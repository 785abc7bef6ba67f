"""Bring partners what their named queries find (EPCIS 2.0 section 8.2.5): who wants what, what is due, and what became of each call.

A subscription reads the ledger leaf by leaf (see ``Subscription``), a delivery is a row: made by ``prepare_delivery``, claimed by
compare-and-set, called outside any transaction by ``tasks.py``, and answered in a third. A claim that nobody finished (a killed worker)
is free again after ``ABANDONED`` and repeats with the same id and the same bytes. What fails is tried again after growing pauses, then
parked: its owner sees why, and asking for the same subscription again sets it going.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Text, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import ApiKey
from catalog.parties.roles import Actor
from kernel.clock import parse_iso
from kernel.errors import Conflict, Invalid, NotFound
from kernel.ids import uuid7
from traceability.epcis.destinations import split_dest
from traceability.epcis.models import NamedQuery, Subscription, SubscriptionDelivery
from traceability.epcis.naming import get_query
from traceability.epcis.querying import QueryTooComplex, parse_query, patiently
from traceability.epcis.schedule import SubscriptionControls, read_schedule
from traceability.epcis.states import DeliveryState, EpcFormat
from traceability.events.models import TraceEvent
from traceability.ledger.models import Leaf, LogState
from traceability.ledger.sealing import open_secret, seal_secret

MOST_SUBSCRIPTIONS = 20
MOST_EVENTS = 100  # in one delivery
MOST_CHARACTERS = 1_000_000  # in one delivery, unless a single event is larger
WINDOW = 20_000  # leaves looked at in one statement
WINDOWS = 10  # statements in one transaction
MOST_TRIES = 8
ABANDONED = timedelta(seconds=60)
KEPT = timedelta(days=30)
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


@dataclass(frozen=True)
class Call:
    """A claimed delivery with all that is needed to make it."""

    delivery_id: UUID
    subscription_id: UUID
    query_name: str
    dest: str
    token: str | None
    events: Sequence[TraceEvent]
    epc_format: EpcFormat
    created_at: datetime


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
        cursor=0 if wish.since else _log_size(session),
        batch=MOST_EVENTS,
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


def _log_size(session: Session) -> int:
    return session.scalar(select(LogState.size)) or 0


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


def list_due(session: Session, at: datetime, limit: int = 100) -> Sequence[UUID]:
    """Subscriptions to look after: scheduled ones whose time has come, and streams while the log is longer than they have read."""
    unread = Subscription.cursor < select(func.coalesce(func.max(LogState.size), 0)).scalar_subquery()
    due = and_(~Subscription.parked, Subscription.next_at <= at, or_(~Subscription.stream, unread))
    return session.scalars(select(Subscription.id).where(due).order_by(Subscription.next_at).limit(limit)).all()


def prepare_delivery(session: Session, subscription_id: UUID, at: datetime) -> UUID | None:
    """Look for what is new to a subscription and promise to bring it; None when there is nothing, or something is on its way already."""
    due = and_(Subscription.id == subscription_id, ~Subscription.parked, Subscription.next_at <= at)
    standing = session.scalar(select(Subscription).where(due).with_for_update(skip_locked=True))
    if standing is None or _has_open(session, standing.id):
        return None
    if not _has_key(session, standing, at):
        _park_without_key(session, standing, at)
        return None
    begins = standing.cursor
    found = _look_on(session, standing)
    done = standing.cursor >= _log_size(session)
    standing.last_executed_at = at
    if done and standing.schedule is not None:
        standing.next_at = read_schedule(standing.schedule).next_after(at) or at + timedelta(days=366)
    if not found and not (done and standing.report_if_empty and standing.schedule is not None):
        return None
    delivery = SubscriptionDelivery(
        subscription_id=standing.id, event_ids=[str(each) for each in found], begins=begins, created_at=at, not_before=at
    )
    session.add(delivery)
    session.flush()
    return delivery.id


def _has_open(session: Session, subscription_id: UUID) -> bool:
    waiting = and_(SubscriptionDelivery.subscription_id == subscription_id, SubscriptionDelivery.state != DeliveryState.DELIVERED)
    return session.scalar(select(SubscriptionDelivery.id).where(waiting)) is not None


def _has_key(session: Session, standing: Subscription, at: datetime) -> bool:
    """Guard: whoever lost the key is not told any more, though it was asked for while the key was good."""
    key = select(ApiKey.scopes).where(
        ApiKey.organization_id == standing.organization_id,
        ApiKey.hint == standing.key_label.removeprefix("key:"),
        ApiKey.revoked_at.is_(None),
        or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > at),
    )
    return any("epcis:read" in scopes for scopes in session.scalars(key))


def _park_without_key(session: Session, standing: Subscription, at: datetime) -> None:
    standing.parked, standing.last_error = True, "the key that subscribed is no longer valid"
    waits = update(SubscriptionDelivery).where(SubscriptionDelivery.subscription_id == standing.id, _claimable(at))
    session.execute(waits.values(state=DeliveryState.PARKED))


def _look_on(session: Session, standing: Subscription) -> list[UUID]:
    """The next events that fit, and the cursor behind them; bounded in leaves looked at, events and characters."""
    query = session.get_one(NamedQuery, standing.query_id)
    size, wanted = _log_size(session), parse_query(query.words).conditions
    for _ in range(WINDOWS):
        end = min(standing.cursor + WINDOW, size)
        rows = select(Leaf.idx, TraceEvent.id, func.length(cast(TraceEvent.body, Text))).join(Leaf, Leaf.event_id == TraceEvent.id)
        rows = rows.where(
            Leaf.idx >= standing.cursor,
            Leaf.idx < end,
            TraceEvent.organization_id == standing.organization_id,
            TraceEvent.record_time >= standing.initial_record_time,
            *wanted,
        )
        with patiently(session):
            found = session.execute(rows.order_by(Leaf.idx).limit(standing.batch + 1)).all()
        taken, characters = 0, 0
        for _index, _event_id, length in found[: standing.batch]:
            characters += length
            if taken and characters > MOST_CHARACTERS:
                break
            taken += 1
        standing.cursor = end if taken == len(found) else found[taken].idx
        if found or end >= size:
            return [event_id for _, event_id, _ in found[:taken]]
    return []


def list_deliveries(session: Session, at: datetime, limit: int = 100) -> Sequence[UUID]:
    """Deliveries nobody is bringing, oldest first."""
    query = select(SubscriptionDelivery.id).where(_claimable(at)).order_by(SubscriptionDelivery.not_before).limit(limit)
    return session.scalars(query).all()


def _claimable(at: datetime) -> ColumnElement[bool]:
    """Guard: waiting and due, or claimed by somebody who did not come back."""
    state, claimed_at = SubscriptionDelivery.state, SubscriptionDelivery.claimed_at
    left = and_(state == DeliveryState.CLAIMED, claimed_at < at - ABANDONED)
    return and_(SubscriptionDelivery.not_before <= at, or_(state == DeliveryState.WAITING, left))


def claim_delivery(session: Session, delivery_id: UUID, at: datetime) -> Call | None:
    """Claim a delivery by compare-and-set; None when somebody else has it, it is done, or its subscription or the key of that ended."""
    found = session.get(SubscriptionDelivery, delivery_id)
    standing = session.get(Subscription, found.subscription_id, with_for_update=True, populate_existing=True) if found else None
    if standing is None:
        return None
    if not _has_key(session, standing, at):
        _park_without_key(session, standing, at)
        return None
    claimed = session.scalar(
        update(SubscriptionDelivery)
        .where(SubscriptionDelivery.id == delivery_id, _claimable(at))
        .values(state=DeliveryState.CLAIMED, claimed_at=at, tries=SubscriptionDelivery.tries + 1)
        .returning(SubscriptionDelivery)
        .execution_options(populate_existing=True)
    )
    if claimed is None:
        return None
    order = {UUID(each): place for place, each in enumerate(claimed.event_ids)}
    events = session.scalars(select(TraceEvent).where(TraceEvent.id.in_(order))).all()
    return Call(
        delivery_id=claimed.id,
        subscription_id=standing.id,
        query_name=session.get_one(NamedQuery, standing.query_id).name,
        dest=standing.dest,
        token=open_secret(standing.sealed_token, standing.id) if standing.sealed_token else None,
        events=sorted(events, key=lambda event: order[event.id]),
        epc_format=standing.epc_format,
        created_at=claimed.created_at,
    )


def record_delivered(session: Session, delivery_id: UUID, at: datetime) -> None:
    """The subscriber took it. Again, or after the subscription ended, changes nothing."""
    if (pair := _lock_claimed(session, delivery_id)) is None:
        return
    standing, delivery = pair
    delivery.state, delivery.delivered_at, delivery.last_error = DeliveryState.DELIVERED, at, None
    standing.last_notified_at, standing.last_error = at, None
    standing.batch = min(standing.batch * 2, MOST_EVENTS)


def record_failure(session: Session, delivery_id: UUID, error: str, at: datetime, *, too_much: bool = False) -> None:
    """The subscriber did not take it: again after a growing pause, or parked. What was too much is cut smaller, from the same place."""
    if (pair := _lock_claimed(session, delivery_id)) is None:
        return
    standing, delivery = pair
    standing.last_error = error[:300]
    if too_much and len(delivery.event_ids) > 1:
        standing.batch, standing.cursor, standing.next_at = len(delivery.event_ids) // 2, delivery.begins, at
        session.delete(delivery)
        return
    delivery.last_error = error[:300]
    delivery.not_before = at + timedelta(seconds=min(5 * 2**delivery.tries, 3600))
    standing.parked = delivery.tries >= MOST_TRIES
    delivery.state = DeliveryState.PARKED if standing.parked else DeliveryState.WAITING


def _lock_claimed(session: Session, delivery_id: UUID) -> tuple[Subscription, SubscriptionDelivery] | None:
    """A claimed delivery with its subscription, which is locked first, as it is where a subscription ends."""
    found = session.get(SubscriptionDelivery, delivery_id)
    if found is None:
        return None
    standing = session.get(Subscription, found.subscription_id, with_for_update=True, populate_existing=True)
    delivery = session.get(SubscriptionDelivery, delivery_id, with_for_update=True, populate_existing=True)
    if standing is None or delivery is None or delivery.state is not DeliveryState.CLAIMED:
        return None
    return standing, delivery


def forget_delivered(session: Session, at: datetime) -> None:
    """Let go of what was brought long ago."""
    done = and_(SubscriptionDelivery.state == DeliveryState.DELIVERED, SubscriptionDelivery.delivered_at < at - KEPT)
    session.execute(delete(SubscriptionDelivery).where(done))


def sign(body: bytes, token: str) -> str:
    """The value of the header GS1-Signature: HMAC-SHA-256 over the bytes of the body under the subscriber's token, in hex."""
    return hmac.new(token.encode(), body, "sha256").hexdigest()
