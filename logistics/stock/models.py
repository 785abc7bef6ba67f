"""Tables of the stock room, in whole boxes.

``available = on_hand - held - allocated`` for each pack lot at each place. The CHECK constraints are the last of three guards against
overselling (the row lock and the conditional UPDATE come before them), so they hold even when code forgets the other two.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7


class StockLot(Base):
    """Boxes of one pack lot at one place; ``dispatched`` counts those that left for good."""

    __tablename__ = "stock_lot"
    __table_args__ = (
        UniqueConstraint("lot_id", "place_id"),
        CheckConstraint("on_hand - held - allocated >= 0", name="not_oversold"),
        CheckConstraint("on_hand >= 0 AND held >= 0 AND allocated >= 0 AND dispatched >= 0", name="not_negative"),
        # The index behind "what can be bought". Neither held nor allocated stand in it: selling a box is a heap-only update.
        Index("ix_stock_lot_offer", "product_id", "expires_on", "id", postgresql_where="on_hand > 0"),
        Index("ix_stock_lot_place_id", "place_id", "id"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    lot_id: Mapped[UUID] = mapped_column(ForeignKey("lots_lot.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    place_id: Mapped[UUID] = mapped_column(ForeignKey("parties_place.id"))
    on_hand: Mapped[int] = mapped_column(default=0)
    held: Mapped[int] = mapped_column(default=0)
    allocated: Mapped[int] = mapped_column(default=0)
    dispatched: Mapped[int] = mapped_column(default=0)
    expires_on: Mapped[date | None]
    # Last day on which these boxes may be sold so that they arrive fresh (freshness.py); None for goods that keep for ever.
    sell_until: Mapped[date | None]
    received_at: Mapped[datetime]

    @property
    def free(self) -> int:
        """Boxes nobody has a claim on."""
        return self.on_hand - self.held - self.allocated


class Hold(Base):
    """Boxes kept for a basket until ``until``; nobody can sit on the shelf for longer, or on much of it."""

    __tablename__ = "stock_hold"
    __table_args__ = (
        UniqueConstraint("holder", "stock_lot_id"),
        CheckConstraint("quantity > 0", name="positive"),
        Index("ix_stock_hold_until", "until"),
        Index("ix_stock_hold_stock_lot_id", "stock_lot_id", "until"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    holder: Mapped[str]
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    stock_lot_id: Mapped[UUID] = mapped_column(ForeignKey("stock_lot.id"))
    quantity: Mapped[int]
    until: Mapped[datetime]


class Allocation(Base):
    """Boxes of one lot promised to one order line; ``dispatched`` of them have left."""

    __tablename__ = "stock_allocation"
    __table_args__ = (
        UniqueConstraint("line_code", "stock_lot_id"),
        CheckConstraint("quantity > 0", name="positive"),
        CheckConstraint("dispatched >= 0 AND dispatched <= quantity", name="dispatched_within"),
        Index("ix_stock_allocation_order_code", "order_code"),
        Index("ix_stock_allocation_stock_lot_id", "stock_lot_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    order_code: Mapped[str]
    line_code: Mapped[str]
    stock_lot_id: Mapped[UUID] = mapped_column(ForeignKey("stock_lot.id"))
    quantity: Mapped[int]
    dispatched: Mapped[int] = mapped_column(default=0)
    allocated_at: Mapped[datetime]

    @property
    def open(self) -> int:
        """Boxes promised and not yet gone."""
        return self.quantity - self.dispatched


class MoveKind(enum.StrEnum):
    """Why the number of boxes on a shelf changed."""

    RECEIVED = "received"
    DISPATCHED = "dispatched"
    DISCARDED = "discarded"
    OPENED = "opened"


class StockMove(Base):
    """One change of ``on_hand``; their signed sum is ``on_hand``. Append-only."""

    __tablename__ = "stock_move"
    __table_args__ = (Index("ix_stock_move_stock_lot_id", "stock_lot_id", "id"), CheckConstraint("quantity <> 0", name="not_zero"))

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    stock_lot_id: Mapped[UUID] = mapped_column(ForeignKey("stock_lot.id"))
    kind: Mapped[MoveKind] = mapped_column(choice(MoveKind))
    quantity: Mapped[int]
    reference: Mapped[str] = mapped_column(default="")
    actor: Mapped[str]
    at: Mapped[datetime]


append_only(StockMove.__table__)
