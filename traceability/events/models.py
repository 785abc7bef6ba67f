"""Events as rows: append-only, indexed by every identifier they name."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from traceability.events.vocabulary import Action, EpcRole, EventType, Origin

BROWSED = ("biz_step", "disposition", "read_point", "biz_location")
"""Columns whose distinct values an organisation may list."""


class TraceEvent(Base):
    """One event; ``body`` is the EPCIS 2.0 JSON as it was hashed, the other columns are what queries seek by.

    An error declaration repeats the wrong event with the same eventID (EPCIS 2.0, section 7.4.1.4), so an eventID is unique together
    with ``is_declaration``. What a partner sends twice is one event: unique by sender and event hash.
    """

    __tablename__ = "events_trace_event"
    __table_args__ = (
        UniqueConstraint("event_uri", "is_declaration"),
        Index(
            "uq_events_trace_event_partner_hash",
            "organization_id",
            "event_hash",
            "is_declaration",
            unique=True,
            postgresql_where="origin = 'partner'",
        ),
        Index("ix_events_trace_event_time", "event_time", "id"),
        Index("ix_events_trace_event_record", "record_time", "id"),
        Index("ix_events_trace_event_organization", "organization_id", "event_time", "id"),
        Index("ix_events_trace_event_lot", "lot_code", "event_time", "id"),
        *(Index(f"ix_events_trace_event_{name}", "organization_id", name) for name in BROWSED),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    event_uri: Mapped[str]
    is_declaration: Mapped[bool] = mapped_column(default=False)
    event_type: Mapped[EventType] = mapped_column(choice(EventType))
    action: Mapped[Action | None] = mapped_column(choice(Action))
    event_time: Mapped[datetime]
    time_zone_offset: Mapped[str]
    record_time: Mapped[datetime]
    biz_step: Mapped[str | None]
    disposition: Mapped[str | None]
    read_point: Mapped[str | None]
    biz_location: Mapped[str | None]
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))
    origin: Mapped[Origin] = mapped_column(choice(Origin))
    actor: Mapped[str]
    county_code: Mapped[str | None]
    product_class: Mapped[str | None]
    lot_code: Mapped[str | None]
    body: Mapped[dict[str, Any]]
    event_hash: Mapped[str] = mapped_column(index=True)


class EventEpc(Base):
    """One identifier an event names, in the role it has there; class-level rows carry quantity and unit (UN/ECE code).

    The event's organisation is repeated here, so that the identifiers one organisation speaks of are found without its events.
    """

    __tablename__ = "events_event_epc"
    __table_args__ = (
        Index("ix_events_event_epc_seek", "epc", "event_time", "event_id"),
        Index("ix_events_event_epc_own", "organization_id", "epc"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    event_id: Mapped[UUID] = mapped_column(ForeignKey("events_trace_event.id"), index=True)
    organization_id: Mapped[UUID | None]
    role: Mapped[EpcRole] = mapped_column(choice(EpcRole))
    epc: Mapped[str]
    quantity: Mapped[Decimal | None]
    unit: Mapped[str | None]
    event_time: Mapped[datetime]


append_only(TraceEvent.__table__)
append_only(EventEpc.__table__)
