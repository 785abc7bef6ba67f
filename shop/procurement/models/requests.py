"""A purchase request: who wants what delivered where for how much, who approved which content, and its history."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from catalog.parties.models import Role
from kernel.db import Base, append_only, choice
from kernel.ids import uuid7
from kernel.outbox import Event
from shop.orders.models import Purpose
from shop.procurement.states import STATES, RequestState, StepState


class PurchaseRequest(Base):
    """One request (采购申请). Every submission is a new ``round`` with approvals of its own, bound to ``content_hash``.

    ``trouble`` is why an approved request was not ordered: {message, params}, shown until it is.
    """

    __tablename__ = "procurement_request"
    __table_args__ = (
        CheckConstraint("total_fen >= 0", name="total"),
        Index("ix_procurement_request_organization_id", "organization_id", "id"),
        Index("ix_procurement_request_requester_id", "requester_id", "id"),
        Index("ix_procurement_request_state", "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    organization_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    requester_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"))
    purpose: Mapped[Purpose] = mapped_column(choice(Purpose))
    title: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    state: Mapped[RequestState] = mapped_column(choice(RequestState), default=RequestState.DRAFT)
    year: Mapped[int]
    total_fen: Mapped[int] = mapped_column(default=0)
    content_hash: Mapped[str] = mapped_column(default="")
    round: Mapped[int] = mapped_column(default=0)
    trouble: Mapped[dict[str, Any] | None]
    created_at: Mapped[datetime]
    submitted_at: Mapped[datetime | None]

    deliveries: Mapped[list[RequestDelivery]] = relationship(
        back_populates="request", order_by="RequestDelivery.position", cascade="all, delete-orphan"
    )

    def move(self, to: RequestState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        STATES.check(self.state, to)
        self.state = to


class RequestDelivery(Base):
    """One address of a request with what goes there; it becomes one order, whose code it then keeps. Prices are those of the quote."""

    __tablename__ = "procurement_delivery"
    __table_args__ = (
        UniqueConstraint("request_id", "position"),
        CheckConstraint("total_fen = items_fen + freight_fen AND freight_fen >= 0", name="total"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    position: Mapped[int]
    address: Mapped[dict[str, Any]]
    items_fen: Mapped[int]
    freight_fen: Mapped[int]
    total_fen: Mapped[int]
    order_code: Mapped[str | None] = mapped_column(unique=True)

    request: Mapped[PurchaseRequest] = relationship(back_populates="deliveries")
    lines: Mapped[list[RequestLine]] = relationship(
        back_populates="delivery", order_by="RequestLine.sku", cascade="all, delete-orphan", lazy="selectin"
    )


class RequestLine(Base):
    """Boxes of one product for one delivery, at the quoted price, from one seller."""

    __tablename__ = "procurement_line"
    __table_args__ = (
        UniqueConstraint("delivery_id", "sku"),
        CheckConstraint("boxes > 0 AND unit_price_fen > 0 AND amount_fen >= 0", name="amounts"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    delivery_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_delivery.id"))
    sku: Mapped[str]
    name: Mapped[str]
    net_content: Mapped[str]
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    boxes: Mapped[int]
    unit_price_fen: Mapped[int]
    amount_fen: Mapped[int]

    delivery: Mapped[RequestDelivery] = relationship(back_populates="lines")


class ApprovalStep(Base):
    """One approval a round needs. It was given for the content with ``content_hash`` and for nothing else.

    Nobody decides two steps of a round (unique index).
    """

    __tablename__ = "procurement_approval_step"
    __table_args__ = (
        UniqueConstraint("request_id", "round", "level"),
        CheckConstraint("state NOT IN ('approved', 'refused') OR decided_by IS NOT NULL", name="decided"),
        Index(
            "uq_procurement_approval_step_person", "request_id", "round", "decided_by", unique=True,
            postgresql_where="decided_by IS NOT NULL",
        ),
        Index("ix_procurement_approval_step_waiting", "request_id", postgresql_where="state = 'waiting'"),
    )  # fmt: skip

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    round: Mapped[int]
    level: Mapped[int]
    role: Mapped[Role] = mapped_column(choice(Role))
    content_hash: Mapped[str]
    state: Mapped[StepState] = mapped_column(choice(StepState), default=StepState.WAITING)
    decided_by: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    decided_at: Mapped[datetime | None]
    remark: Mapped[str] = mapped_column(default="")


class HistoryEntry(Base):
    """What happened to a request, by whom: only added. ``act`` is a key of ``wording.ACT_LABELS``."""

    __tablename__ = "procurement_history"
    __table_args__ = (Index("ix_procurement_history_request_id", "request_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    act: Mapped[str]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    by: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    content_hash: Mapped[str]
    at: Mapped[datetime]


append_only(HistoryEntry.__table__)


class ImportFile(Base):
    """One spreadsheet somebody uploaded for a request: kept by digest; ``faults`` lists what was wrong (empty: it was taken over)."""

    __tablename__ = "procurement_import"
    __table_args__ = (Index("ix_procurement_import_request_id", "request_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    request_id: Mapped[UUID] = mapped_column(ForeignKey("procurement_request.id"))
    digest: Mapped[str]
    file_name: Mapped[str]
    row_count: Mapped[int]
    faults: Mapped[list[Any]]
    person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    at: Mapped[datetime]


@dataclass(frozen=True)
class RequestApproved(Event):
    """The last approval was given: the orders may be placed."""

    request_code: str
    round: int
    at: datetime


@dataclass(frozen=True)
class PersonTold(Event):
    """Somebody is to be told something; ``kind`` and ``params`` are those of notices, ``key`` makes it once-only."""

    person_id: UUID
    kind: str
    key: str
    params: dict[str, str]
    order_code: str | None
    at: datetime
