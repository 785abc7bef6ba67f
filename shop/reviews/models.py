"""Reviews: one for each order line, never deleted; an operator may hide one and has to say why."""

from __future__ import annotations

import enum
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from kernel.db import Base, add_ddl, choice
from kernel.ids import uuid7

LONGEST = 500  # characters


class ReviewState(enum.StrEnum):
    """Whether strangers see it."""

    SHOWN = "shown"
    HIDDEN = "hidden"


class Review(Base):
    """What one buyer says about one line of one order they received. ``stars`` 1 to 5; the text is the buyer's, at most 500 characters."""

    __tablename__ = "reviews_review"
    __table_args__ = (
        CheckConstraint("stars BETWEEN 1 AND 5", name="stars"),
        CheckConstraint(f"char_length(text) BETWEEN 1 AND {LONGEST}", name="text_bounded"),
        CheckConstraint("(state = 'hidden') = (hidden_reason IS NOT NULL AND hidden_by IS NOT NULL)", name="hidden_with_reason"),
        Index("ix_reviews_review_product", "product_id", "state", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid7)
    line_id: Mapped[UUID] = mapped_column(ForeignKey("orders_line.id"), unique=True)
    line_code: Mapped[str] = mapped_column(unique=True)
    product_id: Mapped[UUID] = mapped_column(ForeignKey("products_product.id"))
    person_id: Mapped[UUID] = mapped_column(ForeignKey("parties_person.id"), index=True)
    stars: Mapped[int]
    text: Mapped[str]
    state: Mapped[ReviewState] = mapped_column(choice(ReviewState), default=ReviewState.SHOWN)
    hidden_reason: Mapped[str | None]
    hidden_by: Mapped[str | None]
    written_at: Mapped[datetime]


# Hiding is the one thing that may happen to a review: nobody rewrites what a buyer said or makes it vanish. A guest's goes with its order
# into the account that confirmed the guest's phone.
add_ddl(
    Review.__table__,  # type: ignore[arg-type]
    """
CREATE OR REPLACE FUNCTION reviews_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE may_change text[] := ARRAY['state', 'hidden_reason', 'hidden_by'];
BEGIN
  IF current_setting('shanhai.adopting', true) = 'on' THEN may_change := ARRAY['person_id']; END IF;
  IF TG_OP = 'DELETE' OR to_jsonb(NEW) - may_change IS DISTINCT FROM to_jsonb(OLD) - may_change
  THEN RAISE EXCEPTION 'a review is not rewritten' USING ERRCODE = 'restrict_violation'; END IF;
  RETURN NEW;
END $$
""".strip(),
    "SELECT 1",
)
add_ddl(
    Review.__table__,  # type: ignore[arg-type]
    "CREATE TRIGGER reviews_review_kept BEFORE UPDATE OR DELETE ON reviews_review "
    "FOR EACH ROW EXECUTE FUNCTION reviews_keep_words()",
    "DROP TRIGGER reviews_review_kept ON reviews_review",
)
