"""Addresses are one's own."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel.web import limiter
from shop.accounts import addressing
from shop.accounts.models import Address, Guest
from shop.accounts.queries import list_addresses, load_gazetteer
from shop.accounts.views import addresses
from tests.factories.catalog import form, make_person
from tests.factories.shop import make_goods


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session)


@pytest.fixture
def buyer(client: FlaskClient, person: Person, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


ADDRESS = {
    "recipient": "示例收货人", "phone": "13800138000", "province_code": "350000", "city": "福州市", "district": "鼓楼区",
    "street": "示例路 1 号", "idempotency_key": "address-0001",
}  # fmt: skip


def test_an_address_is_added_once(buyer: FlaskClient, session: Session) -> None:
    assert [buyer.post("/account/addresses", data=ADDRESS).status_code for _ in range(2)] == [302, 302]
    assert session.scalar(select(func.count()).select_from(Address)) == 1
    assert "示例路 1 号" in buyer.get("/account/addresses").text


def test_a_wrong_address_keeps_what_was_typed(buyer: FlaskClient, session: Session) -> None:
    answer = buyer.post("/account/addresses", data=ADDRESS | {"phone": "12", "province_code": "640323"})
    assert answer.status_code == 422
    assert "示例路 1 号" in answer.text
    assert "请选择省份" in answer.text
    assert session.scalar(select(func.count()).select_from(Address)) == 0


def test_nobody_removes_another_persons_address(buyer: FlaskClient, session: Session, at: datetime) -> None:
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    answer = buyer.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    assert answer.status_code == 404
    session.refresh(address)
    assert address.removed_at is None


def test_without_the_owner_check_it_would_be_removed(
    buyer: FlaskClient, session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: every address then counts as one's own."""
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    monkeypatch.setattr(addressing, "owns", lambda *_: True)
    buyer.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    session.refresh(address)
    assert address.removed_at is not None


PICKED = {name: ADDRESS[name] for name in ("recipient", "phone", "street")} | {
    "province_code": "640000", "city_code": "640300", "district_code": "640323",
}  # fmt: skip


def options(page: str, name: str) -> list[str]:
    """The codes a picker offers."""
    body = re.search(rf'<select[^>]*name="{name}".*?</select>', page, re.DOTALL)
    return re.findall(r'<option value="([0-9]+)"', body[0]) if body else []


def test_areas_are_picked_step_by_step_without_javascript(buyer: FlaskClient, session: Session) -> None:
    first = buyer.get("/account/addresses").text
    assert (len(options(first, "province_code")), options(first, "city_code")) == (34, [])
    second = buyer.post("/account/addresses", data=form(step="areas", province_code="640000", street="示例路 1 号")).text
    assert "640300" in options(second, "city_code")
    assert options(second, "district_code") == []
    assert "示例路 1 号" in second, "what was typed stays"
    third = buyer.post("/account/addresses", data=form(step="areas", province_code="640000", city_code="640300")).text
    assert "640323" in options(third, "district_code")
    assert "请先改正" not in third
    assert session.scalar(select(func.count()).select_from(Address)) == 0
    buyer.post("/account/addresses", data=form(**PICKED))
    address = session.scalars(select(Address)).one()
    assert (address.city, address.district, address.area_code) == ("吴忠市", "盐池县", "640323")


def test_another_province_empties_the_pickers_below(client: FlaskClient) -> None:
    part = client.get("/address-areas?province_code=310000&city_code=640300&district_code=640323").text
    assert "310115" in options(part, "city_code")
    assert options(part, "district_code") == []
    assert "<html" not in part
    assert "选好了" not in part, "htmx does the step"


THREE_LEVELS_OR_FEWER = [
    # (province, city and district as sent, what they are called, the lowest area)
    ("310000", "310115", "", ("上海市", "浦东新区"), "310115"),
    ("310000", "310115", "640323", ("上海市", "浦东新区"), "310115"),
    ("440000", "441900", "", ("东莞市", ""), "441900"),
    ("420000", "429004", "", ("仙桃市", ""), "429004"),
    ("810000", "", "", ("香港特别行政区", ""), "810000"),
]


def test_not_everything_has_three_levels(person: Person, session: Session, at: datetime) -> None:
    for province, city, district, names, lowest in THREE_LEVELS_OR_FEWER:
        typed = PICKED | {"province_code": province, "city_code": city, "district_code": district}
        address = addressing.add_address(session, person.id, typed, at=at)
        assert ((address.city, address.district), address.area_code) == (names, lowest)


WRONG_PICKS = [
    ({"province_code": ""}, "请选择省份"),
    ({"city_code": ""}, "请选择城市"),
    ({"city_code": "310115"}, "请选择城市"),
    ({"district_code": ""}, "请选择区县"),
    ({"district_code": "310115"}, "请选择区县"),
    ({"district_code": "640300"}, "请选择区县"),
]


def test_what_does_not_lie_in_the_other_is_not_taken(buyer: FlaskClient, session: Session) -> None:
    for wrong, said in WRONG_PICKS:
        answer = buyer.post("/account/addresses", data=form(**(PICKED | wrong)))
        assert answer.status_code == 422, wrong
        assert said in answer.text
    assert session.scalar(select(func.count()).select_from(Address)) == 0


def test_a_pasted_text_fills_the_form(buyer: FlaskClient, session: Session) -> None:
    pasted = "张三 13800138000 宁夏吴忠市盐池县花马池镇 1 村"
    page = buyer.post("/account/addresses", data=form(step="recognise", pasted=pasted)).text
    for value in ('value="张三"', 'value="13800138000"', 'value="640323" selected', 'value="花马池镇 1 村"', pasted):
        assert value in page, value
    assert "请核对" in page
    assert session.scalar(select(func.count()).select_from(Address)) == 0


def test_what_the_text_does_not_say_stays_as_typed(buyer: FlaskClient) -> None:
    page = buyer.post(
        "/account/addresses", data=form(step="recognise", pasted="13800138000", recipient="李四", province_code="310000")
    ).text
    assert 'value="李四"' in page
    assert 'value="310000" selected' in page


def test_an_address_is_changed_in_its_place(buyer: FlaskClient, person: Person, session: Session, at: datetime) -> None:
    address = addressing.add_address(session, person.id, ADDRESS, at=at)
    session.flush()
    page = buyer.get(f"/account/addresses/{address.id}").text
    assert 'value="350102" selected' in page, "鼓楼区 of 福州, read from its name"
    stepped = buyer.post(f"/account/addresses/{address.id}", data=form(step="areas", province_code="310000"))
    assert "310115" in options(stepped.text, "city_code")
    assert buyer.post(f"/account/addresses/{address.id}", data=form(**(PICKED | {"street": ""}))).status_code == 422
    assert buyer.post(f"/account/addresses/{address.id}", data=form(**PICKED)).status_code == 302
    session.expire_all()
    changed = session.scalars(select(Address)).one()
    assert (changed.id, changed.district, changed.area_code) == (address.id, "盐池县", "640323")
    assert 'value="640323" selected' in buyer.get(f"/account/addresses/{address.id}").text


def test_the_usual_address_comes_first(buyer: FlaskClient, person: Person, session: Session, at: datetime) -> None:
    first, second = (addressing.add_address(session, person.id, ADDRESS, at=at) for _ in range(2))
    session.flush()
    assert [row.id for row in list_addresses(session, person.id)] == [second.id, first.id]
    for address in (second, first):
        assert buyer.post(f"/account/addresses/{address.id}/default", data=form()).status_code == 302
    session.expire_all()
    assert [(row.id, row.is_default) for row in list_addresses(session, person.id)] == [(first.id, True), (second.id, False)]
    assert "默认地址" in buyer.get("/account/addresses").text


def test_two_usual_addresses_are_one_too_many(person: Person, session: Session, at: datetime) -> None:
    """The code's guard switched off: the database still holds it."""
    for _ in range(2):
        addressing.add_address(session, person.id, ADDRESS, at=at).is_default = True
    with pytest.raises(IntegrityError):
        session.flush()


def test_nobody_sees_or_changes_another_persons_address(buyer: FlaskClient, session: Session, at: datetime) -> None:
    address = addressing.add_address(session, make_person(session).id, ADDRESS, at=at)
    session.flush()
    path = f"/account/addresses/{address.id}"
    answers = [
        buyer.get(path),
        buyer.post(path, data=form(**PICKED)),
        buyer.post(path, data=form(step="areas")),
        buyer.post(f"{path}/default", data=form()),
    ]
    assert [answer.status_code for answer in answers] == [404] * 4
    assert not any(ADDRESS["street"] in answer.text for answer in answers)


def test_a_stranger_fills_the_form_step_by_step_at_checkout(client: FlaskClient, session: Session) -> None:
    """No guest is made by it, and no limit is used up."""
    client.post("/basket/lines", data=form(sku=make_goods(session).sku, quantity=1))
    for _ in range(12):
        page = client.post(
            "/checkout/address", data=form(step="recognise", pasted="张三 13800138000 福建省厦门市思明区示例路 1 号")
        )
        assert page.status_code == 200
    assert 'value="350203" selected' in page.text
    assert session.scalar(select(func.count()).select_from(Guest)) == 0
    data = PICKED | {"agree": "1"}
    assert client.post("/checkout/address", data=form(**data)).status_code == 302


PASTED = "张三 13800138000 宁夏吴忠市盐池县花马池镇 1 村"


def test_the_pickers_alone_read_no_pasted_text(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GET that anybody may send costs nothing much."""
    monkeypatch.setattr(addresses, "recognise", None)
    assert client.get("/address-areas", query_string={"step": "recognise", "pasted": PASTED}).status_code == 200


def test_pasted_texts_are_read_thirty_times_a_minute(
    buyer: FlaskClient, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read() -> int:
        return buyer.post("/account/addresses", data=form(step="recognise", pasted=PASTED)).status_code

    assert [read() for _ in range(31)] == [200] * 30 + [429]
    assert client.post("/checkout/address", data=form(step="recognise", pasted=PASTED)).status_code == 429, "wherever"
    assert buyer.post("/account/addresses", data=form(step="areas", province_code="640000")).status_code == 200
    monkeypatch.setattr(limiter, "enabled", False)
    assert read() == 200, "the guard switched off"


def test_the_areas_are_read_once_a_day(session: Session, count_queries: Any) -> None:
    on = date(2026, 11, 22)
    first = load_gazetteer(session, on)
    with count_queries() as statements:
        assert load_gazetteer(session, on) is first
    assert len(statements) == 0
    assert load_gazetteer(session, date(2026, 11, 23)) is not first
