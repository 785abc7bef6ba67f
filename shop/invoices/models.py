"""Invoice requests and the counter that numbers them.

The number (开票申请号) counts up for each seller without a gap. It is ours: the invoice number (发票号码) is given by the tax system and
only typed in here once the seller has issued the invoice.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, add_ddl, choice
from kernel.ids import uuid7
from kernel.outbox import Event
from shop.invoices.states import STATES, InvoiceState


class TitleKind(enum.StrEnum):
    """Whose name stands on the invoice (抬头): a person's, or a body's with its tax number."""

    PERSONAL = "personal"
    ORGANIZATION = "organization"


TITLE_LABELS = {TitleKind.PERSONAL: "个人", TitleKind.ORGANIZATION: "单位"}


# A special one (专用发票) is what a body deducts its input tax by.
KIND_LABELS = {"ordinary": "普通发票", "special": "专用发票"}


class InvoiceCounter(Base):
    """The last number each seller gave out; the row is locked until the request that took a number commits, so there is no gap."""

    __tablename__ = "invoices_counter"

    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"), primary_key=True)
    last: Mapped[int] = mapped_column(default=0)


class InvoiceRequest(Base):
    """One request of one buyer to one seller for one thing sold (``subject_code``: a sub-order, or a settlement of several).

    ``special``: a 专用发票, which a body deducts by; ``items``: what was sold, as JSON for the seller's tax software. Once issued it is
    only ever corrected by a red-letter invoice (红字); a trigger refuses every other change. ``red_due_at``: money went back after it
    was issued, so by then the seller issues the red one.
    """

    __tablename__ = "invoices_request"
    __table_args__ = (
        UniqueConstraint("seller_id", "number"),
        CheckConstraint("number > 0 AND amount_fen > 0", name="positive"),
        CheckConstraint("buyer_person_id IS NOT NULL OR buyer_organization_id IS NOT NULL", name="buyer"),
        CheckConstraint("(title_kind = 'organization') = (tax_number IS NOT NULL)", name="tax_number"),
        CheckConstraint("(state IN ('issued', 'red')) = (invoice_number IS NOT NULL)", name="issued"),
        CheckConstraint("(state = 'red') = (red_number IS NOT NULL)", name="red"),
        CheckConstraint("invoice_number ~ '^([0-9]{20}|示例-.*)$'", name="invoice_number_format"),
        Index("uq_invoices_request_live", "subject_code", unique=True, postgresql_where="state IN ('requested', 'issued')"),
        Index("uq_invoices_request_invoice", "invoice_number", unique=True, postgresql_where="invoice_number IS NOT NULL"),
        Index("uq_invoices_request_red", "red_number", unique=True, postgresql_where="red_number IS NOT NULL"),
        Index("ix_invoices_request_subject_code", "subject_code", "id"),
        Index("ix_invoices_request_person", "buyer_person_id", "id"),
        Index("ix_invoices_request_organization", "buyer_organization_id", "id"),
        Index("ix_invoices_request_state", "state", "id"),
        Index("ix_invoices_request_red_due", "red_due_at", postgresql_where="state = 'issued' AND red_due_at IS NOT NULL"),
        CheckConstraint("NOT special OR title_kind = 'organization'", name="special"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    code: Mapped[str] = mapped_column(unique=True)
    seller_id: Mapped[UUID] = mapped_column(ForeignKey("parties_organization.id"))
    number: Mapped[int]
    subject_code: Mapped[str]
    buyer_person_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_person.id"))
    buyer_organization_id: Mapped[UUID | None] = mapped_column(ForeignKey("parties_organization.id"))
    title_kind: Mapped[TitleKind] = mapped_column(choice(TitleKind))
    title: Mapped[str]
    tax_number: Mapped[str | None]
    email: Mapped[str] = mapped_column(default="")
    note: Mapped[str] = mapped_column(default="")
    amount_fen: Mapped[int]
    special: Mapped[bool] = mapped_column(default=False)
    items: Mapped[list[Any]] = mapped_column(default=list)
    state: Mapped[InvoiceState] = mapped_column(choice(InvoiceState), default=InvoiceState.REQUESTED)
    asked_by: Mapped[str]
    asked_at: Mapped[datetime]
    invoice_number: Mapped[str | None]
    issued_on: Mapped[date | None]
    recorded_by: Mapped[str | None]
    recorded_at: Mapped[datetime | None]
    red_number: Mapped[str | None]
    red_on: Mapped[date | None]
    red_reason: Mapped[str | None]
    red_due_at: Mapped[datetime | None]

    @property
    def awaits_red(self) -> bool:
        """Whether the seller still owes the red-letter invoice."""
        return self.state is InvoiceState.ISSUED and self.red_due_at is not None

    def move(self, to: InvoiceState) -> None:
        """Go to the next state. Raises Conflict when the table does not allow it."""
        STATES.check(self.state, to)
        self.state = to


@dataclass(frozen=True)
class InvoiceCorrected(Event):
    """The seller's red-letter invoice has taken an issued one back."""

    code: str
    red_number: str
    at: datetime


# What was asked for never changes (but an erased person's mail address and note go, and a guest's request goes into the account that takes
# the guest's orders); what was issued changes only into its red-letter correction; nothing is ever deleted.
add_ddl(
    InvoiceRequest.__table__,  # type: ignore[arg-type]
    """
CREATE OR REPLACE FUNCTION invoices_keep_request() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := CASE OLD.state
  WHEN 'requested' THEN ARRAY['state', 'invoice_number', 'issued_on', 'recorded_by', 'recorded_at']
  WHEN 'issued' THEN ARRAY['state', 'red_number', 'red_on', 'red_reason', 'red_due_at']
  ELSE ARRAY[]::text[] END;
BEGIN
  IF current_setting('shanhai.erasing', true) = 'on' THEN may_change := ARRAY['email', 'note']; END IF;
  IF current_setting('shanhai.adopting', true) = 'on' THEN may_change := ARRAY['buyer_person_id']; END IF;
  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
    OR (OLD.state = 'issued' AND NEW.state NOT IN ('issued', 'red'))
  THEN RAISE EXCEPTION 'an invoice request is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$
""".strip(),
    "SELECT 1",
)
add_ddl(
    InvoiceRequest.__table__,  # type: ignore[arg-type]
    "CREATE TRIGGER invoices_request_kept BEFORE UPDATE OR DELETE ON invoices_request "
    "FOR EACH ROW EXECUTE FUNCTION invoices_keep_request()",
    "DROP TRIGGER invoices_request_kept ON invoices_request",
)
