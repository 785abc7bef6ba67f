"""Shares of the price, and the credits a report is the sum of."""

from __future__ import annotations

import enum
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from kernel.periods import Period, no_overlap


class ShareRule(Period, Base):
    """How 100 yuan of a product's price are divided by agreement (按约定): payee → fen, 10,000 in all."""

    __tablename__ = "assistance_share_rule"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    parts: Mapped[dict[str, Any]]
    basis: Mapped[str]
    set_by: Mapped[str]


no_overlap(ShareRule.__table__, ["product_id"])


class Channel(enum.StrEnum):
    """Through which channel (渠道) a sale came about."""

    CONSUMER = "consumer"
    CANTEEN = "canteen"
    STAFF_GIFT = "staff_gift"
    UNION = "union"


CHANNEL_LABELS: dict[Channel, str] = {
    Channel.CONSUMER: "个人",
    Channel.CANTEEN: "单位食堂",
    Channel.STAFF_GIFT: "职工慰问",
    Channel.UNION: "工会采购",
}


class SaleCredit(Base):
    """One amount counted to one county: a paid line, or (negative) a refund of it. Append-only; a report is a sum of these rows.

    ``partner_code`` is the eastern province, only when it was paired with the county on ``on``; else NULL, shown as 其他地区. ``cause``
    with ``line_code`` is unique, so news delivered twice counts once.
    """

    __tablename__ = "assistance_sale_credit"
    __table_args__ = (
        UniqueConstraint("cause", "line_code"),
        CheckConstraint("amount_fen <> 0", name="not_zero"),
        Index("ix_assistance_sale_credit_report", "on", "county_code", "partner_code"),
        Index("ix_assistance_sale_credit_order", "order_code"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    cause: Mapped[str]
    order_code: Mapped[str]
    line_code: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    county_code: Mapped[str] = mapped_column(ForeignKey("areas_area.code"))
    buyer_province_code: Mapped[str]
    partner_code: Mapped[str | None] = mapped_column(ForeignKey("areas_area.code"))
    channel: Mapped[Channel] = mapped_column(choice(Channel))
    amount_fen: Mapped[int]
    on: Mapped[date]
    at: Mapped[datetime]


append_only(SaleCredit.__table__)
