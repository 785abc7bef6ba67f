"""Entering and describing products."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind
from catalog.parties.models import OrganizationKind, Role
from catalog.products import describing
from catalog.products.describing import ProductDraft, estimate_grams
from catalog.products.models import ReturnClass, Temperature
from catalog.products.queries import search_products
from kernel.errors import Conflict, Forbidden, Invalid, NotFound
from kernel.quantity import Unit
from tests.factories.catalog import SYSTEM, YANCHI, make_actor, make_draft, make_organization, make_product


def test_a_draft_fills_what_it_can(session: Session) -> None:
    product = make_draft(session, gtin=None)
    assert product.seller_id == product.cooperative_id
    assert product.gross_grams == 1100
    assert product.return_class is ReturnClass.FRESH_NO_RETURN
    assert make_draft(session, category="干货").return_class is ReturnClass.SEVEN_DAYS


@pytest.mark.parametrize(
    ("over", "field"),
    [
        ({"name": " "}, "name"),
        ({"pack_amount": Decimal(0)}, "pack_amount"),
        ({"pack_amount": Decimal("NaN")}, "pack_amount"),
        ({"shelf_life_days": 0}, "shelf_life_days"),
        ({"gross_grams": -5}, "gross_grams"),
        ({"season_months": [13]}, "season_months"),
        ({"gtin": "09520000000012"}, "gtin"),
        ({"name": "国家级滩羊"}, "name"),
        ({"description": "有机放养"}, "description"),
    ],
)
def test_a_wrong_field_is_named(session: Session, over: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_draft(session, **over)
    assert caught.value.field == field


def test_all_wrong_fields_are_named_at_once(session: Session) -> None:
    with pytest.raises(Invalid) as caught:
        make_draft(session, name="", category="", shelf_life_days=0)
    assert [error.field for error in caught.value.errors] == ["name", "category", "shelf_life_days"]


def test_a_claim_stands_with_its_paper(session: Session) -> None:
    assert make_draft(session, description="有机放养", needs=[DocumentKind.ORGANIC]).description == "有机放养"


def test_a_sku_and_a_gtin_name_one_product(session: Session) -> None:
    product = make_draft(session)
    with pytest.raises(Conflict):
        make_draft(session, sku=product.sku)
    with pytest.raises(Conflict):
        make_draft(session, gtin=product.gtin)


def test_only_cooperatives_grow_and_only_their_clerks_enter(session: Session, at: datetime) -> None:
    hub = make_organization(session, OrganizationKind.HUB)
    with pytest.raises(Invalid):
        make_draft(session, hub)
    with pytest.raises(NotFound):
        make_draft(session, county_code="999999")
    mine, other = make_organization(session), make_organization(session)
    draft = ProductDraft(
        sku="SKU-X", name="苹果", category="水果", county_code=YANCHI, cooperative_id=other.id, pack_amount=Decimal(5),
        pack_unit=Unit.KG, net_content="5kg/箱", shelf_life_days=30, temperature=Temperature.CHILLED,
    )  # fmt: skip
    with pytest.raises(Forbidden):
        describing.create_product(session, make_actor(session, Role.clerk, mine), draft, at)
    assert describing.create_product(session, make_actor(session, Role.clerk, other), draft, at).sku == "SKU-X"


def test_a_new_description_is_found_at_once(session: Session, at: datetime) -> None:
    product = make_product(session)
    assert search_products(session, "沙葱", on=at.date()).products == []
    describing.describe_product(session, SYSTEM, product, description="吃沙葱长大")
    assert search_products(session, "沙葱", on=at.date()).products == [product]
    with pytest.raises(Invalid):
        describing.describe_product(session, SYSTEM, product, description="最佳滩羊")


@pytest.mark.parametrize(
    ("amount", "unit", "grams"),
    [
        ("1", Unit.KG, 1100),
        ("500", Unit.G, 550),
        ("10", Unit.JIN, 5500),
        ("1.5", Unit.L, 1650),
        ("3", Unit.PIECE, 3300),
        ("10", Unit.G, 50),
    ],
)
def test_gross_weight_is_estimated_from_the_content(amount: str, unit: Unit, grams: int) -> None:
    assert estimate_grams(Decimal(amount), unit) == grams


def test_a_product_says_what_it_is_made_of(session: Session) -> None:
    assert make_draft(session).materials == ["盐池滩羊肉"]
    assert make_draft(session, materials=[" 滩羊 ", "", "滩羊", "二毛裘皮羊"]).materials == ["滩羊", "二毛裘皮羊"]
    with pytest.raises(Invalid) as caught:
        make_draft(session, materials=[f"料{number}" for number in range(11)])
    assert [error.field for error in caught.value.errors] == ["materials"]
