"""Tables of the stock room, in whole boxes.

``available = on_hand - held - allocated`` for each pack lot at each place. The CHECK constraints are the last of three guards against
overselling (the row lock and the conditional UPDATE come before them), so they hold even when code forgets the other two.
"""

from __future__ import annotations

import enum
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from logistics.stock.states import PresaleState


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

    stock_lot: Mapped[StockLot] = relationship()

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


class Presale(Base):
    """A harvest window in which boxes that do not exist yet are promised (预售), kept apart from stock. All counts are boxes.

    ``forecast`` is what the county let the seller promise of ``asked_boxes``; ``promised`` are the standing promises, ``served`` those of
    them whose boxes have come and are allocated. A product has one pre-sale at a time. ``harvest_from`` also says which lots serve it:
    none made before. The CHECK ``not_overpromised`` stands behind the condition of the UPDATE in ``preselling``.
    """

    __tablename__ = "stock_presale"
    __table_args__ = (
        CheckConstraint("promised <= forecast", name="not_overpromised"),
        CheckConstraint("served >= 0 AND served <= promised", name="served_within"),
        CheckConstraint("asked_boxes > 0 AND forecast BETWEEN 0 AND asked_boxes AND per_person > 0", name="boxes"),
        CheckConstraint("harvest_from <= harvest_until AND harvest_until <= ship_by", name="days"),
        CheckConstraint("decided_by IS NULL OR decided_by <> asked_by", name="two_people"),
        CheckConstraint("(state = 'asked') = (decided_by IS NULL)", name="decided"),
        Index("uq_stock_presale_standing", "product_id", unique=True, postgresql_where="state IN ('asked', 'open')"),
        Index("ix_stock_presale_product_id", "product_id", "id"),
        Index("ix_stock_presale_open", "ship_by", postgresql_where="state = 'open'"),
        {"postgresql_with": {"fillfactor": "70"}},
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    harvest_from: Mapped[date]
    harvest_until: Mapped[date]
    ship_by: Mapped[date]
    closes_at: Mapped[datetime]
    asked_boxes: Mapped[int]
    forecast: Mapped[int] = mapped_column(default=0)
    promised: Mapped[int] = mapped_column(default=0)
    served: Mapped[int] = mapped_column(default=0)
    per_person: Mapped[int]
    state: Mapped[PresaleState] = mapped_column(choice(PresaleState), default=PresaleState.ASKED)
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    decided_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]

    @property
    def left(self) -> int:
        """Boxes that may still be promised, as far as the forecast goes."""
        return self.forecast - self.promised

    def takes_orders(self, at: datetime) -> bool:
        """Whether boxes may be promised at that moment."""
        return self.state is PresaleState.OPEN and at < self.closes_at and self.left > 0


class PresaleStep(Base):
    """What was done with a pre-sale, by whom and why: announced, decided, ended. Append-only."""

    __tablename__ = "stock_presale_step"
    __table_args__ = (Index("ix_stock_presale_step_presale_id", "presale_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    presale_id: Mapped[UUID] = mapped_column(ForeignKey("stock_presale.id"))
    state: Mapped[PresaleState] = mapped_column(choice(PresaleState))
    boxes: Mapped[int]
    note: Mapped[str] = mapped_column(default="")
    by: Mapped[str]
    at: Mapped[datetime]


append_only(PresaleStep.__table__)


class Promise(Base):
    """So many boxes of a coming harvest promised to one order line; ``served`` of them are allocated.

    Changed under its pre-sale's lock only. ``paid_at`` puts it in the queue: who paid first is served first, who has not paid comes after.
    """

    __tablename__ = "stock_promise"
    __table_args__ = (
        CheckConstraint("boxes > 0 AND served BETWEEN 0 AND boxes", name="boxes"),
        CheckConstraint("released_at IS NULL OR served = 0", name="released"),
        Index("uq_stock_promise_standing", "order_code", unique=True, postgresql_where="released_at IS NULL"),
        Index("ix_stock_promise_order_code", "order_code"),
        Index("ix_stock_promise_holder", "presale_id", "holder", postgresql_where="released_at IS NULL"),
        Index("ix_stock_promise_waiting", "presale_id", "paid_at", "id", postgresql_where="released_at IS NULL AND served < boxes"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    presale_id: Mapped[UUID] = mapped_column(ForeignKey("stock_presale.id"))
    order_code: Mapped[str]
    line_code: Mapped[str]
    holder: Mapped[str]
    boxes: Mapped[int]
    # Days from being handed to the packers to the buyer's door at the latest: only boxes that are fresh there serve it.
    days: Mapped[int] = mapped_column(Integer)  # a day plus a bigint is no day to PostgreSQL
    served: Mapped[int] = mapped_column(default=0)
    made_at: Mapped[datetime]
    paid_at: Mapped[datetime | None]
    served_at: Mapped[datetime | None]
    released_at: Mapped[datetime | None]

    @property
    def missing(self) -> int:
        """Boxes that have not come yet."""
        return self.boxes - self.served
