"""A clerk's day through the doors (shop.cooperative.views.desk and shop.cooperative.views.lots): deliveries → one lot → sorted → packed →
labels; refusals keep what was typed."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.documents.models import Document, DocumentKind
from catalog.parties.erasing import SubjectErased, SubjectKind, erase_person
from catalog.parties.models import ERASURE, SYSTEM, Actor, Household, Organization, OrganizationKind, Role
from catalog.parties.registering import register_person
from catalog.products.models import Product
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Unit
from shop.cooperative import asking, enrolling
from shop.cooperative.erasing import forget_devices
from shop.cooperative.models import CountyQuestion
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.shop.backoffice.known import found_in
from traceability.lots import serialising
from traceability.lots.models import HouseholdDelivery, Lot, TradeItem
from traceability.lots.states import ItemState, LotKind
from traceability.scan.qrcodes import cached_svg


class Place:
    """A cooperative with two members, an apple product and its clerk at the door."""

    def __init__(self, session: Session, app: Flask) -> None:
        self.cooperative = make_organization(session)
        self.households = [make_household(session, self.cooperative) for _ in range(2)]
        self.product: Product = make_product(
            session, self.cooperative, name="静宁苹果（一级）", category="水果", pack_unit=Unit.KG, needs=[], season_months=[10, 11]
        )
        make_capacity(session, "静宁苹果", Unit.KG, 100)
        self.clerk: Actor = make_actor(session, Role.clerk, self.cooperative)
        act_as(app, self.clerk)


@pytest.fixture
def place(session: Session, app: Flask) -> Place:
    return Place(session, app)


def deliver(client: FlaskClient, place: Place, household: Household | None = None, **over: Any) -> Any:
    values = {
        "household_id": (household or place.households[0]).id, "product_sku": place.product.sku, "quantity": "100", "unit": "kg",
        "agreed_price": "350.00",
    }  # fmt: skip
    return client.post("/cooperative/deliveries", data=form(**(values | over)))


def newest(session: Session, kind: LotKind) -> Lot:
    session.expire_all()
    return session.scalars(select(Lot).where(Lot.kind == kind).order_by(Lot.id.desc())).first()  # type: ignore[return-value]


def test_from_deliveries_to_labelled_boxes(client: FlaskClient, place: Place, session: Session) -> None:
    for household in place.households:
        answer = deliver(client, place, household)
        assert answer.status_code == 302
        assert "交货凭证" in client.get(answer.location).text
    codes = list(session.scalars(select(Lot.code).where(Lot.kind == LotKind.DELIVERY)))
    mixed = client.post("/cooperative/lots/mixed", data=form(lot=codes))
    assert mixed.status_code == 302
    outputs = {"step": "sorting", "material0": "分选苹果", "quantity0": "180", "unit0": "kg", "low0": "0.8", "high0": "1"}
    sorted_ = client.post(f"{mixed.location}/processing", data=form(**outputs))
    assert sorted_.status_code == 302, sorted_.text
    packed = client.post(f"{sorted_.location}/packing", data=form(product_sku=place.product.sku, boxes="150"))
    assert packed.status_code == 302, packed.text
    lot = newest(session, LotKind.PACK)
    assert session.scalar(select(func.count()).select_from(TradeItem).where(TradeItem.lot_id == lot.id)) == 150
    serials = list(session.scalars(select(TradeItem.serial).where(TradeItem.lot_id == lot.id)))
    serialising.mark_printed(session, SYSTEM, lot_id=lot.id, serials=serials, at=lot.created_at)
    client.post(f"{packed.location}/activation", data=form())
    session.expire_all()
    assert set(session.scalars(select(TradeItem.state).where(TradeItem.lot_id == lot.id))) == {ItemState.ACTIVATED}
    assert "启用" in client.get(packed.location).text
    for page in ("/cooperative/", "/cooperative/deliveries", "/cooperative/lots", "/cooperative/questions"):
        assert client.get(page).status_code == 200


def test_jin_are_kept_as_kilograms(client: FlaskClient, place: Place, session: Session) -> None:
    deliver(client, place, quantity="50", unit="jin")
    assert newest(session, LotKind.DELIVERY).made == 25


def test_beyond_what_the_land_bears_is_refused_with_the_way_to_the_county(
    client: FlaskClient, place: Place, session: Session
) -> None:
    answer = deliver(client, place, quantity="3001")
    assert answer.status_code == 422
    assert "3001" in answer.text, "what was typed stays"
    assert "请县里核定" in answer.text
    assert session.scalar(select(func.count()).select_from(HouseholdDelivery)) == 0


@pytest.mark.parametrize(
    "over",
    [
        {"quantity": "-1"},
        {"quantity": "abc"},
        {"agreed_price": "1.234"},
        {"household_id": "x"},
        {"product_sku": ""},
        {"unit": "mile"},
    ],
)
def test_wrong_fields_are_told_and_nothing_is_written(
    client: FlaskClient, place: Place, session: Session, over: dict[str, str]
) -> None:
    assert deliver(client, place, **over).status_code == 422
    assert session.scalar(select(func.count()).select_from(HouseholdDelivery)) == 0


def test_the_same_form_twice_is_one_delivery(client: FlaskClient, place: Place, session: Session) -> None:
    key = form()["idempotency_key"]
    answers = [deliver(client, place, idempotency_key=key) for _ in range(2)]
    assert answers[0].location == answers[1].location
    assert session.scalar(select(func.count()).select_from(HouseholdDelivery)) == 1


def test_another_cooperatives_slip_and_lot_are_not_found(app: Flask, client: FlaskClient, place: Place, session: Session) -> None:
    slip = deliver(client, place).location
    lot = newest(session, LotKind.DELIVERY)
    act_as(app, make_actor(session, Role.clerk))
    assert client.get(slip).status_code == 404
    assert client.get(f"/cooperative/lots/{lot.code}").status_code == 404
    assert client.post(f"/cooperative/lots/{lot.code}/packing", data=form(product_sku="x", boxes="1")).status_code in (404, 422)


def test_consumers_stay_outside(app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    act_as(app, make_actor(session))
    assert client.get("/cooperative/").status_code == 403
    monkeypatch.setattr(Actor, "has", lambda *_: True)
    assert client.get("/cooperative/questions").status_code == 200, "with the guard switched off anybody gets in"


def test_the_county_answers_once(app: Flask, client: FlaskClient, place: Place, session: Session) -> None:
    client.post("/cooperative/questions", data=form(question="今年新包了十亩地,请核定", refusal="超出产能"))
    question = session.scalars(select(CountyQuestion)).one()
    office: Organization = make_organization(session, OrganizationKind.COUNTY_OFFICE)
    act_as(app, make_actor(session, Role.county_officer, office))
    assert "今年新包了十亩地" in client.get("/cooperative/questions").text
    answer = client.post(f"/cooperative/questions/{question.id}/answer", data=form(answer="已核定"))
    assert answer.status_code == 302
    again = client.post(f"/cooperative/questions/{question.id}/answer", data=form(answer="再答"))
    assert again.status_code == 409


def test_asking_and_answering_have_their_rules(session: Session, place: Place, at: Any) -> None:
    with pytest.raises(Invalid):
        asking.ask_county(session, place.clerk, place.cooperative.id, refusal="", question="?", at=at)
    row = asking.ask_county(session, place.clerk, place.cooperative.id, refusal="", question="请核定产能", at=at)
    stranger = make_actor(
        session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE, county_code="620826")
    )
    with pytest.raises(Forbidden):
        asking.answer_question(session, stranger, row.id, "可以", at=at)
    own = make_actor(session, Role.county_officer, make_organization(session, OrganizationKind.COUNTY_OFFICE))
    asking.answer_question(session, own, row.id, "可以", at=at)
    with pytest.raises(Conflict):
        asking.answer_question(session, own, row.id, "不行", at=at)


def test_of_a_clerk_who_left_and_was_erased_no_name_stays(session: Session, place: Place, at: datetime) -> None:
    clerk = register_person(session, SYSTEM, name="欧阳望川", phone="13911112222", at=at)
    actor = Actor(clerk.id, clerk.name, place.clerk.roles, label=f"person:{clerk.id}")
    phones = [
        enrolling.enrol_device(session, actor, place.cooperative.id, name="欧阳望川的手机", token_hash=each * 64, at=at)
        for each in "ab"
    ]
    enrolling.end_device(session, place.clerk, phones[0].id, at=at)
    asking.ask_county(session, actor, place.cooperative.id, refusal="", question="请核定产能", at=at)
    assert {table for table, _ in found_in(session, "欧阳望川")} == {"parties_person", "cooperative_device"}
    forget_devices(session, SubjectErased(SubjectKind.HOUSEHOLD, clerk.id, "request", at))
    assert phones[1].ended_at is None
    erase_person(session, clerk.id, reason="request", at=at)
    forget_devices(session, SubjectErased(SubjectKind.PERSON, clerk.id, "request", at))
    session.expire_all()
    assert found_in(session, "欧阳望川") == set()
    assert [phone.ended_by for phone in phones] == [place.clerk.label, ERASURE]


def test_the_certificate_is_printed_with_a_code_under_its_name(
    app: Flask, client: FlaskClient, place: Place, session: Session
) -> None:
    deliver(client, place)
    work = f"/cooperative/lots/{newest(session, LotKind.DELIVERY).code}"
    assert client.get(f"{work}/certificate").status_code == 404
    assert client.post(f"{work}/promise", data=form(origin="静宁县")).status_code == 422
    assert client.post(f"{work}/promise", data=form(basis=["own_test", "commissioned_test"], origin="静宁县")).status_code == 302
    page = client.get(f"{work}/certificate").text
    for seen in ("承诺达标合格证", "生产者自我承诺", "委托检测合格、自行检测合格", "静宁县", "100 千克", "<svg"):
        assert seen in page, seen
    document = session.scalars(select(Document).where(Document.kind == DocumentKind.PROMISE_CERTIFICATE)).one()
    assert cached_svg(f"{app.config['SHANHAI'].public_url}/documents/{document.id}") in page
    shown = client.get(f"/documents/{document.id}").text
    assert "生产者自我承诺" in shown
    assert f"{work}/certificate" in client.get(work).text


def test_a_lot_is_split_sampled_and_written_off_on_its_page(client: FlaskClient, place: Place, session: Session) -> None:
    deliver(client, place)
    lot = newest(session, LotKind.DELIVERY)
    work = f"/cooperative/lots/{lot.code}"
    assert client.post(f"{work}/parts", data=form(parts="30 20")).location.endswith(lot.code)
    assert client.post(f"{work}/losses", data=form(lost="2", why="sample", lost_reason="送检")).status_code == 302
    assert client.post(f"{work}/losses", data=form(lost="3", why="loss", lost_reason="腐烂")).status_code == 302
    session.expire_all()
    assert (lot.used, lot.lost, lot.left.amount) == (50, 5, 45)
    assert sorted(session.scalars(select(Lot.made).where(Lot.kind == LotKind.BULK))) == [20, 30]
    for deed, data in (("parts", {"parts": "30 x"}), ("parts", {"parts": ""}), ("losses", {"lost": "1", "lost_reason": ""})):
        assert client.post(f"{work}/{deed}", data=form(**data)).status_code == 422
    assert client.post(f"{work}/parts", data=form(parts="46")).status_code == 409
