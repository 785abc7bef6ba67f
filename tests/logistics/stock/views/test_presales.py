"""The pages of pre-sales: a clerk announces, the county decides, and who has nothing to do with it sees nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, OrganizationKind, Role
from catalog.products.models import Product
from kernel import clock
from logistics.stock import announcing
from logistics.stock.models import Presale
from logistics.stock.preselling import promise
from logistics.stock.states import PresaleState
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.logistics import make_presale
from tests.factories.lots import make_capacity


@pytest.fixture
def product(session: Session) -> Product:
    product = make_product(session)
    make_capacity(session, product.materials[0], product.pack_unit, county=product.county_code)
    make_household(session, session.get_one(Organization, product.cooperative_id), county_code=product.county_code)
    return product


@pytest.fixture
def clerk(session: Session, product: Product) -> Actor:
    return make_actor(session, Role.clerk, session.get_one(Organization, product.cooperative_id))


def officer_of(session: Session, county_code: str) -> Actor:
    return make_actor(
        session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code=county_code)
    )


def announced(product: Product, **over: Any) -> dict[str, Any]:
    today = clock.today_shanghai(clock.now())
    days = {"harvest_from": 2, "harvest_until": 12, "ship_by": 20, "closes_on": 10}
    values = {name: str(today + timedelta(days=number)) for name, number in days.items()}
    return form(**(values | {"sku": product.sku, "boxes": "40", "per_person": "4"} | over))


def test_from_the_form_to_the_end(app: Flask, client: FlaskClient, session: Session, product: Product, clerk: Actor) -> None:
    act_as(app, clerk)
    assert product.sku in client.get("/presales/").text
    answer = client.post("/presales/", data=announced(product))
    presale = session.scalars(select(Presale)).one()
    assert answer.location == f"/presales/{presale.code}"
    page = client.get(answer.location).text
    assert "等县里核定" in page
    assert 'value="agree"' not in page
    assert client.post(f"{answer.location}/decision", data=form(verdict="agree", boxes="40")).status_code == 403

    act_as(app, officer_of(session, product.county_code))
    assert presale.code in client.get("/presales/").text
    page = client.get(answer.location).text
    assert "本季最多还能做" in page
    assert 'value="agree"' in page
    again = client.post(f"{answer.location}/decision", data=form(verdict="agree", boxes="41"))
    assert again.status_code == 422
    assert "1 到 40" in again.text
    assert client.post(f"{answer.location}/decision", data=form(verdict="agree", boxes="30", note="按往年")).status_code == 302
    session.refresh(presale)
    assert (presale.state, presale.forecast) == (PresaleState.OPEN, 30)

    promise(session, presale.code, order_code="O", line_code="L", holder="h", boxes=3, at=clock.now())
    session.flush()
    act_as(app, clerk)
    page = client.get(answer.location).text
    assert "已订 3 / 30 盒" in page
    assert "按往年" in page
    assert client.post(f"{answer.location}/end", data=form(note="")).status_code == 422
    assert client.post(f"{answer.location}/end", data=form(note="霜冻")).status_code == 302
    session.refresh(presale)
    assert presale.state is PresaleState.ENDED


def test_the_county_refuses_with_a_reason(app: Flask, client: FlaskClient, session: Session, product: Product) -> None:
    presale = make_presale(session, product, decided=False, at=clock.now())
    act_as(app, officer_of(session, product.county_code))
    path = f"/presales/{presale.code}"
    assert client.post(f"{path}/decision", data=form(verdict="refuse")).status_code == 422
    assert client.post(f"{path}/decision", data=form(verdict="refuse", note="还没套袋")).status_code == 302
    assert "还没套袋" in client.get(path).text


def test_a_refusal_keeps_what_was_typed(app: Flask, client: FlaskClient, session: Session, product: Product, clerk: Actor) -> None:
    act_as(app, clerk)
    answer = client.post("/presales/", data=announced(product, boxes="9999999", per_person="3"))
    assert answer.status_code == 422
    assert "最多还能预售" in answer.text
    assert 'value="9999999"' in answer.text
    answer = client.post("/presales/", data=announced(product, boxes="many", ship_by="soon"))
    assert "日期看不懂" in answer.text
    assert "整数" in answer.text
    assert session.scalars(select(Presale)).all() == []


def test_others_do_not_see_it_and_without_the_guards_they_would_end_it(
    app: Flask, client: FlaskClient, session: Session, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    presale = make_presale(session, product, at=clock.now())
    path = f"/presales/{presale.code}"
    for stranger in (make_actor(session, Role.clerk), officer_of(session, "620826")):
        act_as(app, stranger)
        assert presale.code not in client.get("/presales/").text
        assert client.get(path).status_code == 404
    act_as(app, make_actor(session, Role.clerk))
    assert client.post(f"{path}/end", data=form(note="x")).status_code == 404
    monkeypatch.setattr("logistics.stock.views.presales._scope", lambda _: None)
    assert client.post(f"{path}/end", data=form(note="x")).status_code == 403
    monkeypatch.setattr(announcing, "_must_sell", lambda *_: None)
    assert client.post(f"{path}/end", data=form(note="x")).status_code == 302
    act_as(app, make_actor(session))
    assert client.get("/presales/").status_code == 403
