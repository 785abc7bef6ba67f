"""A clerk's day through the doors (shop.cooperative.views.desk and shop.cooperative.views.lots): deliveries → one lot → sorted → packed →
labels; refusals keep what was typed."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session

from catalog.documents.models import Document, DocumentKind
from catalog.parties.erasing import SubjectErased, SubjectKind, erase_person
from catalog.parties.models import ANONYMOUS, ERASURE, SYSTEM, Actor, Household, Organization, OrganizationKind, Role
from catalog.parties.registering import register_person
from catalog.products.models import Product
from kernel import clock
from kernel.errors import Conflict, Forbidden, Invalid
from kernel.quantity import Unit
from shop.cooperative import asking, enrolling
from shop.cooperative.erasing import forget_devices, forget_questions
from shop.cooperative.models import CountyQuestion
from shop.cooperative.views import desk, lots
from tests.factories.catalog import act_as, form, make_actor, make_household, make_organization, make_product
from tests.factories.lots import make_capacity
from tests.shop.backoffice.known import found_in
from traceability.lots import balancing, serialising
from traceability.lots.confirming import dispute_delivery
from traceability.lots.models import HouseholdDelivery, Lot, TradeItem
from traceability.lots.states import DisputeSubject, ItemState, LotKind
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


def test_a_question_knows_whom_it_is_about(client: FlaskClient, place: Place, session: Session) -> None:
    asked = {"question": "地块怎么算", "member_no": str(place.households[1].member_no)}
    assert client.post("/cooperative/questions", data=form(**asked)).status_code == 302
    assert session.scalars(select(CountyQuestion.household_id)).all() == [place.households[1].id]
    assert f"第 {place.households[1].member_no} 号农户" in client.get("/cooperative/questions").text
    for wrong in ({"member_no": "77"}, {"question": "?"}, {"member_no": "", "household_id": make_household(session).id}):
        page = client.post("/cooperative/questions", data=form(**(asked | wrong)))
        assert page.status_code == 422
        assert (asked | wrong)["question"] in page.text, "what was typed stays"
    assert "没有社员编号“77”" in client.post("/cooperative/questions", data=form(**(asked | {"member_no": "77"}))).text
    assert session.scalar(select(func.count()).select_from(CountyQuestion)) == 1


def test_what_was_asked_about_a_household_goes_with_it(session: Session, place: Place, at: datetime) -> None:
    mine, other = place.households
    rows = [
        asking.ask_county(
            session, place.clerk, place.cooperative.id, refusal="", question="欧阳望川的地", household_id=each.id, at=at
        )
        for each in (mine, mine, other)
    ]
    officer = make_actor(session, Role.county_officer)
    asking.answer_question(session, officer, rows[1].id, "欧阳望川按三亩算", at=at)
    forget_questions(session, SubjectErased(SubjectKind.PERSON, mine.id, "request", at))
    assert session.scalar(select(func.count()).select_from(CountyQuestion)) == 3
    forget_questions(session, SubjectErased(SubjectKind.HOUSEHOLD, mine.id, "request", at))
    session.expire_all()
    kept = {row.id: (row.question, row.answer) for row in session.scalars(select(CountyQuestion))}
    assert kept == {rows[1].id: ("", ""), rows[2].id: ("欧阳望川的地", None)}


def test_questions_and_disputes_come_page_by_page(
    app: Flask, client: FlaskClient, place: Place, session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Open ones first, then the newest; disputes the oldest first. Each list turns its own pages, and none is left out or told twice."""
    monkeypatch.setattr(desk, "PAGE", 2)
    rows = [
        asking.ask_county(session, place.clerk, place.cooperative.id, refusal="", question=f"第{number}问来了", at=at)
        for number in range(5)
    ]
    office = make_actor(session, Role.county_officer)
    for row in (rows[1], rows[4]):
        asking.answer_question(session, office, row.id, "可以", at=at)
    slips = []
    for _ in range(3):
        deliver(client, place, quantity="1")
        slips.append(session.scalars(select(HouseholdDelivery).order_by(HouseholdDelivery.id.desc())).first())
        dispute_delivery(session, ANONYMOUS, slips[-1].id, about=DisputeSubject.OTHER, words="不对", at=at)
    for actor in (place.clerk, office):
        act_as(app, actor)
        assert "3 张凭证农户有异议" in client.get("/county/").text
        pages, path = [], "/cooperative/questions"
        while path:
            page = client.get(path).text
            pages.append([int(number) for number in re.findall("第([0-9])问来了", page)])
            found = re.search(r'href="([^"]*[?]after=[^"]*)"', page)
            path = found.group(1) if found else ""
        assert pages == [[3, 2], [0, 4], [1]]
        first = client.get("/cooperative/questions").text
        more = re.search(r'href="([^"]*[?]slips_after=[^"]*)"', first)
        assert more is not None
        assert [slip.slip_code in first for slip in slips] == [True, True, False]
        second = client.get(more.group(1)).text
        assert [slip.slip_code in second for slip in slips] == [False, False, True]
        assert "回到第一页" in second


def test_the_days_deliveries_and_the_questions_are_sought_by_index(session: Session, place: Place) -> None:
    session.execute(text("SET LOCAL enable_seqscan = off"))
    queries_ = [
        "SELECT id FROM lots_lot WHERE organization_id = :o AND kind = 'delivery' AND produced_on = '2026-11-22' ORDER BY id DESC LIMIT 8",
        "SELECT id FROM cooperative_county_question WHERE county_code = '640323' AND answered_at IS NOT NULL ORDER BY id DESC LIMIT 51",
        "SELECT id FROM cooperative_county_question WHERE county_code = '640323' AND answered_at IS NULL ORDER BY id DESC LIMIT 51",
    ]
    used = [
        str(session.execute(text(f"EXPLAIN {each}"), {"o": place.cooperative.id} if ":o" in each else {}).all())
        for each in queries_
    ]
    assert "ix_lots_lot_delivered" in used[0]
    assert "ix_cooperative_county_question_county_code" in used[1]
    assert "ix_cooperative_county_question_open" in used[2]
    assert not any("Sort" in each for each in used)


def test_open_lots_come_in_pages_and_are_sought_by_index(
    client: FlaskClient, place: Place, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for quantity in range(1, 7):
        deliver(client, place, quantity=f"{quantity}")
    codes = list(session.scalars(select(Lot.code).order_by(Lot.id.desc())))
    spoilt = session.scalars(select(Lot).where(Lot.code == codes[1])).one()
    balancing.record_loss(session, place.clerk, lot_id=spoilt.id, quantity=spoilt.left, reason="压坏了", at=clock.now())
    asked: list[tuple[str, Any]] = []
    monkeypatch.setitem(lots.PAGES, "raw", 3)
    session.execute(text("SET LOCAL enable_seqscan = off"))

    def listen(_connection: object, _cursor: object, statement: str, parameters: Any, *_rest: object) -> None:
        asked.append((statement, parameters))

    event.listen(session.get_bind(), "before_cursor_execute", listen)
    first = client.get("/cooperative/lots").text
    event.remove(session.get_bind(), "before_cursor_execute", listen)
    assert [code in first for code in codes] == [True, False, True, True, False, False], "what is used up takes no place"
    more = re.search(r'href="([^"]*[?]raw=[^"]*)"', first)
    assert more is not None
    second = client.get(more.group(1)).text
    assert [code in second for code in codes] == [False] * 4 + [True] * 2
    assert "回到第一页" in second
    refused = client.post(f"/cooperative/lots/mixed?{more.group(1).partition('?')[2]}", data=form()).text
    assert codes[5] in refused, "the same page comes back"
    assert client.post("/cooperative/lots/mixed", data=form(lot=codes[4:])).status_code == 302
    # Among six lots the planner may as well walk those of the organisation; among six thousand it may not.
    session.execute(text("DROP INDEX ix_lots_lot_organization; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"))
    plans = [
        str(session.connection().exec_driver_sql(f"EXPLAIN {statement}", parameters).all())
        for statement, parameters in asked
        if "FROM lots_lot" in statement
    ]
    assert len(plans) == 5, "one for each kind"
    assert all("ix_lots_lot_open" in plan and "Sort" not in plan for plan in plans), plans


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
