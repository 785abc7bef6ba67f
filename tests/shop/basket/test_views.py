"""The basket's doors, without JavaScript; another's basket is never seen; one quote explains every fen."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog.documents.issuing import revoke_document
from catalog.documents.models import Document, DocumentKind
from catalog.parties.models import SYSTEM
from shop.basket import views
from shop.basket.filling import add_boxes
from shop.basket.queries import Owner, view_basket
from tests.factories.catalog import form, make_organization, make_person
from tests.factories.shop import make_address, make_goods, set_freight


def add(client: FlaskClient, sku: str, quantity: object = 1, **more: Any) -> Any:
    return client.post("/basket/lines", data=form(sku=sku, quantity=quantity, **more))


def change(client: FlaskClient, sku: str, **values: Any) -> Any:
    return client.post(f"/basket/lines/{sku}", data=form(**values))


def test_the_stepper_is_a_plain_form(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    assert add(client, product.sku, 2).status_code == 302
    for values, shown in (
        ({"quantity": 2, "step": 1}, "¥384.00"),
        ({"quantity": 3, "step": -1}, "¥256.00"),
        ({"quantity": 5}, "¥640.00"),
    ):
        assert change(client, product.sku, **values).location == "/basket"
        assert shown in client.get("/basket").text
    change(client, product.sku, quantity=1, step=-1)
    assert "购物篮还是空的" in client.get("/basket").text


def test_the_number_beside_the_basket_follows(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    add(client, product.sku, 3)
    assert '<span class="count">3</span>' in client.get("/season").text


def test_the_same_form_twice_adds_once(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    data = form(sku=product.sku, quantity=2)
    for _ in range(3):
        client.post("/basket/lines", data=data)
    assert "¥256.00" in client.get("/basket").text


def test_wrong_numbers_get_a_clear_sentence(client: FlaskClient, session: Session) -> None:
    product = make_goods(session)
    for quantity, text in (("二", "整数"), ("1.5", "整数"), ("9999", "999"), ("-3", "999"), ("1" * 30, "整数")):
        answer = add(client, product.sku, quantity)
        assert answer.status_code == 422, quantity
        assert text in answer.text
    assert add(client, "SKU-NONE").status_code == 404


def test_one_never_sees_anothers_basket(app: Any, client: FlaskClient, session: Session, sign_in: Any) -> None:
    product = make_goods(session)
    add(client, product.sku)
    assert "购物篮还是空的" in app.test_client().get("/basket").text
    stranger = sign_in(app.test_client(), make_person(session))
    assert "购物篮还是空的" in stranger.get("/basket").text


def test_without_the_look_at_the_owner_one_would(
    app: Any, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch, at: datetime
) -> None:
    """The guard switched off: everybody then has the same basket."""
    product, person = make_goods(session), make_person(session)
    add_boxes(session, Owner(person_id=person.id), product.sku, 1, at=at)
    session.flush()
    monkeypatch.setattr(views, "current_owner", lambda: Owner(person_id=person.id))
    assert product.name in app.test_client().get("/basket").text


def test_the_basket_survives_signing_in(client: FlaskClient, session: Session, sign_in: Any, at: datetime) -> None:
    product, other, person = make_goods(session), make_goods(session), make_person(session)
    add_boxes(session, Owner(person_id=person.id), other.sku, 1, at=at)
    add(client, product.sku, 2)
    sign_in(client, person)
    page = client.get("/basket").text
    assert "¥256.00" in page
    assert "¥128.00" in page
    assert '<span class="count">3</span>' in page
    client.post("/sign-out")
    assert "购物篮还是空的" in client.get("/basket").text


def test_freight_follows_the_persons_address(client: FlaskClient, session: Session, sign_in: Any) -> None:
    product, person = make_goods(session), make_person(session)
    set_freight(session, product, cold_fen=1_000)
    add(client, product.sku, 2)
    assert "结算时按地址算" in client.get("/basket").text
    make_address(session, person.id)
    page = sign_in(client, person).get("/basket").text
    assert "运费 2.2 千克：首重 ¥8.00，续重 2 × ¥2.00" in page
    assert "冷链包装和运输" in page
    assert "¥278.00" in page


def test_what_cannot_be_bought_stands_apart_with_its_reason(client: FlaskClient, session: Session, at: datetime) -> None:
    good, gone, sold_out = make_goods(session), make_goods(session), make_goods(session, boxes=1)
    for product in (good, gone, sold_out):
        add(client, product.sku)
    query = select(Document).where(Document.kind == DocumentKind.GEOGRAPHICAL_INDICATION, Document.subject_code == gone.sku)
    revoke_document(session, SYSTEM, document_id=session.scalars(query).one().id, reason="注销", at=at)
    from tests.factories.logistics import make_allocations

    make_allocations(session, sold_out.id, 1)
    session.flush()
    page = client.get("/basket").text
    apart = page[page.index("今天买不到的") :]
    assert "地理标志" in apart
    assert "已被撤销" in apart
    assert "暂时没有现货" in apart
    assert good.sku not in apart
    assert page.count("¥128.00") >= 2, "line and total are of the one that can be bought"


def test_too_many_wanted_is_said_and_not_checked_out(client: FlaskClient, session: Session) -> None:
    product = make_goods(session, boxes=2)
    add(client, product.sku, 5)
    page = client.get("/basket").text
    assert "只剩 2 件" in page
    assert 'href="/checkout"' not in page


def test_not_delivered_there_is_said(client: FlaskClient, session: Session, sign_in: Any) -> None:
    product, person = make_goods(session), make_person(session)
    set_freight(session, product)
    set_freight(session, product, province_code="540000", deliverable=False)
    make_address(session, person.id, province_code="540000", city="拉萨市")
    add(client, product.sku)
    assert "不送到这个省份" in sign_in(client, person).get("/basket").text


def test_every_fen_is_explained(session: Session, at: datetime) -> None:
    products = [make_goods(session) for _ in range(3)]
    for product in products:
        set_freight(session, product)
        add_boxes(session, Owner(token="t"), product.sku, 2, at=at)
    view = view_basket(session, Owner(token="t"), province_code="310000", at=at, gettext=str)
    assert view.quote is not None
    assert view.ready
    for part in view.quote.sellers:
        assert sum(reason.amount.minor for reason in part.reasons) == part.total.minor
    assert sum(part.total.minor for part in view.quote.sellers) == view.quote.total.minor


def test_the_page_asks_a_fixed_number_of_questions(client: FlaskClient, session: Session, count_queries: Any) -> None:
    cooperative = make_organization(session)
    counts = []
    for _ in range(3):
        for _ in range(3):
            add(client, make_goods(session, cooperative=cooperative).sku)
        session.expunge_all()
        with count_queries() as queries:
            client.get("/basket")
        counts.append(len(queries))
    assert counts[0] == counts[1] == counts[2]
    assert counts[0] <= 16
