"""What may be said of a lot, each claim by its own model; a certificate does not outlive a tank with something else in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM, Organization, OrganizationKind, Role
from catalog.products.models import Product
from kernel.errors import Conflict, Invalid
from kernel.quantity import Quantity, Unit
from logistics.stock import receiving
from logistics.stock.guarding import list_movable
from logistics.stock.queries import available
from tests.factories.catalog import (
    AT,
    act_as,
    make_actor,
    make_document,
    make_household,
    make_organization,
    make_place,
    make_product,
)
from tests.factories.lots import APPLES, activate, kg, make_delivery
from traceability.lots import balancing, gating, transforming
from traceability.lots.claims import Claim, Model, models_of
from traceability.lots.gating import carries_certificates
from traceability.lots.mixing import mix_lots
from traceability.lots.models import Lot
from traceability.lots.processing import pack_lot
from traceability.lots.queries import list_items, list_upstream_households


@pytest.fixture
def organic(session: Session) -> Product:
    cooperative = make_organization(session)
    needs = [DocumentKind.ORGANIC]
    return make_product(session, cooperative, needs=needs, materials=[APPLES], pack_amount=Decimal(5), pack_unit=Unit.KG)


def brought(session: Session, product: Product, amount: int = 40) -> Lot:
    household = make_household(session, session.get_one(Organization, product.cooperative_id))
    return session.get_one(Lot, make_delivery(session, household, kg(amount), product_sku=product.sku).lot_id)


def poured(session: Session, *lots: Lot, **tank: Any) -> Lot:
    return mix_lots(session, SYSTEM, inputs=[(lot.id, kg(10)) for lot in lots], material=APPLES, at=AT, **tank)


def packed(session: Session, product: Product, lot: Lot) -> Lot:
    box = Quantity(Decimal(5), Unit.KG)
    return pack_lot(session, SYSTEM, lot_id=lot.id, product_sku=product.sku, boxes=1, box=box, expires_on=None, at=AT)


def models(session: Session, lot: Lot) -> list[Model | None]:
    found = models_of(lot, len(list_upstream_households(session, lot.id)), carries=carries_certificates(session, lot))
    assert list(found) == list(Claim)
    return list(found.values())


def test_each_claim_has_its_own_model(session: Session, organic: Product) -> None:
    one, other = brought(session, organic), brought(session, organic)
    clean = poured(session, one, other)
    same = poured(session, one, other, averaged=True, certified=True)
    assert models(session, one) == [Model.IDENTITY_PRESERVED, Model.SEGREGATED, Model.SEGREGATED]
    assert models(session, clean) == [Model.SEGREGATED, Model.SEGREGATED, Model.SEGREGATED]
    assert models(session, same) == [Model.MASS_BALANCE, Model.SEGREGATED, Model.SEGREGATED], "other apples, but organic ones"
    tank = poured(session, same, brought(session, organic), averaged=True)
    assert models(session, tank) == [Model.MASS_BALANCE, Model.SEGREGATED, None]
    assert models(session, poured(session, tank, brought(session, organic))) == [Model.MASS_BALANCE, Model.SEGREGATED, None], (
        "for ever"
    )


def test_a_certificate_ends_in_a_tank_with_something_else(
    session: Session, organic: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = brought(session, organic), brought(session, organic)
    same = poured(session, one, other, averaged=True, certified=True)
    assert packed(session, organic, same).certifiable
    tank = poured(session, one, other, averaged=True)
    with pytest.raises(Invalid, match="有机产品认证证书"), session.begin_nested():
        packed(session, organic, tank)
    monkeypatch.setattr(transforming, "must_carry_certificates", lambda *_: None)
    assert not packed(session, organic, tank).certifiable, "without the guard it would be sold as organic"


def without_certificate(session: Session, organic: Product) -> Product:
    """The same apples of the same cooperative, in the same packs, but with no certificate."""
    cooperative = session.get_one(Organization, organic.cooperative_id)
    return make_product(session, cooperative, needs=[], materials=[APPLES], pack_amount=Decimal(5), pack_unit=Unit.KG)


def test_a_certificate_holds_of_what_was_brought_for_it_only(
    session: Session, organic: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = without_certificate(session, organic)
    good, other = brought(session, organic), brought(session, plain)
    for inputs in ((good, other), (other, good)):
        mixed = poured(session, *inputs)
        with pytest.raises(Invalid, match="不带有“有机产品认证证书”") as refused, session.begin_nested():
            packed(session, organic, mixed)
        assert refused.value.params["other"] == plain.name
    assert packed(session, organic, good).product_sku == organic.sku
    monkeypatch.setattr(gating, "list_certified", lambda *_: [])
    assert packed(session, organic, poured(session, good, brought(session, plain))), "without the guard it would be sold as organic"


def test_what_lost_its_certificate_can_still_be_packed_without(session: Session, organic: Product) -> None:
    plain = without_certificate(session, organic)
    one, other = brought(session, organic), brought(session, plain)
    tank = poured(session, one, product_sku=organic.sku, averaged=True)
    mixed = poured(session, one, other, product_sku=organic.sku)
    kept = poured(session, one, product_sku=organic.sku, averaged=True, certified=True)
    assert [(lot.product_sku, lot.gtin) for lot in (tank, mixed)] == [(None, None)] * 2
    assert kept.product_sku == organic.sku
    for lot in (tank, mixed):
        assert packed(session, plain, lot).product_sku == plain.sku


def test_what_carries_no_certificate_is_not_sold_as_if(session: Session, organic: Product) -> None:
    """The product had no certificate when the box was packed from a tank; now it has."""
    organic.needs = []
    broken = packed(session, organic, poured(session, brought(session, organic), averaged=True))
    activate(session, broken)
    hub = make_place(session, make_organization(session, OrganizationKind.HUB))
    receiving.receive_pack_lot(session, make_actor(session, Role.operator), broken.id, hub.id, 1, AT)
    assert (available(session, [organic.id], AT), list_movable(session, [broken.id])) == ({organic.id: 1}, {broken.id})
    organic.needs = [DocumentKind.ORGANIC]
    make_document(session, DocumentKind.ORGANIC, SubjectKind.PRODUCT, organic.sku)
    session.flush()
    assert (available(session, [organic.id], AT).get(organic.id, 0), list_movable(session, [broken.id])) == (0, set())
    serials = [item.serial for item in list_items(session, broken.id)]
    with pytest.raises(Conflict, match="不再带有“有机产品认证证书”"):
        balancing.dispatch_items(session, broken.id, serials, AT, place_id=hub.id)


def test_the_pages_say_it_claim_by_claim(app: Flask, client: FlaskClient, session: Session, organic: Product) -> None:
    one, other = brought(session, organic), brought(session, organic)
    make_document(session, DocumentKind.ORGANIC, SubjectKind.PRODUCT, organic.sku)
    clean, single = packed(session, organic, poured(session, one, other)), packed(session, organic, one)
    organic.needs = []  # the certificate was asked for later
    broken = packed(session, organic, poured(session, one, other, averaged=True))
    session.flush()
    act_as(app, make_actor(session, Role.clerk, session.get_one(Organization, organic.cooperative_id)))
    said = [
        (clean, "这一盒就来自这些农户", "就是这些农户的", True),
        (single, "这一盒就来自这一户", "就是这一户的", True),
        (broken, "平均来自这些农户", "平均来自这些农户", False),
    ]
    for lot, story, own, carries in said:
        page = client.get(f"/t/{lot.code}").get_data(as_text=True)
        assert story in page
        assert "全部产自盐池县" in page
        assert ("有机产品认证证书" in page, "认证不代表这一盒" in page) == (carries, not carries)
        kept = client.get(f"/lots/{lot.code}").get_data(as_text=True)
        assert own in kept
        assert ("不能说这一批带有" in kept) is not carries
