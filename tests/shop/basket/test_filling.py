"""What goes into a basket, how much of it, whose it is, and what happens to it on sign-in."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM
from catalog.products.listing import take_off_sale
from kernel.errors import Conflict, Invalid, NotFound
from shop.basket import filling
from shop.basket.filling import add_boxes, merge_on_sign_in, set_boxes, take_out
from shop.basket.models import MOST_BOXES, Basket, BasketLine
from shop.basket.queries import Owner, count_boxes, list_lines
from tests.factories.catalog import make_person, make_product
from tests.factories.shop import make_goods

GUEST = Owner(token="a-token-of-this-browser")


def contents(session: Session, owner: Owner) -> dict[str, int]:
    return {product.sku: boxes for product, boxes, _ in list_lines(session, owner)}


def test_boxes_add_up_and_are_set_and_taken_out(session: Session, at: datetime) -> None:
    one, two = make_product(session), make_product(session)
    assert [add_boxes(session, GUEST, one.sku, 2, at=at) for _ in range(2)] == [2, 4]
    add_boxes(session, GUEST, two.sku, 1, at=at)
    set_boxes(session, GUEST, one.sku, 3, at=at)
    assert contents(session, GUEST) == {one.sku: 3, two.sku: 1}
    assert count_boxes(session, GUEST) == 4
    set_boxes(session, GUEST, one.sku, 0, at=at)
    take_out(session, GUEST, [two.sku, "SKU-NONE"])
    assert contents(session, GUEST) == {}


def test_what_cannot_go_in(session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    product = make_product(session)
    with pytest.raises(NotFound):
        add_boxes(session, GUEST, "SKU-NONE", 1, at=at)
    for boxes in (0, -1, MOST_BOXES + 1):
        with pytest.raises(Invalid):
            add_boxes(session, GUEST, product.sku, boxes, at=at)
    monkeypatch.setattr(filling, "MOST_LINES", 1)
    add_boxes(session, GUEST, product.sku, 1, at=at)
    with pytest.raises(Conflict, match="最多放 1 种"):
        add_boxes(session, GUEST, make_product(session).sku, 1, at=at)
    take_off_sale(session, SYSTEM, product, at, "换季")
    with pytest.raises(Conflict, match="已经下架"):
        add_boxes(session, GUEST, product.sku, 1, at=at)


def test_the_database_itself_refuses_a_wrong_number(session: Session, at: datetime) -> None:
    add_boxes(session, GUEST, make_product(session).sku, 1, at=at)
    line = session.scalars(select(BasketLine)).one()
    line.quantity = 0
    with pytest.raises(IntegrityError, match="ck_basket_line_quantity"):
        session.flush()


def test_only_the_hash_of_a_token_is_kept(session: Session, at: datetime) -> None:
    add_boxes(session, GUEST, make_product(session).sku, 1, at=at)
    kept = session.scalars(select(Basket.token_hash)).one()
    assert kept is not None
    assert GUEST.token not in kept
    assert contents(session, Owner(token="another-token")) == {}
    assert contents(session, Owner(token=kept)) == {}, "the hash opens nothing"


def test_signing_in_keeps_the_basket(session: Session, at: datetime) -> None:
    person = make_person(session)
    mine = Owner(person_id=person.id)
    both, guests = make_goods(session), make_goods(session)
    add_boxes(session, mine, both.sku, 1, at=at)
    add_boxes(session, GUEST, both.sku, 3, at=at)
    add_boxes(session, GUEST, guests.sku, 2, at=at)
    for _ in range(2):
        merge_on_sign_in(session, person.id, GUEST, at=at)
    assert contents(session, mine) == {both.sku: 3, guests.sku: 2}
    assert session.scalar(select(func.count()).select_from(Basket)) == 1, "the browser's is gone"


def test_merging_never_makes_fewer(session: Session, at: datetime) -> None:
    person, product = make_person(session), make_product(session)
    mine = Owner(person_id=person.id)
    add_boxes(session, mine, product.sku, 5, at=at)
    add_boxes(session, GUEST, product.sku, 3, at=at)
    merge_on_sign_in(session, person.id, GUEST, at=at)
    assert contents(session, mine) == {product.sku: 5}


def test_what_strangers_left_lying_is_cleared_away(session: Session, at: datetime) -> None:
    product, person = make_product(session), make_person(session)
    fresh = Owner(token="another-token-of-a-browser")
    add_boxes(session, GUEST, product.sku, 1, at=at - timedelta(days=1))
    add_boxes(session, Owner(person_id=person.id), product.sku, 2, at=at - timedelta(days=1))
    add_boxes(session, fresh, product.sku, 3, at=at)
    filling.forget_baskets(session, before=at)
    assert [count_boxes(session, owner) for owner in (GUEST, Owner(person_id=person.id), fresh)] == [0, 2, 3]
