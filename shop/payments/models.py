"""Money in and out: one row per attempt to pay and per refund, the inbox of provider notices, and bank statement lines.

Amounts are fen. A payment belongs to one sub-order (one seller of record); an order may have many payments and refunds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, choice
from kernel.ids import uuid7
from kernel.outbox import Event


class Provider(enum.StrEnum):
    """Who moves the money."""

    STRIPE = "stripe"
    BANK_TRANSFER = "bank_transfer"


class PaymentState(enum.StrEnum):
    """Where a payment stands with us."""

    CREATED = "created"
    OPEN = "open"
    CAPTURED = "captured"
    CLOSED = "closed"


class Payment(Base):
    """One attempt to pay one sub-order. ``provider_reference`` is what the provider calls it."""

    __tablename__ = "payments_payment"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        CheckConstraint("captured_fen >= 0", name="captured"),
        CheckConstraint("refunded_fen >= 0 AND refunded_fen <= captured_fen", name="refund_within_captured"),
        Index(
            "uq_payments_payment_reference",
            "provider",
            "provider_reference",
            unique=True,
            postgresql_where="provider_reference IS NOT NULL",
        ),
        Index("ix_payments_payment_order_code", "order_code"),
        Index("ix_payments_payment_unsettled", "created_at", postgresql_where="state IN ('created', 'open')"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    order_code: Mapped[str]
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    provider: Mapped[Provider] = mapped_column(choice(Provider))
    state: Mapped[PaymentState] = mapped_column(choice(PaymentState), default=PaymentState.CREATED)
    amount_fen: Mapped[int]
    captured_fen: Mapped[int] = mapped_column(default=0)
    refunded_fen: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(default="CNY")
    provider_reference: Mapped[str | None]
    pay_url: Mapped[str | None]
    method: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    captured_at: Mapped[datetime | None]
    last_read_at: Mapped[datetime | None]


class RefundState(enum.StrEnum):
    """Where a refund stands: asked for, sent to the provider, done, or refused."""

    REQUESTED = "requested"
    SENT = "sent"
    DONE = "done"
    FAILED = "failed"


class Refund(Base):
    """One refund of one payment; its id is the idempotency key at the provider. ``unused`` marks money no order had counted."""

    __tablename__ = "payments_refund"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_payments_refund_payment_id", "payment_id"),
        Index("ix_payments_refund_unsent", "created_at", postgresql_where="state IN ('requested', 'sent')"),
        Index("uq_payments_refund_reference", "provider_reference", unique=True, postgresql_where="provider_reference IS NOT NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    payment_id: Mapped[UUID] = mapped_column(ForeignKey("payments_payment.id"))
    amount_fen: Mapped[int]
    reason: Mapped[str]
    request_key: Mapped[str] = mapped_column(unique=True)
    unused: Mapped[bool] = mapped_column(default=False)
    state: Mapped[RefundState] = mapped_column(choice(RefundState), default=RefundState.REQUESTED)
    provider_reference: Mapped[str | None]
    asked_by: Mapped[str]
    created_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class Notice(Base):
    """The inbox of provider webhooks: unique event id, so a replay changes nothing; ``handled_at`` once the payment was read again."""

    __tablename__ = "payments_notice"
    __table_args__ = (Index("ix_payments_notice_open", "received_at", postgresql_where="handled_at IS NULL"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[Provider] = mapped_column(choice(Provider))
    kind: Mapped[str]
    reference: Mapped[str | None]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    last_error: Mapped[str | None]


class StatementLine(Base):
    """One credit on the seller's bank statement (对账单). ``fingerprint`` is unique, so a file imported twice counts once."""

    __tablename__ = "payments_statement_line"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_payments_statement_line_open", "booked_on", postgresql_where="payment_id IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    booked_on: Mapped[date]
    amount_fen: Mapped[int]
    payer: Mapped[str]
    memo: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments_payment.id"))
    verdict: Mapped[str]
    raw: Mapped[dict[str, Any]]
    imported_by: Mapped[str]
    imported_at: Mapped[datetime]


@dataclass(frozen=True)
class PaymentCaptured(Event):
    """Money arrived for a sub-order (``order_code`` is the sub-order's code)."""

    payment_id: UUID
    order_code: str
    amount_fen: int
    at: datetime


@dataclass(frozen=True)
class PaymentRefunded(Event):
    """Money was given back. ``unused``: it had never been counted on the order (late or double)."""

    refund_id: UUID
    payment_id: UUID
    order_code: str
    amount_fen: int
    unused: bool
    at: datetime
