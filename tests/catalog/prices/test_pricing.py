"""Setting prices and freight."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, OrganizationKind, Role
from catalog.parties.queries import get_organization
from catalog.prices import pricing
from catalog.prices.models import Price
from catalog.prices.queries import NoPrice, find_price, list_price_history
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.ids import uuid7
from kernel.money import Money
from tests.factories.catalog import make_actor, make_draft, make_organization, make_price

TODAY = date(2026, 11, 22)


@pytest.fixture
def product(session: Session) -> Product:
    product = make_draft(session)
    make_price(session, product, 12_800)
    return product


def test_a_new_price_ends_the_old_one_the_day_before(session: Session, product: Product) -> None:
    make_price(session, product, 13_800, valid_from=date(2026, 12, 1))
    assert find_price(session, product.id, 1, date(2026, 11, 30)) == Money(12_800)
    assert find_price(session, product.id, 1, date(2026, 12, 1)) == Money(13_800)
    assert [(row.fen, row.valid_to) for row in list_price_history(session, product.id)] == [
        (12_800, date(2026, 11, 30)),
        (13_800, None),
    ]


def test_a_price_that_was_announced_is_not_slipped_under(session: Session, product: Product) -> None:
    make_price(session, product, 13_800, valid_from=date(2026, 12, 1))
    for day in (date(2026, 12, 1), TODAY):
        with pytest.raises(Conflict):
            make_price(session, product, 9_900, valid_from=day)
    make_price(session, product, 9_900, valid_from=TODAY, valid_to=date(2026, 11, 30))
    assert find_price(session, product.id, 1, TODAY) == Money(9_900)


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"fen": 0}, "price"),
        ({"fen": -5}, "price"),
        ({"fen": 100_000_01}, "price"),
        ({"min_quantity": 0}, "min_quantity"),
        ({"valid_to": date(2020, 1, 1)}, "valid_to"),
    ],
)
def test_a_wrong_field_is_named(session: Session, product: Product, over: dict[str, object], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_price(session, product, **({"valid_from": TODAY} | over))  # type: ignore[arg-type]
    assert caught.value.field == field


def test_only_the_sellers_clerk_or_the_operator_sets_prices(session: Session, product: Product) -> None:
    seller = get_organization(session, product.seller_id)
    for who in (make_actor(session, Role.clerk), make_actor(session, Role.county_officer)):
        with pytest.raises(Forbidden):
            pricing.set_price(session, who, product_id=product.id, price=Money(100), valid_from=TODAY)
    row = pricing.set_price(
        session, make_actor(session, Role.clerk, seller), product_id=product.id, price=Money(100), valid_from=TODAY
    )
    assert row.set_by


def twin(session: Session, product: Product) -> None:
    session.execute(
        text(
            "INSERT INTO prices_price (id, price_list_id, product_id, min_quantity, fen, set_by, valid_from) "
            "SELECT gen_random_uuid(), price_list_id, product_id, min_quantity, fen + 1, '', '2026-06-01' FROM prices_price "
            "WHERE product_id = :id"
        ),
        {"id": product.id},
    )


def test_the_database_refuses_two_prices_for_one_day(session: Session, product: Product) -> None:
    with pytest.raises(IntegrityError, match="ex_prices_price_period"), session.begin_nested():
        twin(session, product)


def test_without_the_constraint_two_prices_would_stand(session: Session, product: Product) -> None:
    session.execute(text("ALTER TABLE prices_price DROP CONSTRAINT ex_prices_price_period"))
    twin(session, product)
    assert session.query(Price).filter_by(product_id=product.id).count() == 2


def test_a_list_for_one_buying_organisation(session: Session, product: Product) -> None:
    buyer = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    pricing.create_price_list(
        session, SYSTEM, code="Agreed-1", name="协议价", valid_from=date(2026, 1, 1), organization_id=buyer.id
    )
    make_price(session, product, 11_800, price_list_code="agreed-1")
    assert find_price(session, product.id, 1, TODAY, "agreed-1") == Money(11_800)
    assert find_price(session, product.id, 1, TODAY) == Money(12_800)
    seller = make_actor(session, Role.clerk, get_organization(session, product.seller_id))
    with pytest.raises(Forbidden):
        pricing.set_price(session, seller, product_id=product.id, price=Money(1), valid_from=TODAY, price_list_code="agreed-1")
    with pytest.raises(Conflict):
        pricing.create_price_list(session, SYSTEM, code="agreed-1", name="x", valid_from=TODAY)
    with pytest.raises(Invalid):
        pricing.create_price_list(session, SYSTEM, code=" ", name="x", valid_from=TODAY)
    with pytest.raises(Invalid):
        pricing.create_price_list(
            session, SYSTEM, code="b", name="x", valid_from=TODAY, organization_id=make_organization(session).id
        )
    with pytest.raises(Forbidden):
        pricing.create_price_list(session, make_actor(session, Role.clerk), code="c", name="x", valid_from=TODAY)


def test_what_is_not_there(session: Session, product: Product) -> None:
    with pytest.raises(NotFound):
        make_price(session, product, price_list_code="none")
    with pytest.raises(NotFound):
        pricing.set_price(session, SYSTEM, product_id=uuid7(), price=Money(1), valid_from=TODAY)
    with pytest.raises(NoPrice):
        find_price(session, product.id, 1, date(2025, 12, 31))
