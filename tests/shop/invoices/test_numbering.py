"""Numbers without a gap: 200 requests at once, and what the counter's lock is worth."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kernel import db
from kernel.db import work
from shop.invoices import requesting
from shop.invoices.models import InvoiceCounter, InvoiceRequest
from shop.invoices.numbering import take_number
from tests.factories.catalog import make_organization, make_person
from tests.factories.invoices import make_invoice_request

REQUESTS = 200


def prepare() -> tuple[UUID, UUID]:
    with work() as session:
        return make_organization(session).id, make_person(session).id


def ask(seller_id: UUID, person_id: UUID, number: int) -> str:
    """One request in its own transaction; every fifth is rolled back after it took its number."""
    try:
        with work() as session:
            make_invoice_request(session, seller_id, subject_code=f"ORD-{number}-1", buyer_person_id=person_id)
            if number % 5 == 4:
                raise InterruptedError
    except InterruptedError:
        return "given back"
    except IntegrityError:
        return "number taken twice"
    return "asked"


def all_at_once(seller_id: UUID, person_id: UUID) -> list[str]:
    with ThreadPoolExecutor(24) as pool:
        return list(pool.map(lambda number: ask(seller_id, person_id, number), range(REQUESTS * 5 // 4)))


def numbers(seller_id: UUID) -> list[int]:
    with work() as session:
        query = select(InvoiceRequest.number).where(InvoiceRequest.seller_id == seller_id).order_by(InvoiceRequest.number)
        return list(session.scalars(query))


def test_200_requests_at_once_are_numbered_1_to_200(database: str) -> None:
    seller_id, person_id = prepare()
    outcome = all_at_once(seller_id, person_id)
    assert outcome.count("asked") == REQUESTS
    assert numbers(seller_id) == list(range(1, REQUESTS + 1))


def count_plus_one(session: Session, seller_id: UUID) -> int:
    """What many shops do: the number of requests so far, plus one."""
    return (session.scalar(select(func.count()).where(InvoiceRequest.seller_id == seller_id)) or 0) + 1


def from_a_sequence(session: Session, seller_id: UUID) -> int:
    """What others do: a database sequence, which rolls nothing back."""
    return session.execute(text("SELECT nextval('numbers')")).scalar_one()


@pytest.mark.parametrize("without_lock", [count_plus_one, from_a_sequence])
def test_without_the_locked_counter_numbers_clash_or_have_gaps(
    database: str, monkeypatch: pytest.MonkeyPatch, without_lock: Callable[[Session, UUID], int]
) -> None:
    seller_id, person_id = prepare()
    with work() as session:
        session.execute(text("CREATE SEQUENCE numbers"))
    monkeypatch.setattr(requesting, "take_number", without_lock)
    outcome = all_at_once(seller_id, person_id)
    assert "number taken twice" in outcome or numbers(seller_id) != list(range(1, REQUESTS + 1))


def test_the_second_request_waits_for_the_first(database: str) -> None:
    """The row lock itself: another transaction cannot take a number while the first one is open."""
    seller_id, _ = prepare()
    with work() as session:
        assert take_number(session, seller_id) == 1
    with db._sessions() as first, first.begin():
        assert take_number(first, seller_id) == 2
        with db._sessions() as second, second.begin():
            locked = select(InvoiceCounter).where(InvoiceCounter.seller_id == seller_id).with_for_update(skip_locked=True)
            assert second.scalar(locked) is None


def test_each_seller_counts_alone(session: Session) -> None:
    one, two = make_organization(session).id, make_organization(session).id
    assert [take_number(session, seller) for seller in (one, one, two, one)] == [1, 2, 1, 3]
