"""The price of a box on a day."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Session

from catalog.parties.models import SYSTEM, OrganizationKind
from catalog.prices import pricing, queries
from kernel.money import Money
from tests.factories.catalog import make_draft, make_organization, make_price

TODAY = date(2026, 11, 22)


def test_the_highest_tier_reached_counts(session: Session) -> None:
    product = make_draft(session)
    for least, fen in ((1, 10_000), (10, 9_500), (100, 9_000)):
        make_price(session, product, fen, min_quantity=least)
    prices = {quantity: queries.find_price(session, product.id, quantity, TODAY).minor for quantity in (1, 9, 10, 99, 100, 5000)}
    assert prices == {1: 10_000, 9: 10_000, 10: 9_500, 99: 9_500, 100: 9_000, 5000: 9_000}
    assert queries.list_tiers(session, product.id, TODAY) == [(1, Money(10_000)), (10, Money(9_500)), (100, Money(9_000))]


def test_many_at_once_and_those_without_a_price_left_out(session: Session) -> None:
    priced, unpriced = make_draft(session), make_draft(session)
    make_price(session, priced, 10_000)
    assert queries.find_prices(session, {priced.id: 3, unpriced.id: 3}, TODAY) == {priced.id: Money(10_000)}
    assert queries.find_prices(session, {}, TODAY) == {}


def test_an_agreed_list_goes_before_retail_and_falls_back_to_it(session: Session) -> None:
    buyer = make_organization(session, OrganizationKind.BUYING_ORGANIZATION)
    agreed = pricing.create_price_list(
        session, SYSTEM, code="agreed", name="协议价", valid_from=date(2026, 1, 1), valid_to=TODAY, organization_id=buyer.id
    )
    one, other = make_draft(session), make_draft(session)
    for product in (one, other):
        make_price(session, product, 10_000)
        make_price(session, product, 8_000, min_quantity=100)
    make_price(session, one, 9_000, price_list_code="agreed")
    wanted = {one.id: 100, other.id: 1}
    assert queries.find_prices(session, wanted, TODAY, "agreed") == {one.id: Money(9_000), other.id: Money(10_000)}
    assert queries.find_price_list_for(session, buyer.id, TODAY) is agreed
    after = date(2026, 11, 23)
    assert queries.find_price_list_for(session, buyer.id, after) is None
    assert queries.find_prices(session, wanted, after, "agreed")[one.id] == Money(8_000)
    assert {row.code for row in queries.list_price_lists(session)} == {"agreed", "retail"}
    assert queries.find_price_list(session, "none") is None
