"""Signing up, in and out through the doors; addresses are one's own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from shop.accounts import addressing, signing
from shop.accounts.models import Address, Login, SignInSession
from shop.accounts.signing import add_login
from tests.factories.catalog import make_person

PASSWORD = "correct-horse-battery"


@pytest.fixture
def person(session: Session, at: datetime) -> Person:
    person = make_person(session)
    add_login(session, person.id, "buyer@example.cn", PASSWORD, at=at)
    session.flush()
    return person


def sign_in(client: FlaskClient, name: str = "buyer@example.cn", password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", data={"name": name, "password": password, **more})


def test_the_right_password_opens_a_session(client: FlaskClient, person: Person, session: Session) -> None:
    answer = sign_in(client, next="/account/addresses")
    assert (answer.status_code, answer.location) == (302, "/account/addresses")
    assert client.get("/account/addresses").status_code == 200
    assert session.scalar(select(func.count()).select_from(SignInSession)) == 1


@pytest.mark.parametrize(("name", "password"), [("buyer@example.cn", "wrong-password"), ("nobody@example.cn", PASSWORD)])
def test_a_wrong_name_and_a_wrong_password_read_the_same(client: FlaskClient, person: Person, name: str, password: str) -> None:
    answer = sign_in(client, name, password)
    assert answer.status_code == 422
    assert "账号或密码不对" in answer.text
    assert name in answer.text, "what was typed stays"


def test_guessing_one_account_is_slowed_down(client: FlaskClient, person: Person) -> None:
    tried = [sign_in(client, "guessed@example.cn", "wrong-password").status_code for _ in range(12)]
    assert tried[:10] == [422] * 10
    assert tried[10:] == [429] * 2
    assert sign_in(client).status_code == 302, "another account is not locked out"


def test_signing_out_ends_the_session_on_the_server(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    client.post("/sign-out")
    assert session.scalar(select(func.count()).select_from(SignInSession)) == 0
    assert client.get("/account/addresses").status_code == 302


def test_signing_in_gives_a_new_token(client: FlaskClient, person: Person) -> None:
    sign_in(client)
    with client.session_transaction() as cookie:
        first = cookie["sid"]
    sign_in(client)
    with client.session_transaction() as cookie:
        assert cookie["sid"] != first


def test_signing_in_does_not_lead_off_the_site(client: FlaskClient, person: Person) -> None:
    assert sign_in(client, next="https://evil.example/").location == "/"


def test_only_the_hash_of_a_token_is_kept(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    with client.session_transaction() as cookie:
        token = cookie["sid"]
    assert session.scalars(select(SignInSession.token_hash)).one() != token


def test_signing_up_names_every_wrong_field(client: FlaskClient, session: Session) -> None:
    answer = client.post("/sign-up", data={"name": "123", "password": "short", "called": ""})
    assert answer.status_code == 422
    for text in ("请填写 11 位手机号或邮箱地址", "请填写怎么称呼您", "密码至少要 10 个字符"):
        assert text in answer.text
    assert session.scalar(select(func.count()).select_from(Login)) == 0


def test_signing_up_signs_in(client: FlaskClient) -> None:
    client.post("/sign-up", data={"name": "13800138000", "password": PASSWORD, "called": "小海"})
    assert client.get("/account/addresses").status_code == 200
    again = client.post("/sign-up", data={"name": "13800138000", "password": PASSWORD, "called": "小海"})
    assert again.status_code == 409


ADDRESS = {
    "recipient": "示例收货人", "phone": "13800138000", "province_code": "350000", "city": "福州市", "district": "鼓楼区",
    "street": "示例路 1 号", "idempotency_key": "address-0001",
}  # fmt: skip


def test_an_address_is_added_once(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    assert [client.post("/account/addresses", data=ADDRESS).status_code for _ in range(2)] == [302, 302]
    assert session.scalar(select(func.count()).select_from(Address)) == 1
    assert "示例路 1 号" in client.get("/account/addresses").text


def test_a_wrong_address_keeps_what_was_typed(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    answer = client.post("/account/addresses", data=ADDRESS | {"phone": "12", "province_code": "640323"})
    assert answer.status_code == 422
    assert "示例路 1 号" in answer.text
    assert "请选择省份" in answer.text
    assert session.scalar(select(func.count()).select_from(Address)) == 0


def test_nobody_removes_another_persons_address(
    app: Flask, client: FlaskClient, person: Person, session: Session, at: datetime
) -> None:
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    sign_in(client)
    answer = client.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    assert answer.status_code == 404
    session.refresh(address)
    assert address.removed_at is None


def test_without_the_owner_check_it_would_be_removed(
    client: FlaskClient, person: Person, session: Session, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: every address then counts as one's own."""
    other = make_person(session)
    address = addressing.add_address(session, other.id, ADDRESS, at=at)
    sign_in(client)
    monkeypatch.setattr(addressing, "owns", lambda *_: True)
    client.post(f"/account/addresses/{address.id}/remove", data={"idempotency_key": "remove-0001"})
    session.refresh(address)
    assert address.removed_at is not None


def test_sessions_that_have_run_out_are_forgotten(session: Session, at: datetime) -> None:
    person = make_person(session)
    old, new = (signing.open_session(session, person.id, at=when) for when in (at - signing.STAYS, at))
    signing.forget_sessions(session, at=at)
    kept = session.scalars(select(SignInSession.token_hash)).all()
    assert kept == [signing.hash_token(new)]
    assert signing.hash_token(old) not in kept
