"""A basket belongs to a person, or to a browser nobody signed in on. It promises nothing: boxes are allocated when an order is placed.

A coupon (优惠码) is money a seller gives up on its own goods, never another's: each seller is paid for its own part of an order (二清).
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7
from kernel.periods import Period

MOST_BOXES = 999
MOST_LINES = 60


class Basket(Base):
    """One basket. Of a browser's token only the SHA-256 is kept, so the table opens no basket."""

    __tablename__ = "basket_basket"
    __table_args__ = (
        CheckConstraint("(person_id IS NULL) <> (token_hash IS NULL)", name="one_owner"),
        Index("ix_basket_basket_changed_at", "changed_at", postgresql_where="token_hash IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"), unique=True)
    token_hash: Mapped[str | None] = mapped_column(unique=True)
    changed_at: Mapped[datetime]


class BasketLine(Base):
    """So many boxes of one product, from the shelf or from a pre-sale of it (预售): two lines, ordered apart."""

    __tablename__ = "basket_line"
    __table_args__ = (
        UniqueConstraint("basket_id", "product_id", "presale_id", postgresql_nulls_not_distinct=True),
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST_BOXES}", name="quantity"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    basket_id: Mapped[UUID] = mapped_column(ForeignKey("basket_basket.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    presale_id: Mapped[UUID | None] = mapped_column(ForeignKey("stock_presale.id"))
    quantity: Mapped[int]
    added_at: Mapped[datetime]


COUPON_STATE_LABELS = {"open": "进行中", "ahead": "未开始", "spent": "已用完", "over": "已结束"}


class Coupon(Period, Base):
    """``off_fen`` less for goods of ``from_fen`` and more of one seller, until ``budget_fen`` are given or the period ends.

    ``spent_fen`` is what standing uses add up to. ``code`` is what people type: capitals, digits and dashes.
    """

    __tablename__ = "basket_coupon"
    __table_args__ = (
        CheckConstraint("off_fen > 0 AND from_fen > off_fen", name="amounts"),
        CheckConstraint("spent_fen BETWEEN 0 AND budget_fen", name="within_budget"),
        CheckConstraint("per_person >= 1", name="per_person"),
        CheckConstraint("code ~ '^[A-Z0-9][A-Z0-9-]{5,19}$'", name="code"),
        Index("ix_basket_coupon_seller_id", "seller_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    off_fen: Mapped[int]
    from_fen: Mapped[int]
    budget_fen: Mapped[int]
    spent_fen: Mapped[int] = mapped_column(default=0)
    per_person: Mapped[int]
    issued_by: Mapped[str]
    issued_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class CouponUse(Base):
    """One order that used a coupon. ``turn`` numbers a person's standing uses; its unique index holds when code forgets to count."""

    __tablename__ = "basket_coupon_use"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("turn >= 1", name="turn"),
        Index("uq_basket_coupon_use_turn", "coupon_id", "person_id", "turn", unique=True, postgresql_where="returned_at IS NULL"),
    )

    order_code: Mapped[str] = mapped_column(primary_key=True)
    coupon_id: Mapped[UUID] = mapped_column(ForeignKey("basket_coupon.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    turn: Mapped[int]
    amount_fen: Mapped[int]
    used_at: Mapped[datetime]
    returned_at: Mapped[datetime | None]
