"""Tables of the shipments room: what is to be packed, what is in which parcel, what the carrier said.

The recipient's name, phone and street live here and nowhere below; events, facts and the ledger get the destination province only.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from logistics.shipments.states import MovementState, RequestKind, RequestState, ShipmentState


class CarrierAccount(Base):
    """How we talk to one carrier or aggregator; set by the operator, not by an environment variable."""

    __tablename__ = "shipments_carrier_account"

    code: Mapped[str] = mapped_column(primary_key=True)
    adapter: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    base_url: Mapped[str]
    push_url: Mapped[str]
    push_salt: Mapped[str]
    key: Mapped[str] = mapped_column(default="")
    enabled: Mapped[bool] = mapped_column(default=True)

    def __repr__(self) -> str:
        return f"CarrierAccount({self.code!r})"


class Shipment(Base):
    """Boxes of one order that leave one place together, under one waybill."""

    __tablename__ = "shipments_shipment"
    __table_args__ = (
        UniqueConstraint("carrier", "waybill"),
        Index("ix_shipments_shipment_order_code", "order_code"),
        Index("ix_shipments_shipment_from_place_id", "from_place_id", "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    order_code: Mapped[str]
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    from_place_id: Mapped[UUID] = mapped_column(ForeignKey("parties_place.id"))
    temperature: Mapped[str]
    state: Mapped[ShipmentState] = mapped_column(choice(ShipmentState), default=ShipmentState.PACKING)
    carrier: Mapped[str | None]
    waybill: Mapped[str | None]
    recipient_name: Mapped[str]
    recipient_phone: Mapped[str]
    province_code: Mapped[str]
    city: Mapped[str]
    county_code: Mapped[str]
    street: Mapped[str]
    opened_at: Mapped[datetime]
    packed_at: Mapped[datetime | None]
    dispatched_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]


class PackingTask(Base):
    """So many boxes of one allocated lot are to go into this shipment."""

    __tablename__ = "shipments_packing_task"
    __table_args__ = (
        UniqueConstraint("shipment_id", "line_code", "lot_id"),
        CheckConstraint("quantity > 0", name="positive"),
        Index("ix_shipments_packing_task_lot_id", "lot_id"),
        Index("ix_shipments_packing_task_line_code", "line_code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    shipment_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_shipment.id"))
    line_code: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    quantity: Mapped[int]


class Parcel(Base):
    """One carton with its SSCC (GS1 AI 00); a shipment begins with one and may get more."""

    __tablename__ = "shipments_parcel"
    __table_args__ = (UniqueConstraint("shipment_id", "number"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    shipment_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_shipment.id"))
    number: Mapped[int]
    sscc: Mapped[str | None] = mapped_column(unique=True)


class ParcelItem(Base):
    """One box that a packer scanned into a parcel. A box is in one parcel at most, in all of history."""

    __tablename__ = "shipments_parcel_item"
    __table_args__ = (Index("ix_shipments_parcel_item_task_id", "task_id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    parcel_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_parcel.id"), index=True)
    task_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_packing_task.id"))
    trade_item_id: Mapped[UUID] = mapped_column(ForeignKey("lots_trade_item.id"), unique=True)
    serial: Mapped[str]
    scanned_by: Mapped[str]
    scanned_at: Mapped[datetime]


class CarrierRequest(Base):
    """What we want of a carrier: an outward call kept as a row, its id the idempotency key at the carrier."""

    __tablename__ = "shipments_carrier_request"
    __table_args__ = (
        Index("ix_shipments_carrier_request_due", "not_before", postgresql_where="state IN ('waiting', 'claimed')"),
        UniqueConstraint("shipment_id", "kind"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    shipment_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_shipment.id"))
    kind: Mapped[RequestKind] = mapped_column(choice(RequestKind))
    carrier: Mapped[str] = mapped_column(ForeignKey("shipments_carrier_account.code"))
    state: Mapped[RequestState] = mapped_column(choice(RequestState), default=RequestState.WAITING)
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    claimed_at: Mapped[datetime | None]
    answer: Mapped[dict[str, Any] | None]
    last_error: Mapped[str | None]


class Push(Base):
    """A carrier's push as it came, after its signature was checked. Append-only."""

    __tablename__ = "shipments_push"
    __table_args__ = (UniqueConstraint("carrier", "digest"), Index("ix_shipments_push_number", "carrier", "number", "id"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    carrier: Mapped[str]
    number: Mapped[str]
    payload: Mapped[str]
    digest: Mapped[str]
    received_at: Mapped[datetime]


append_only(Push.__table__)


class Movement(Base):
    """One line of a carrier's track, once per (number, time, text), in whatever order it came; kept by waybill, since a push may be
    faster than the answer that tells us the waybill is ours. Append-only."""

    __tablename__ = "shipments_movement"
    __table_args__ = (UniqueConstraint("carrier", "number", "at", "text"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    carrier: Mapped[str]
    number: Mapped[str]
    at: Mapped[datetime]
    text: Mapped[str]
    city: Mapped[str]
    state: Mapped[MovementState] = mapped_column(choice(MovementState))
    push_id: Mapped[UUID] = mapped_column(ForeignKey("shipments_push.id"))


append_only(Movement.__table__)
