"""Money in and out: one row per attempt to pay and per refund, the inbox of provider notices, and bank statement lines.

Amounts are fen. A payment belongs to one sub-order (one seller of record); an order may have many payments and refunds. ``order_code``
is the sub-order's code: the order's code, a dash and a number.
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
from shop.payments.states import PAYMENT_STATES, REFUND_STATES, PaymentState, RefundState


class Provider(enum.StrEnum):
    """Who moves the money."""

    STRIPE = "stripe"
    BANK_TRANSFER = "bank_transfer"


class Payment(Base):
    """One attempt to pay one sub-order. ``provider_reference`` is what the provider calls it; ``remittance_code`` (汇款识别码) is what a
    transfer quotes. ``captured_fen`` may pass ``amount_fen`` (a transfer of too much); ``refunded_fen`` counts refunds from the moment
    they are asked for until they fail. ``disputed_fen`` is what a bank holds or took back (拒付).

    ``claimed_until`` marks who is talking to the provider about opening it; ``read_after`` when it is next worth reading there;
    ``close_asked_at`` that nobody shall pay it any more.
    """

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
        CheckConstraint("(provider = 'bank_transfer') = (remittance_code IS NOT NULL)", name="remittance_code"),
        Index(
            "uq_payments_payment_one_open",
            "order_code",
            unique=True,
            postgresql_where="state IN ('created', 'open') AND close_asked_at IS NULL",
        ),
        Index("ix_payments_payment_order_code", "order_code"),
        Index("ix_payments_payment_seller_id", "seller_id", "id"),
        Index("ix_payments_payment_unsettled", "read_after", postgresql_where="state IN ('created', 'open')"),
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
    disputed_fen: Mapped[int] = mapped_column(default=0)
    provider_reference: Mapped[str | None]
    remittance_code: Mapped[str | None] = mapped_column(unique=True)
    pay_url: Mapped[str | None]
    locale: Mapped[str | None]
    method: Mapped[str | None]
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    captured_at: Mapped[datetime | None]
    last_read_at: Mapped[datetime | None]
    claimed_until: Mapped[datetime | None]
    read_after: Mapped[datetime]
    close_asked_at: Mapped[datetime | None]
    last_error: Mapped[str | None]

    def move(self, to: PaymentState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        PAYMENT_STATES.check(self.state, to)
        self.state = to

    @property
    def waiting(self) -> bool:
        """Whether the buyer may still pay it."""
        return self.state in (PaymentState.CREATED, PaymentState.OPEN) and self.close_asked_at is None

    @property
    def refundable_fen(self) -> int:
        """What may still be given back."""
        return self.captured_fen - self.refunded_fen


class Refund(Base):
    """One refund of one payment. ``unused`` marks money no order had counted. ``done_at`` is set once, when the money first went back.

    ``request_key`` makes asking once-only; ``attempt`` counts how often a failed one was begun anew, ``tries`` how often it was sent.
    """

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
    attempt: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime]
    last_error: Mapped[str | None]

    def move(self, to: RefundState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        REFUND_STATES.check(self.state, to)
        self.state = to

    @property
    def provider_key(self) -> str:
        """The idempotency key at the provider: the row's id, and the attempt once there was more than one."""
        return f"{self.id}-{self.attempt}" if self.attempt else str(self.id)


class Notice(Base):
    """The inbox of provider notices: unique event id, so a replay changes nothing; ``handled_at`` once the payment was read again.

    ``missed`` marks those no webhook brought and reconciling found. ``last_error`` of a handled one says why it led to no payment.
    """

    __tablename__ = "payments_notice"
    __table_args__ = (Index("ix_payments_notice_open", "received_at", postgresql_where="handled_at IS NULL"),)

    event_id: Mapped[str] = mapped_column(primary_key=True)
    provider: Mapped[Provider] = mapped_column(choice(Provider))
    kind: Mapped[str]
    reference: Mapped[str | None]
    happened_at: Mapped[datetime]
    received_at: Mapped[datetime]
    handled_at: Mapped[datetime | None]
    missed: Mapped[bool] = mapped_column(default=False)
    last_error: Mapped[str | None]


class Reconciliation(Base):
    """One run of asking the provider for what webhooks missed; only a finished one moves the next one's start."""

    __tablename__ = "payments_reconciliation"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    since: Mapped[datetime]
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = mapped_column(index=True)
    seen: Mapped[int] = mapped_column(default=0)
    missed: Mapped[int] = mapped_column(default=0)


class PayeeAccount(Base):
    """The bank account a seller of record is paid into (收款账户); one a seller."""

    __tablename__ = "payments_payee_account"

    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), primary_key=True)
    holder: Mapped[str]
    bank: Mapped[str]
    number: Mapped[str]
    changed_by: Mapped[str]
    changed_at: Mapped[datetime]


class Verdict(enum.StrEnum):
    """What became of one line of a statement."""

    EXACT = "exact"  # pays what was still missing
    PART = "part"  # pays some of it
    OVER = "over"  # pays more than was missing
    DOUBLE = "double"  # pays what was paid already
    ASSIGNED = "assigned"  # a person said which payment it is for
    UNMATCHED = "unmatched"  # no code we know: waits for a person
    AMBIGUOUS = "ambiguous"  # several codes: waits for a person
    OTHER_SELLER = "other_seller"  # the code of another seller's payment: waits for a person
    KNOWN = "known"  # counted by an earlier import
    NOT_CREDIT = "not_credit"  # nothing came in
    UNREADABLE = "unreadable"  # no date or no amount


class StatementImport(Base):
    """One uploaded statement (对账单), and what each of its lines was taken for at that time."""

    __tablename__ = "payments_statement_import"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), index=True)
    file_name: Mapped[str]
    lines: Mapped[list[Any]]
    imported_by: Mapped[str]
    imported_at: Mapped[datetime]


class StatementLine(Base):
    """One credit on the seller's bank statement. ``fingerprint`` is unique, so a file imported twice counts once."""

    __tablename__ = "payments_statement_line"
    __table_args__ = (
        CheckConstraint("amount_fen > 0", name="amount"),
        Index("ix_payments_statement_line_open", "seller_id", "id", postgresql_where="payment_id IS NULL"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    import_id: Mapped[UUID] = mapped_column(ForeignKey("payments_statement_import.id"), index=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    fingerprint: Mapped[str] = mapped_column(unique=True)
    booked_on: Mapped[date]
    amount_fen: Mapped[int]
    payer: Mapped[str]
    memo: Mapped[str]
    payment_id: Mapped[UUID | None] = mapped_column(ForeignKey("payments_payment.id"), index=True)
    verdict: Mapped[Verdict] = mapped_column(choice(Verdict))
    assigned_by: Mapped[str | None]
    imported_at: Mapped[datetime]


@dataclass(frozen=True)
class PaymentCaptured(Event):
    """Money arrived for a sub-order (``order_code`` is the sub-order's code)."""

    payment_id: UUID
    order_code: str
    amount_fen: int
    at: datetime


@dataclass(frozen=True)
class RefundFailed(Event):
    """A refund did not reach the buyer (``code``: the provider's own word); a person must look."""

    refund_id: UUID
    payment_code: str
    order_code: str
    amount_fen: int
    code: str
    at: datetime


@dataclass(frozen=True)
class PaymentDisputed(Event):
    """A bank holds or took back more of a payment than was known (拒付); a person answers it at the provider in time."""

    payment_code: str
    order_code: str
    disputed_fen: int
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
