"""Parked news, reviews and contacts: only the operator, and each leaves a record."""

from __future__ import annotations

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from catalog.parties.models import Role
from kernel.errors import Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from kernel.outbox import Delivery, OutboxRow
from shop.backoffice import tending
from shop.backoffice.models import AuditEntry
from shop.reviews import reviewing
from shop.reviews.models import ReviewState
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_order


def make_parked(session: Session) -> OutboxRow:
    row = OutboxRow(
        id=uuid7(), event="OrderPaid", reaction="x:y", body={"order_code": "ORD-1"}, state=Delivery.PARKED, tries=8,
        last_error="boom", created_at=AT, not_before=AT,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def whats(session: Session) -> list[str]:
    return list(session.scalars(select(AuditEntry.what)))


def test_parked_news_gets_fresh_tries_once(session: Session) -> None:
    row, operator = make_parked(session), make_actor(session, Role.operator)
    with pytest.raises(Forbidden):
        tending.retry_parked(session, make_actor(session, Role.auditor), row.id, at=AT)
    tending.retry_parked(session, operator, row.id, at=AT)
    assert (row.state, row.tries, whats(session)) == (Delivery.PENDING, 0, ["outbox.retried"])
    with pytest.raises(NotFound):
        tending.retry_parked(session, operator, row.id, at=AT)


def test_hiding_a_review_is_recorded(session: Session) -> None:
    buyer, operator = make_actor(session), make_actor(session, Role.operator)
    order = deliver(session, make_order(session, actor=buyer))
    review = reviewing.write_review(session, buyer, order.lines[0].code, stars=1, text="坏的", at=AT)
    tending.moderate_review(session, operator, review.id, reason="含电话", at=AT)
    assert review.state is ReviewState.HIDDEN
    tending.moderate_review(session, operator, review.id, reason=None, at=AT)
    assert whats(session) == ["review.hidden", "review.shown"]


def test_looking_at_a_contact_is_recorded(session: Session) -> None:
    order = make_order(session)
    with pytest.raises(Forbidden):
        tending.open_contact(session, make_actor(session), order.code, "好奇", at=AT)
    tending.open_contact(session, make_actor(session, Role.operator), order.code, "快递联系不上", at=AT)
    assert whats(session) == ["contact.opened"]


def test_news_delivered_while_somebody_looked_is_not_delivered_again(session: Session) -> None:
    row, operator = make_parked(session), make_actor(session, Role.operator)
    session.execute(text("UPDATE kernel_outbox SET state = 'done' WHERE id = :id"), {"id": row.id})
    with pytest.raises(NotFound):
        tending.retry_parked(session, operator, row.id, at=AT)


@pytest.mark.parametrize("reason", ["", "  "])
def test_nobody_looks_at_a_contact_without_a_reason(session: Session, reason: str) -> None:
    order, operator = make_order(session), make_actor(session, Role.operator)
    with pytest.raises(Invalid):
        tending.open_contact(session, operator, order.code, reason, at=AT)
    assert whats(session) == []
