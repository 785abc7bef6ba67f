"""Bring subscribers what is new: what is due, what it finds, and what became of each call.

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
from uuid import UUID

from sqlalchemy import ColumnElement, Text, and_, cast, delete, func, or_, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import ApiKey
from traceability.epcis.models import NamedQuery, Subscription, SubscriptionDelivery
from traceability.epcis.querying import parse_query, patiently
from traceability.epcis.schedule import read_schedule
from traceability.epcis.states import DeliveryState, EpcFormat
from traceability.events.models import TraceEvent
from traceability.ledger.models import Leaf, LogState
from traceability.ledger.sealing import open_secret

MOST_EVENTS = 100  # in one delivery
MOST_CHARACTERS = 1_000_000  # in one delivery, unless a single event is larger
WINDOW = 20_000  # leaves looked at in one statement
WINDOWS = 10  # statements in one transaction
MOST_TRIES = 8
ABANDONED = timedelta(seconds=60)
KEPT = timedelta(days=30)


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


def log_size(session: Session) -> int:
    """How many leaves the ledger has."""
    return session.scalar(select(LogState.size)) or 0


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
    done = standing.cursor >= log_size(session)
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
    size, wanted = log_size(session), parse_query(query.words).conditions
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
