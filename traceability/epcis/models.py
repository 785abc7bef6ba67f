"""What a partner sent and what became of it; what a partner asks for again and again, and what was brought of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from traceability.epcis.states import DeliveryState, EpcFormat, ErrorBehaviour


class CaptureJob(Base):
    """One document that was posted. ``waiting`` holds its valid events until they are stored, with their place in the document.

    EPCIS 2.0 section 12.6.1: ``rollback`` stores all events or none, ``proceed`` stores those that are right.
    """

    __tablename__ = "epcis_capture_job"
    __table_args__ = (
        Index("ix_epcis_capture_job_organization", "organization_id", "id"),
        CheckConstraint("running = (finished_at IS NULL)", name="finished"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    key_name: Mapped[str]
    key_label: Mapped[str]
    behaviour: Mapped[ErrorBehaviour] = mapped_column(choice(ErrorBehaviour))
    context: Mapped[list[Any]]
    waiting: Mapped[list[Any]]
    total: Mapped[int]
    stored: Mapped[int] = mapped_column(default=0)
    errors: Mapped[list[Any]]
    running: Mapped[bool] = mapped_column(default=True)
    success: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]


class NamedQuery(Base):
    """A question an organisation gave a name (EPCIS 2.0 section 8.2.6). ``query`` is as it was sent, ``words`` as a URL would say it."""

    __tablename__ = "epcis_named_query"
    __table_args__ = (UniqueConstraint("organization_id", "name"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    name: Mapped[str]
    query: Mapped[dict[str, Any]]
    words: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Subscription(Base):
    """A wish to be brought what a named query finds: at once (``stream``) or by a schedule (EPCIS 2.0 section 8.2.5).

    ``key_label`` tells the key that asked for it: with the key it ends. It reads the ledger: ``cursor`` counts the leaves looked at.
    Indexes of leaves are given out in the order of commits, so an event that commits late is not passed over, as it would be by its
    time. ``batch`` shrinks when the receiver finds deliveries too large.
    """

    __tablename__ = "epcis_subscription"
    __table_args__ = (
        Index("ix_epcis_subscription_query", "query_id", "id"),
        Index("ix_epcis_subscription_due", "next_at", postgresql_where="NOT parked"),
        CheckConstraint("stream = (schedule IS NULL)", name="stream_or_schedule"),
        CheckConstraint("cursor >= 0", name="cursor_not_negative"),
        CheckConstraint("batch > 0", name="batch_positive"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    query_id: Mapped[UUID] = mapped_column(ForeignKey("epcis_named_query.id", ondelete="CASCADE"))
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    key_label: Mapped[str]
    dest: Mapped[str]
    sealed_token: Mapped[bytes | None] = mapped_column(LargeBinary)
    stream: Mapped[bool]
    schedule: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    report_if_empty: Mapped[bool] = mapped_column(default=False)
    epc_format: Mapped[EpcFormat] = mapped_column(choice(EpcFormat))
    initial_record_time: Mapped[datetime]
    cursor: Mapped[int]
    batch: Mapped[int]
    next_at: Mapped[datetime]
    parked: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str | None]
    last_executed_at: Mapped[datetime | None]
    last_notified_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class SubscriptionDelivery(Base):
    """One call to a subscriber: the row is the promise, its id goes along, so a call made twice is known as one.

    At most one is open for each subscription, which keeps deliveries in order.
    """

    __tablename__ = "epcis_delivery"
    __table_args__ = (
        Index("uq_epcis_delivery_open", "subscription_id", unique=True, postgresql_where="state <> 'delivered'"),
        Index("ix_epcis_delivery_due", "not_before", postgresql_where="state IN ('waiting', 'claimed')"),
        Index("ix_epcis_delivery_done", "delivered_at", postgresql_where="state = 'delivered'"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    subscription_id: Mapped[UUID] = mapped_column(ForeignKey("epcis_subscription.id", ondelete="CASCADE"), index=True)
    event_ids: Mapped[list[Any]]
    begins: Mapped[int]
    state: Mapped[DeliveryState] = mapped_column(choice(DeliveryState), default=DeliveryState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class EndedToken(Base):
    """A page token that was given back before its time; kept until it would have ended anyway."""

    __tablename__ = "epcis_ended_token"

    digest: Mapped[str] = mapped_column(primary_key=True)
    ended_at: Mapped[datetime] = mapped_column(index=True)
