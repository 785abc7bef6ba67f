"""One's account: a password set, changed and taken away; signed out everywhere."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from shop.accounts import signing
from shop.accounts.models import Login, SignInSession
from tests.factories.catalog import form, make_person

PHONE, PASSWORD, OTHER = "13800138000", "harvest-moon-7", "harvest-moon-8"


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session, phone=PHONE)


@pytest.fixture
def member(client: FlaskClient, person: Person, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


def set_password(browser: FlaskClient, password: str = PASSWORD, **more: str) -> Any:
    return browser.post("/account/password", data=form(password=password, **more))


def grow_old(session: Session) -> None:
    """The sign-in was a while ago."""
    session.execute(update(SignInSession).values(created_at=SignInSession.created_at - signing.FRESH - timedelta(minutes=1)))
    session.flush()


def enters(app: Flask, password: str) -> bool:
    return bool(app.test_client().post("/sign-in", data={"name": PHONE, "password": password}).status_code == 302)


def test_a_password_is_set_changed_and_taken_away(app: Flask, member: FlaskClient, session: Session) -> None:
    assert "您没有设密码" in member.get("/account").text
    assert set_password(member).status_code == 302
    assert enters(app, PASSWORD)
    assert set_password(member, OTHER).status_code == 302
    assert (enters(app, PASSWORD), enters(app, OTHER)) == (False, True)
    assert member.post("/account/password/remove", data=form()).status_code == 302
    assert not enters(app, OTHER)
    assert session.scalar(select(func.count()).select_from(Login)) == 0


def test_a_changed_password_signs_everybody_else_out(app: Flask, member: FlaskClient, person: Person, sign_in: Any) -> None:
    other = sign_in(app.test_client(), person)
    set_password(member)
    assert other.get("/account").status_code == 302
    assert member.get("/account").status_code == 200


def test_a_short_password_is_refused(member: FlaskClient, session: Session) -> None:
    answer = set_password(member, "short")
    assert answer.status_code == 422
    assert "密码至少要 10 个字符" in answer.text
    assert session.scalar(select(func.count()).select_from(Login)) == 0


def test_who_finds_a_signed_in_phone_sets_no_password(member: FlaskClient, session: Session) -> None:
    grow_old(session)
    answer = set_password(member)
    assert answer.status_code == 409
    assert "用验证码重新登录" in answer.text
    assert session.scalar(select(func.count()).select_from(Login)) == 0


def test_without_that_guard_they_would(member: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    grow_old(session)
    monkeypatch.setattr(signing, "check_owner", lambda *_args, **_more: None)
    assert set_password(member).status_code == 302


def test_later_the_password_itself_is_asked_for(app: Flask, member: FlaskClient, session: Session) -> None:
    set_password(member)
    grow_old(session)
    assert 'name="current"' in member.get("/account").text
    assert set_password(member, OTHER, current="wrong-password").status_code == 422
    assert member.post("/account/password/remove", data=form(current="wrong-password")).status_code == 422
    assert enters(app, PASSWORD)
    assert set_password(member, OTHER, current=PASSWORD).status_code == 302
    assert enters(app, OTHER)


def test_who_no_code_reaches_keeps_the_password(client: FlaskClient, session: Session, sign_in: Any) -> None:
    person = make_person(session)
    sign_in(client, person)
    assert set_password(client).status_code == 409, "there is no name to sign in with"
    signing.add_login(session, person.id, "boss", PASSWORD, at=person.created_at)
    session.flush()
    answer = client.post("/account/password/remove", data=form())
    assert answer.status_code == 409
    assert "登录不了" in answer.text


def test_signed_out_everywhere_but_here(app: Flask, member: FlaskClient, person: Person, sign_in: Any) -> None:
    other = sign_in(app.test_client(), person)
    member.post("/account/sessions/end", data=form())
    assert other.get("/account").status_code == 302
    assert member.get("/account").status_code == 200
