"""Pages of reviews by key."""

from __future__ import annotations

from sqlalchemy.orm import Session

from shop.reviews import reviewing
from shop.reviews.queries import find_review, list_all_reviews, list_reviews, summarise
from tests.factories.catalog import AT, make_actor
from tests.factories.shop import deliver, make_goods, make_order


def test_reviews_come_newest_first_page_by_page(session: Session) -> None:
    goods = make_goods(session)
    for stars in (3, 4, 4):
        buyer = make_actor(session)
        order = deliver(session, make_order(session, {goods.sku: 1}, buyer))
        reviewing.write_review(session, buyer, order.lines[0].code, stars=stars, text=f"{stars} 星", at=AT)
    first = list_reviews(session, goods.id, limit=2)
    assert [row.stars for row in first] == [4, 4]
    assert [row.stars for row in list_reviews(session, goods.id, after=first[-1].id)] == [3]
    assert str(summarise(session, goods.id).mean) == "3.7"
    assert len(list_all_reviews(session)) == 3
    assert find_review(session, "no-such-line") is None
