"""The price pages, through the door."""

from __future__ import annotations

from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import Actor, Organization, Role
from catalog.prices.models import Price
from catalog.products.models import Product
from kernel import clock
from tests.factories.catalog import act_as, form, make_actor, make_draft, make_organization, make_price

TOMORROW = (clock.today_shanghai(clock.now()) + timedelta(days=1)).isoformat()


@pytest.fixture
def cooperative(session: Session) -> Organization:
    return make_organization(session)


@pytest.fixture
def product(session: Session, cooperative: Organization) -> Product:
    product = make_draft(session, cooperative)
    make_price(session, product, 12_800)
    session.flush()
    return product


@pytest.fixture
def clerk(app: Flask, session: Session, cooperative: Organization) -> Actor:
    actor = make_actor(session, Role.clerk, cooperative)
    session.flush()
    act_as(app, actor)
    return actor


@pytest.mark.usefixtures("clerk")
def test_a_clerk_sets_tomorrows_price(client: FlaskClient, session: Session, product: Product) -> None:
    assert "¥128.00" in client.get("/prices/").text
    sent = form(price="138.50", valid_from=TOMORROW, min_quantity="1")
    assert client.post(f"/prices/{product.sku}", data=sent).status_code == 302
    assert client.post(f"/prices/{product.sku}", data=sent).status_code == 302
    assert [row.fen for row in session.query(Price).filter_by(product_id=product.id).order_by(Price.valid_from)] == [12_800, 13_850]
    page = client.get(f"/prices/{product.sku}").text
    assert "¥138.50" in page
    assert "¥128.00" in page


@pytest.mark.usefixtures("clerk")
@pytest.mark.parametrize(
    ("over", "status", "told"),
    [
        ({"price": "12,8"}, 422, "金额"),
        ({"price": "1.001"}, 422, "金额"),
        ({"price": "0"}, 422, "大于 0"),
        ({"price": "=1+1"}, 422, "金额"),
        ({"min_quantity": "1.5"}, 422, "整数"),
        ({"valid_from": "明天"}, 422, "开始日期"),
        ({"valid_from": "2026-01-01"}, 422, "不能改过去"),
        ({"list": "secret"}, 404, ""),
    ],
)
def test_wrong_fields_are_told_and_nothing_is_written(
    client: FlaskClient, session: Session, product: Product, over: dict[str, str], status: int, told: str
) -> None:
    values = {"price": "138.50", "valid_from": TOMORROW, "min_quantity": "1"} | over
    answer = client.post(f"/prices/{product.sku}", data=form(**values))
    assert answer.status_code == status
    assert told in answer.text
    assert session.query(Price).filter_by(product_id=product.id).count() == 1


def test_others_do_not_see_or_set_it(
    app: Flask, client: FlaskClient, session: Session, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = make_actor(session, Role.clerk)
    session.flush()
    act_as(app, stranger)
    sent = {"price": "1.00", "valid_from": TOMORROW}
    assert client.get(f"/prices/{product.sku}").status_code == 403
    assert product.name not in client.get("/prices/").text
    assert client.get("/prices/?list=agreed").status_code == 404
    assert client.post(f"/prices/{product.sku}", data=form(**sent)).status_code == 403
    # The act's guard switched off: the price goes in.
    monkeypatch.setattr(Actor, "must_any", lambda *_: None)
    assert client.post(f"/prices/{product.sku}", data=form(**sent)).status_code == 302
    assert session.query(Price).filter_by(product_id=product.id).count() == 2


def test_an_auditor_reads_all_and_sets_nothing(app: Flask, client: FlaskClient, session: Session, product: Product) -> None:
    auditor = make_actor(session, Role.auditor)
    session.flush()
    act_as(app, auditor)
    body = client.get("/prices/", headers={"Accept": "application/json"}).json
    assert body is not None
    assert body["prices"] == [{"sku": product.sku, "fen": 12_800}]
    assert client.post(f"/prices/{product.sku}", data=form(price="1", valid_from=TOMORROW)).status_code == 403


def test_nobody_is_sent_to_sign_in(client: FlaskClient, product: Product) -> None:
    assert client.get("/prices/").status_code == 302
    assert client.get(f"/prices/{product.sku}").status_code == 302
