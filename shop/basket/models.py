"""A basket belongs to a person, or to a browser nobody signed in on. It promises nothing: boxes are allocated when an order is placed."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base
from kernel.ids import uuid7

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
    """So many boxes of one product."""

    __tablename__ = "basket_line"
    __table_args__ = (
        UniqueConstraint("basket_id", "product_id"),
        CheckConstraint(f"quantity BETWEEN 1 AND {MOST_BOXES}", name="quantity"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    basket_id: Mapped[UUID] = mapped_column(ForeignKey("basket_basket.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    quantity: Mapped[int]
    added_at: Mapped[datetime]
