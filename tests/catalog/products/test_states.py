"""The flow of a product."""

from __future__ import annotations

from catalog.products.models import ProductState
from catalog.products.states import FLOW


def test_only_an_approved_or_delisted_product_goes_on_sale() -> None:
    before = {state for state in ProductState if FLOW.can(state, ProductState.ON_SALE)}
    assert before == {ProductState.APPROVED, ProductState.DELISTED}


def test_approval_needs_the_county_first() -> None:
    assert {state for state in ProductState if FLOW.can(state, ProductState.APPROVED)} == {ProductState.COUNTY_RECOMMENDED}


def test_every_state_has_a_label() -> None:
    assert set(FLOW.labels) == set(ProductState)
