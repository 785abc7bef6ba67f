"""News between rooms: one row per reaction, written in the transaction that made the news.

``publish`` and the business rows commit together or not at all, so a reaction can be late but never lost. Each row is delivered in
its own ``work()``; the row is marked done in the same transaction as the reaction's effects, so an effect happens once. Order between
events is not promised: a reaction looks at state.
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import structlog
from pydantic import TypeAdapter
from sqlalchemy import Index, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from kernel import clock
from kernel.db import Base, after_commit, choice, describe, work
from kernel.ids import uuid7

log = structlog.get_logger()

MAX_TRIES = 8


@dataclass(frozen=True)
class Event:
    """Something that happened; subclasses are frozen dataclasses of plain values (str, int, UUID, date, aware datetime)."""


E = TypeVar("E", bound=Event)
Reaction = Callable[[Session, Any], None]


class Delivery(enum.StrEnum):
    """State of one outbox row."""

    PENDING = "pending"
    DONE = "done"
    PARKED = "parked"


class OutboxRow(Base):
    """One promised reaction to one event."""

    __tablename__ = "kernel_outbox"
    __table_args__ = (
        Index("ix_kernel_outbox_due", "not_before", "id", postgresql_where="state = 'pending'"),
        Index("ix_kernel_outbox_parked", "id", postgresql_where="state = 'parked'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    event: Mapped[str]
    reaction: Mapped[str]
    body: Mapped[dict[str, Any]]
    state: Mapped[Delivery] = mapped_column(choice(Delivery), default=Delivery.PENDING)
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    done_at: Mapped[datetime | None]


_reactions: dict[str, list[str]] = defaultdict(list)
_by_name: dict[str, tuple[type[Event], Reaction]] = {}
_wake: list[Callable[[UUID], None]] = []


def react(event: type[E], reaction: Callable[[Session, E], None]) -> None:
    """Register ``reaction`` for ``event``. Called only by ``shop/wiring.py``; registering the same pair again changes nothing."""
    name = f"{reaction.__module__}:{reaction.__qualname__}"
    if name not in _reactions[event.__name__]:
        _reactions[event.__name__].append(name)
    _by_name[f"{event.__name__}>{name}"] = (event, reaction)


def reactions() -> dict[str, list[str]]:
    """Every event name with the reactions registered for it."""
    return {event: list(names) for event, names in _reactions.items()}


def wake_with(callback: Callable[[UUID], None] | None) -> None:
    """Set the hint sent after commit for each new row (production: a Celery task); None switches hints off."""
    _wake[:] = [callback] if callback else []


_adapters: dict[type[Event], TypeAdapter[Any]] = {}


def _adapter(event: type[Event]) -> TypeAdapter[Any]:
    """Building one takes far longer than using it."""
    if event not in _adapters:
        _adapters[event] = TypeAdapter(event)
    return _adapters[event]


def publish(session: Session, event: Event, *, at: datetime | None = None) -> None:
    """Write one row per reaction to ``event`` in the caller's transaction."""
    moment = at or clock.now()
    body = _adapter(type(event)).dump_python(event, mode="json")
    for name in _reactions.get(type(event).__name__, ()):
        row = OutboxRow(id=uuid7(), event=type(event).__name__, reaction=name, body=body, created_at=moment, not_before=clock.now())
        session.add(row)
        for wake in _wake:
            after_commit(session, lambda wake=wake, row_id=row.id: wake(row_id))  # type: ignore[misc]


def deliver_one(row_id: UUID) -> bool:
    """Run one reaction in its own transaction; True when it is done (now or before), False when it failed or is being run elsewhere.

    A failing reaction is rolled back, counted, tried again later with growing pauses and parked after ``MAX_TRIES``.
    """
    try:
        with work() as session:
            row = session.get(OutboxRow, row_id, with_for_update={"skip_locked": True})
            if row is None:
                return False
            if row.state is not Delivery.PENDING:
                return row.state is Delivery.DONE
            event_type, reaction = _by_name[f"{row.event}>{row.reaction}"]
            reaction(session, _adapter(event_type).validate_python(row.body, strict=False))
            row.state = Delivery.DONE
            row.done_at = clock.now()
            return True
    except Exception as error:
        trouble = describe(error)[:2000]
        log.warning("reaction failed", row=str(row_id), error=trouble)
        _count_failure(row_id, trouble)
        return False


def _count_failure(row_id: UUID, trouble: str) -> None:
    with work() as session:
        row = session.get(OutboxRow, row_id, with_for_update=True)
        if row is None or row.state is not Delivery.PENDING:
            return
        row.tries += 1
        row.last_error = trouble
        row.not_before = clock.now() + timedelta(seconds=min(2**row.tries, 600))
        if row.tries >= MAX_TRIES:
            row.state = Delivery.PARKED


def list_due(session: Session, *, at: datetime, limit: int = 100) -> Sequence[UUID]:
    """Ids of rows that wait for delivery, oldest first (what a crash or a lost hint left behind)."""
    return session.scalars(
        select(OutboxRow.id)
        .where(OutboxRow.state == Delivery.PENDING, OutboxRow.not_before <= at)
        .order_by(OutboxRow.not_before, OutboxRow.id)
        .limit(limit)
    ).all()


def list_parked(session: Session, *, after: UUID | None = None, limit: int = 50) -> Sequence[OutboxRow]:
    """Rows given up on, for the back office."""
    query = select(OutboxRow).where(OutboxRow.state == Delivery.PARKED).order_by(OutboxRow.id).limit(limit)
    return session.scalars(query.where(OutboxRow.id > after) if after else query).all()


def retry_parked(session: Session, row_id: UUID) -> None:
    """Give a parked row a fresh set of tries."""
    row = session.get(OutboxRow, row_id, with_for_update=True)
    if row is not None and row.state is Delivery.PARKED:
        row.state, row.tries, row.not_before = Delivery.PENDING, 0, clock.now()


def forget_done(session: Session, *, before: datetime) -> None:
    """Delete rows whose reaction is long done; parked ones wait for a person."""
    session.execute(delete(OutboxRow).where(OutboxRow.state == Delivery.DONE, OutboxRow.done_at < before))


def deliver_all(rounds: int = 20) -> int:
    """Deliver everything that is due, including what reactions publish in turn; returns how many rows were done."""
    done = 0
    for _ in range(rounds):
        with work() as session:
            due = list_due(session, at=clock.now())
        if not due:
            break
        done += sum(deliver_one(row_id) for row_id in due)
    return done
