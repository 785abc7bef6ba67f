"""Only who received may review, once; words stay. Each guard is switched off and must then fail to hold."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Role
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from shop.orders.models import Order
from shop.reviews import reviewing
from shop.reviews.models import Review, ReviewState
from shop.reviews.queries import list_reviews, summarise
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_order


@pytest.fixture
def buyer(session: Session) -> Actor:
    return make_actor(session)


@pytest.fixture
def order(session: Session, buyer: Actor) -> Order:
    return deliver(session, make_order(session, actor=buyer))


def write(session: Session, actor: Actor, order: Order, **over: object) -> Review:
    values = {"stars": 5, "text": "新鲜,孩子爱吃。"} | over
    return reviewing.write_review(session, actor, order.lines[0].code, at=AT, **values)  # type: ignore[arg-type]


def test_a_buyer_reviews_what_arrived(session: Session, buyer: Actor, order: Order) -> None:
    review = write(session, buyer, order)
    shown = list_reviews(session, review.product_id)
    assert [(row.stars, row.text) for row in shown] == [(5, "新鲜,孩子爱吃。")]
    assert shown[0].writer == f"{buyer.name[0]}**"
    assert summarise(session, review.product_id).mean == 5


def test_somebody_elses_line_is_not_found(session: Session, order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    for stranger in (make_actor(session), make_actor(session, Role.operator)):
        with pytest.raises(NotFound):
            write(session, stranger, order)
    monkeypatch.setattr(reviewing, "is_own", lambda *_: True)
    assert write(session, make_actor(session), order).stars == 5


def test_nothing_is_reviewed_before_it_arrives(session: Session, buyer: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = make_order(session, actor=buyer)
    with pytest.raises(Conflict):
        write(session, buyer, waiting)
    monkeypatch.setattr(reviewing, "is_received", lambda _: True)
    assert write(session, buyer, waiting).stars == 5


@pytest.mark.parametrize("over", [{"stars": 0}, {"stars": 6}, {"stars": None}, {"text": "  "}, {"text": "好" * 501}])
def test_stars_and_words_have_bounds(session: Session, buyer: Actor, order: Order, over: dict[str, object]) -> None:
    with pytest.raises(Invalid):
        write(session, buyer, order, **over)


def test_one_review_a_line_also_when_the_code_forgets(session: Session, buyer: Actor, order: Order) -> None:
    first = write(session, buyer, order)
    with pytest.raises(Conflict):
        write(session, buyer, order)
    copy = Review(
        line_id=first.line_id,
        line_code="other",
        product_id=first.product_id,
        person_id=first.person_id,
        stars=1,
        text="x",
        written_at=AT,
    )
    session.add(copy)
    with pytest.raises(IntegrityError):
        session.flush()


def test_hiding_needs_an_operator_and_a_reason_and_can_be_undone(session: Session, buyer: Actor, order: Order) -> None:
    review, operator = write(session, buyer, order), make_actor(session, Role.operator)
    with pytest.raises(Forbidden):
        reviewing.hide_review(session, buyer, review.id, "不喜欢")
    with pytest.raises(Invalid):
        reviewing.hide_review(session, operator, review.id, " ")
    reviewing.hide_review(session, operator, review.id, "含他人电话")
    session.flush()
    assert list_reviews(session, review.product_id) == []
    assert summarise(session, review.product_id).count == 0
    reviewing.show_review(session, operator, review.id)
    session.flush()
    assert review.state is ReviewState.SHOWN
    assert len(list_reviews(session, review.product_id)) == 1


@pytest.mark.parametrize("harm", ["rewrite", "delete"])
def test_words_are_kept_by_the_database_itself(session: Session, buyer: Actor, order: Order, harm: str) -> None:
    review = write(session, buyer, order)
    statement = update(Review).values(text="改写") if harm == "rewrite" else delete(Review)
    with pytest.raises(IntegrityError, match="not rewritten"), session.begin_nested():
        session.execute(statement.where(Review.id == review.id))
    session.connection().exec_driver_sql("ALTER TABLE reviews_review DISABLE TRIGGER reviews_review_kept")
    session.execute(statement.where(Review.id == review.id))
