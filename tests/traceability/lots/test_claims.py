"""What may be said of a lot, each claim by its own model; a certificate does not outlive a tank with something else in it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.documents.models import DocumentKind, SubjectKind
from catalog.parties.models import SYSTEM, Organization, Role
from catalog.products.models import Product
from kernel.errors import Invalid
from kernel.quantity import Quantity, Unit
from tests.factories.catalog import AT, act_as, make_actor, make_document, make_household, make_organization, make_product
from tests.factories.lots import APPLES, kg, make_delivery
from traceability.lots import transforming
from traceability.lots.claims import Claim, Model, models_of
from traceability.lots.mixing import mix_lots
from traceability.lots.models import Lot
from traceability.lots.processing import pack_lot
from traceability.lots.queries import list_upstream_households


@pytest.fixture
def organic(session: Session) -> Product:
    cooperative = make_organization(session)
    needs = [DocumentKind.ORGANIC]
    return make_product(session, cooperative, needs=needs, materials=[APPLES], pack_amount=Decimal(5), pack_unit=Unit.KG)


def brought(session: Session, product: Product, amount: int = 40) -> Lot:
    household = make_household(session, session.get_one(Organization, product.cooperative_id))
    return session.get_one(Lot, make_delivery(session, household, kg(amount)).lot_id)


def poured(session: Session, *lots: Lot, **tank: Any) -> Lot:
    return mix_lots(session, SYSTEM, inputs=[(lot.id, kg(10)) for lot in lots], material=APPLES, at=AT, **tank)


def packed(session: Session, product: Product, lot: Lot) -> Lot:
    box = Quantity(Decimal(5), Unit.KG)
    return pack_lot(session, SYSTEM, lot_id=lot.id, product_sku=product.sku, boxes=1, box=box, expires_on=None, at=AT)


def models(session: Session, lot: Lot) -> list[Model | None]:
    found = models_of(lot, len(list_upstream_households(session, lot.id)))
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
    monkeypatch.setattr(transforming, "must_carry_certificates", lambda product, lots: None)
    assert not packed(session, organic, tank).certifiable, "without the guard it would be sold as organic"


def test_only_a_tank_breaks_a_certificate(session: Session, organic: Product) -> None:
    lot = brought(session, organic)
    with pytest.raises(IntegrityError, match="ck_lots_lot_certifiable"):
        session.execute(text("UPDATE lots_lot SET certifiable = false WHERE id = :id"), {"id": lot.id})


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
        assert ("这一批不带认证" in kept) is not carries
