"""Reviews as the product page, their writers and the operator look at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from shop.reviews.models import Review, ReviewState


@dataclass(frozen=True)
class ShownReview:
    """A review as strangers see it: the writer by the first character only."""

    id: UUID
    stars: int
    text: str
    writer: str
    written_at: datetime


@dataclass(frozen=True)
class Summary:
    """How many reviews a product has, and their mean with one decimal (None without any)."""

    count: int
    mean: Decimal | None


def list_reviews(session: Session, product_id: UUID, *, after: UUID | None = None, limit: int = 20) -> list[ShownReview]:
    """What buyers say about a product, newest first; hidden ones are left out. ``after``: the last id of the page before."""
    query = (
        select(Review, Person.name)
        .join(Person, Person.id == Review.person_id)
        .where(Review.product_id == product_id, Review.state == ReviewState.SHOWN)
        .order_by(Review.id.desc())
        .limit(limit)
    )
    rows = session.execute(query.where(Review.id < after) if after else query)
    return [ShownReview(review.id, review.stars, review.text, f"{name[:1]}**", review.written_at) for review, name in rows]


def summarise(session: Session, product_id: UUID) -> Summary:
    """Count and mean of the shown reviews of a product."""
    query = select(func.count(), func.sum(Review.stars)).where(Review.product_id == product_id, Review.state == ReviewState.SHOWN)
    count, total = session.execute(query).one()
    return Summary(count, _mean(count, int(total)) if count else None)


def summarise_many(session: Session, product_ids: Collection[UUID]) -> dict[UUID, Summary]:
    """The same for many products, with one query; those nobody reviewed are left out."""
    query = select(Review.product_id, func.count(), func.sum(Review.stars)).group_by(Review.product_id)
    rows = session.execute(query.where(Review.product_id.in_(product_ids), Review.state == ReviewState.SHOWN))
    return {product_id: Summary(count, _mean(count, int(total))) for product_id, count, total in rows}


def _mean(count: int, total: int) -> Decimal:
    return (Decimal(total) / count).quantize(Decimal("0.1"), ROUND_HALF_UP)


def find_review(session: Session, line_code: str) -> Review | None:
    """The review of an order line, or None."""
    return session.scalar(select(Review).where(Review.line_code == line_code))


def list_all_reviews(session: Session, *, after: UUID | None = None, limit: int = 50) -> Sequence[Review]:
    """Every review, hidden ones too, newest first: for the operator."""
    query = select(Review).order_by(Review.id.desc()).limit(limit)
    return session.scalars(query.where(Review.id < after) if after else query).all()
