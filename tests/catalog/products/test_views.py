"""The recognition pages, through the door: clerk, officer and operator each do their part; the shelf stays shut without papers."""

from __future__ import annotations

import io
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.documents.forms import file_store
from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.products import listing
from catalog.products.models import Product, ProductState
from tests.factories.catalog import JINGNING, act_as, form, make_actor, make_draft, make_organization, make_papers, make_product

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 32
NEW = {
    "name": "盐池滩羊肉（羊排）",
    "category": "肉类",
    "pack_amount": "1",
    "pack_unit": "kg",
    "net_content": "1kg/盒",
    "shelf_life_days": "365",
    "temperature": "frozen",
    "needs": ["business_licence", "animal_quarantine"],
    "season_months": ["10", "11"],
}


@pytest.fixture
def cooperative(session: Session) -> Organization:
    return make_organization(session)


@pytest.fixture
def clerk(session: Session, cooperative: Organization) -> Actor:
    return make_actor(session, Role.clerk, cooperative)


def come_as(app: Flask, session: Session, actor: Actor) -> None:
    session.flush()
    act_as(app, actor)


def step(client: FlaskClient, product: Product, do: str, note: str = "") -> Any:
    return client.post(f"/products-admin/{product.sku}/steps", data=form(do=do, note=note))


def test_from_draft_to_shelf_by_three_people(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor, cooperative: Organization
) -> None:
    come_as(app, session, clerk)
    answer = client.post("/products-admin/", data=form(**NEW))
    assert answer.status_code == 302
    product = session.query(Product).filter_by(cooperative_id=cooperative.id).one()
    assert (product.needs, product.season_months) == (["animal_quarantine", "business_licence"], [10, 11])
    assert step(client, product, "apply").status_code == 302
    assert step(client, product, "recommend", "自荐").status_code == 403
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE)
    come_as(app, session, make_actor(session, Role.county_officer, office))
    assert product.name in client.get("/products-admin/?state=applied").text
    assert step(client, product, "recommend").status_code == 422
    assert step(client, product, "recommend", "已到场核查").status_code == 302
    come_as(app, session, make_actor(session, Role.operator))
    assert step(client, product, "approve", "资料齐全").status_code == 302
    refused = step(client, product, "put_on_sale")
    assert refused.status_code == 409
    assert f"缺少营业执照（{cooperative.code}）" in refused.text
    session.refresh(product)
    assert product.state is ProductState.APPROVED
    make_papers(session, product)
    session.flush()
    assert step(client, product, "put_on_sale").status_code == 302
    session.refresh(product)
    assert product.state is ProductState.ON_SALE
    page = client.get(f"/products-admin/{product.sku}").text
    for words in ("已到场核查", "资料齐全", "在售", "每个批次各一份"):
        assert words in page


def test_with_the_gate_switched_off_the_shelf_opens_without_papers(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = make_draft(session)
    product.state = ProductState.APPROVED
    come_as(app, session, make_actor(session, Role.operator))
    assert step(client, product, "put_on_sale").status_code == 409
    monkeypatch.setattr(listing, "find_missing", lambda *_: [])
    assert step(client, product, "put_on_sale").status_code == 302


@pytest.mark.parametrize(
    ("over", "told"),
    [
        ({"name": ""}, "必须填写"),
        ({"name": "国家级羊肉"}, "国家级"),
        ({"pack_amount": "一斤"}, "数量"),
        ({"pack_unit": "cart"}, "选项"),
        ({"shelf_life_days": "很久"}, "天数"),
        ({"gtin": "09520000000012"}, "校验码"),
        ({"description": "=cmd()|有机"}, "证书"),
    ],
)
def test_wrong_fields_are_told_and_nothing_is_written(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor, over: dict[str, str], told: str
) -> None:
    come_as(app, session, clerk)
    answer = client.post("/products-admin/", data=form(**(NEW | over)))
    assert answer.status_code == 422
    assert told in answer.text
    assert session.query(Product).count() == 0


def test_drafts_of_others_are_nobodys_business(app: Flask, client: FlaskClient, session: Session, clerk: Actor) -> None:
    other = make_draft(session, name="别家滩羊")
    come_as(app, session, clerk)
    assert client.get(f"/products-admin/{other.sku}").status_code == 404
    assert step(client, other, "apply").status_code == 404
    assert "别家滩羊" not in client.get("/products-admin/").text
    office = make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=JINGNING)
    come_as(app, session, make_actor(session, Role.county_officer, office))
    assert client.get(f"/products-admin/{other.sku}").status_code == 404


def test_consumers_do_not_come_in(app: Flask, client: FlaskClient, session: Session) -> None:
    assert client.get("/products-admin/").status_code == 302
    come_as(app, session, make_actor(session))
    assert client.get("/products-admin/").status_code == 403
    assert client.post("/products-admin/", data=form(**NEW)).status_code == 403


def test_a_product_on_the_shelf_of_another_is_forbidden_not_hidden(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor
) -> None:
    product = make_product(session)
    come_as(app, session, clerk)
    assert client.get(f"/products-admin/{product.sku}").status_code == 403


def test_programs_read_what_is_missing(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor, cooperative: Organization
) -> None:
    product = make_draft(session, cooperative)
    come_as(app, session, clerk)
    body = client.get("/products-admin/", headers={"Accept": "application/json"}).json
    assert body is not None
    (row,) = body["products"]
    assert row["sku"] == product.sku
    assert len(row["missing_papers"]) == 2


def test_a_picture_is_uploaded_and_anything_else_refused(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor, cooperative: Organization
) -> None:
    product = make_draft(session, cooperative)
    come_as(app, session, clerk)
    address = f"/products-admin/{product.sku}/picture"
    assert client.post(address, data=form(picture=(io.BytesIO(PNG), "a.png"))).status_code == 302
    session.refresh(product)
    with client.get(f"/products/pictures/{product.picture_digest}") as shown:
        assert (shown.data, shown.mimetype) == (PNG, "image/png")
    assert f"/products/pictures/{product.picture_digest}" in client.get(f"/products-admin/{product.sku}").text
    assert client.post(address, data=form(picture=(io.BytesIO(b"<svg/>"), "a.png"))).status_code == 422
    assert client.post(address, data=form(picture=(io.BytesIO(b""), "a.png"))).status_code == 422
    assert client.post(address, data=form()).status_code == 422


def test_an_unknown_step_is_refused(
    app: Flask, client: FlaskClient, session: Session, clerk: Actor, cooperative: Organization
) -> None:
    product = make_draft(session, cooperative)
    come_as(app, session, clerk)
    assert step(client, product, "teleport").status_code == 422


def test_only_product_pictures_are_served_from_the_store(app: Flask, client: FlaskClient) -> None:
    """A scan of a paper lies in the same store; its digest opens nothing here."""
    with app.app_context():
        scan = file_store().save(io.BytesIO(PNG + b"scan"), allowed=frozenset({"image/png"}))
    assert client.get(f"/products/pictures/{scan.digest}").status_code == 404
    assert client.get("/products/pictures/..%2f..%2fetc%2fpasswd").status_code == 404
