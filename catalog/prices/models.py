"""Prices in whole fen: lists for everybody or for one organisation, tiers by quantity, periods; freight by province."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7
from kernel.outbox import Event
from kernel.periods import Period, no_overlap

RETAIL = "retail"


class PriceList(Period, Base):
    """A named set of prices; with ``organization_id`` only that buying organisation (采购单位) sees it."""

    __tablename__ = "prices_price_list"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))


class Price(Period, Base):
    """The price of one box, from ``min_quantity`` boxes on, for a period. One list never holds two prices for one day."""

    __tablename__ = "prices_price"
    __table_args__ = (
        CheckConstraint("fen > 0", name="fen_positive"),
        CheckConstraint("min_quantity > 0", name="min_quantity_positive"),
        Index("ix_prices_price_product_id", "product_id", "price_list_id", "min_quantity"),
        # Lists sorted by price begin where the reader left off.
        Index("ix_prices_price_fen", "price_list_id", "min_quantity", "fen", "product_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    price_list_id: Mapped[UUID] = mapped_column(ForeignKey("prices_price_list.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    min_quantity: Mapped[int] = mapped_column(default=1)
    fen: Mapped[int]
    set_by: Mapped[str] = mapped_column(default="")


no_overlap(Price.__table__, ["price_list_id", "product_id", "min_quantity"])


class FreightTemplate(Period, Base):
    """What one seller charges to carry to one province (首重/续重), or anywhere else when ``province_code`` is empty.

    ``cold_fen`` is added once for each parcel that travels chilled or frozen; from ``free_over_fen`` of the seller's goods on the rest is
    free. The parcel is handed over within ``handling_days`` of being paid and arrives ``days_from`` to ``days_to`` days after that; a
    seller that has not said so (all three NULL) promises no day. A template is never changed, only ended or followed by another.
    """

    __tablename__ = "prices_freight_template"
    __table_args__ = (
        CheckConstraint("first_grams > 0 AND step_grams > 0", name="weights_positive"),
        CheckConstraint("first_fen >= 0 AND step_fen >= 0 AND cold_fen >= 0", name="fen_not_negative"),
        CheckConstraint("num_nulls(handling_days, days_from, days_to) IN (0, 3)", name="days_together"),
        CheckConstraint("handling_days >= 0 AND days_from >= 0 AND days_to >= days_from", name="days_in_order"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    province_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    deliverable: Mapped[bool] = mapped_column(default=True)
    first_grams: Mapped[int]
    first_fen: Mapped[int]
    step_grams: Mapped[int]
    step_fen: Mapped[int]
    cold_fen: Mapped[int] = mapped_column(default=0)
    free_over_fen: Mapped[int | None]
    handling_days: Mapped[int | None]
    days_from: Mapped[int | None]
    days_to: Mapped[int | None]
    set_by: Mapped[str] = mapped_column(default="")
    ended_by: Mapped[str] = mapped_column(default="")


no_overlap(FreightTemplate.__table__, ["seller_id", "coalesce(province_code, '')"])


@dataclass(frozen=True)
class FreightChanged(Event):
    """A seller charges or promises something else for carrying, from some day on."""

    seller_id: UUID
    at: datetime
