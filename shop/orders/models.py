"""Orders, their part for each seller, their lines, and the news they make.

Everything a buyer agreed to is copied onto the rows: name, price, address. Amounts are fen. An order is placed before any money moves, so
no captured fen is ever without an order.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.products.models import ReturnClass, Temperature
from kernel.db import Base, choice
from kernel.ids import uuid7
from kernel.outbox import Event
from shop.orders.states import STATES, OrderState


class OrderKind(enum.StrEnum):
    """Who buys: a person for themselves, or an organisation."""

    CONSUMER = "consumer"
    ORGANIZATION = "organization"


class Purpose(enum.StrEnum):
    """What an order is for (用途)."""

    PERSONAL = "personal"
    CANTEEN = "canteen"
    STAFF_GIFT = "staff_gift"
    UNION = "union"


class Order(Base):
    """One order. ``checkout_key`` is unique: the same checkout places one order however often it is sent.

    An order from a pre-sale (预售) is nothing else: ``presale_code`` names it, ``ship_by`` is the day the buyer was promised.
    """

    __tablename__ = "orders_order"
    __table_args__ = (
        CheckConstraint("items_fen >= 0 AND freight_fen >= 0 AND total_fen = items_fen + freight_fen", name="total"),
        CheckConstraint("refunded_fen >= 0 AND refunded_fen <= paid_fen", name="refund_within_paid"),
        CheckConstraint("(kind = 'organization') = (buyer_organization_id IS NOT NULL)", name="buyer"),
        CheckConstraint("(presale_code IS NULL) = (ship_by IS NULL)", name="presale"),
        Index("ix_orders_order_person", "buyer_person_id", "id"),
        Index("ix_orders_order_organization", "buyer_organization_id", "id"),
        Index("ix_orders_order_expiring", "expires_at", postgresql_where="state = 'placed'"),
        Index("ix_orders_order_state", "state", "id"),
        Index("ix_orders_order_delivered", "delivered_at", postgresql_where="state = 'delivered'"),
        Index("ix_orders_order_presale", "presale_code", "id", postgresql_where="presale_code IS NOT NULL"),
        Index("ix_orders_order_placed_at", "placed_at"),
        Index("ix_orders_order_reference", "reference", postgresql_where="reference <> ''"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[OrderKind] = mapped_column(choice(OrderKind))
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose))
    state: Mapped[OrderState] = mapped_column(choice(OrderState), default=OrderState.PLACED)
    buyer_person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    buyer_organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))
    address: Mapped[dict[str, Any]]
    province_code: Mapped[str]
    items_fen: Mapped[int]
    freight_fen: Mapped[int]
    total_fen: Mapped[int]
    paid_fen: Mapped[int] = mapped_column(default=0)
    refunded_fen: Mapped[int] = mapped_column(default=0)
    on_terms: Mapped[bool] = mapped_column(default=False)
    due_on: Mapped[date | None]
    checkout_key: Mapped[str] = mapped_column(unique=True)
    reference: Mapped[str] = mapped_column(default="")
    placed_at: Mapped[datetime]
    no_return_agreed_at: Mapped[datetime | None]
    presale_code: Mapped[str | None]
    ship_by: Mapped[date | None]
    paid_at: Mapped[datetime | None]
    delivered_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]

    sub_orders: Mapped[list[SubOrder]] = relationship(back_populates="order", order_by="SubOrder.code")

    def move(self, to: OrderState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        STATES.check(self.state, to)
        self.state = to

    @property
    def lines(self) -> list[OrderLine]:
        """All lines, seller by seller."""
        return [line for sub_order in self.sub_orders for line in sub_order.lines]


class SubOrder(Base):
    """The part of one seller of record (销售方): one payee and one invoice."""

    __tablename__ = "orders_sub_order"
    __table_args__ = (
        CheckConstraint("items_fen >= 0 AND freight_fen >= 0", name="amounts"),
        CheckConstraint("payable_fen >= 0 AND payable_fen <= items_fen + freight_fen", name="payable_within"),
        CheckConstraint("paid_fen >= 0", name="paid"),
        Index("ix_orders_sub_order_order_id", "order_id"),
        Index("ix_orders_sub_order_seller_id", "seller_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders_order.id"))
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    items_fen: Mapped[int]
    freight_fen: Mapped[int]
    payable_fen: Mapped[int]
    paid_fen: Mapped[int] = mapped_column(default=0)

    order: Mapped[Order] = relationship(back_populates="sub_orders")
    lines: Mapped[list[OrderLine]] = relationship(back_populates="sub_order", order_by="OrderLine.code")
    parcels: Mapped[list[OrderParcel]] = relationship(
        back_populates="sub_order", order_by="OrderParcel.number", cascade="all, delete-orphan"
    )


class OrderParcel(Base):
    """What of a sub-order leaves one place at one temperature, as it was charged and promised: a shipment is opened for it once it is paid.

    ``ship_by`` is the last day on which it is handed over, ``arrive_from`` to ``arrive_by`` the days on which it arrives, all counted from
    the day of payment and None where the seller has not said. ``place_id`` is None while nobody knows where the boxes will lie (预售).
    """

    __tablename__ = "orders_parcel"
    __table_args__ = (
        UniqueConstraint("sub_order_id", "number"),
        CheckConstraint("boxes > 0 AND grams >= 0 AND freight_fen >= 0", name="amounts"),
        CheckConstraint("ship_by <= arrive_from AND arrive_from <= arrive_by", name="days_in_order"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    sub_order_id: Mapped[UUID] = mapped_column(ForeignKey("orders_sub_order.id"))
    number: Mapped[int]
    place_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_place.id"))
    temperature: Mapped[Temperature] = mapped_column(choice(Temperature))
    boxes: Mapped[int]
    grams: Mapped[int]
    freight_fen: Mapped[int]
    ship_by: Mapped[date | None]
    arrive_from: Mapped[date | None]
    arrive_by: Mapped[date | None]

    sub_order: Mapped[SubOrder] = relationship(back_populates="parcels")


class Receipt(Base):
    """What a sub-order counted of one payment (入账), and what of that went back: so that every refund knows whose money it is."""

    __tablename__ = "orders_receipt"
    __table_args__ = (
        CheckConstraint("used_fen >= 0 AND refunded_fen >= 0 AND refunded_fen <= used_fen", name="refund_within_used"),
        Index("ix_orders_receipt_sub_order_id", "sub_order_id"),
    )

    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments_payment.id"), primary_key=True)
    sub_order_id: Mapped[UUID] = mapped_column(ForeignKey("orders_sub_order.id"), primary_key=True)
    used_fen: Mapped[int] = mapped_column(default=0)
    refunded_fen: Mapped[int] = mapped_column(default=0)


class OrderLine(Base):
    """One product of an order, in boxes, with everything copied that the buyer agreed to.

    ``fresh_days`` of its ``shelf_life_days`` are left on the last promised day of arrival; None when no day is promised or nothing expires.
    """

    __tablename__ = "orders_line"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("amount_fen = unit_price_fen * quantity - discount_fen AND amount_fen >= 0", name="amount"),
        CheckConstraint("unit_price_fen > 0 AND discount_fen >= 0", name="price"),
        CheckConstraint("shipped >= 0 AND shipped <= quantity", name="shipped_within"),
        CheckConstraint("accepted_boxes IS NULL OR (accepted_boxes >= 0 AND accepted_boxes <= quantity)", name="accepted_within"),
        Index("ix_orders_line_sub_order_id", "sub_order_id"),
        Index("ix_orders_line_product_id", "product_id", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    sub_order_id: Mapped[UUID] = mapped_column(ForeignKey("orders_sub_order.id"))
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    sku: Mapped[str]
    name: Mapped[str]
    name_en: Mapped[str]
    county_code: Mapped[str]
    net_content: Mapped[str]
    picture: Mapped[str]
    return_class: Mapped[ReturnClass] = mapped_column(choice(ReturnClass))
    temperature: Mapped[Temperature] = mapped_column(choice(Temperature))
    storage: Mapped[str]
    shelf_life_days: Mapped[int]
    fresh_days: Mapped[int | None]
    quantity: Mapped[int]
    unit_price_fen: Mapped[int]
    discount_fen: Mapped[int] = mapped_column(default=0)
    amount_fen: Mapped[int]
    shipped: Mapped[int] = mapped_column(default=0)
    accepted_boxes: Mapped[int | None]
    accepted_amount: Mapped[Decimal | None]
    accepted_unit: Mapped[str | None]

    sub_order: Mapped[SubOrder] = relationship(back_populates="lines")


@dataclass(frozen=True)
class OrderPlaced(Event):
    """An order was placed; its boxes are allocated."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class OrderConfirmed(Event):
    """An order on terms may be packed before it is paid."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class OrderPaid(Event):
    """Everything due is paid. ``amount_fen`` is the order's paid total."""

    order_code: str
    amount_fen: int
    paid_at: datetime


@dataclass(frozen=True)
class OrderRefunded(Event):
    """Money went back to the buyer. ``refund_id`` names the refund, so that each counts once."""

    order_code: str
    refund_id: UUID
    amount_fen: int
    at: datetime


@dataclass(frozen=True)
class OrderClosed(Event):
    """An order ended unfulfilled (cancelled or expired); its boxes are free again."""

    order_code: str
    reason: str
    at: datetime


@dataclass(frozen=True)
class OrderShipped(Event):
    """All boxes of an order are on their way."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class OrderDelivered(Event):
    """The parcel was signed for."""

    order_code: str
    at: datetime


@dataclass(frozen=True)
class MoneyToReturn(Event):
    """Captured money that no order can use (late, double, too much): payments must give it back."""

    payment_id: UUID
    amount_fen: int
    reason: str
    at: datetime
