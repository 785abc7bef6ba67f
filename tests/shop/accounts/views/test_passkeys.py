"""Where there are passkeys, and the doors of making and using them without a browser's help."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from kernel import clock
from shop.accounts.claiming import open_guest
from shop.accounts.models import Passkey
from shop.accounts.views import passkeys
from tests.factories.authenticator import Authenticator
from tests.factories.catalog import form, make_person

ORIGIN = "https://shop.example.cn"


@pytest.fixture
def named(app: Flask) -> Flask:
    """The shop at a host name."""
    app.config["SHANHAI"] = replace(app.config["SHANHAI"], public_url=ORIGIN)
    return app


@pytest.fixture
def member(named: Flask, client: FlaskClient, session: Session, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, make_person(session))
    return signed_in


@pytest.fixture
def device() -> Authenticator:
    return Authenticator(ORIGIN, "shop.example.cn")


def options(page: str) -> str:
    found = re.search(r'data-passkey="([^"]+)"', page)
    assert found
    return html.unescape(found[1])


def add(member: FlaskClient, device: Authenticator) -> Any:
    answer = device.make(options(member.get("/account/passkeys").text))
    return member.post("/account/passkeys", data=form(credential=answer, label="手机"))


def enter(browser: FlaskClient, device: Authenticator) -> Any:
    answer = device.use(options(browser.get("/sign-in").text))
    return browser.post("/sign-in/passkey", data={"credential": answer, "next": "/account"})


def test_at_an_address_of_numbers_there_are_none(client: FlaskClient, session: Session, sign_in: Any) -> None:
    assert "data-passkey" not in client.get("/sign-in").text
    assert client.post("/sign-in/passkey", data={"credential": "{}"}).status_code == 404
    sign_in(client, make_person(session))
    assert "/account/passkeys" not in client.get("/account").text
    assert client.get("/account/passkeys").status_code == 404


def test_made_used_and_taken_away(named: Flask, member: FlaskClient, device: Authenticator, session: Session) -> None:
    assert "/account/passkeys" in member.get("/account").text
    assert add(member, device).status_code == 302
    browser = named.test_client()
    answer = enter(browser, device)
    assert (answer.status_code, answer.location) == (302, "/account")
    assert browser.get("/account").status_code == 200
    kept = session.scalars(select(Passkey)).one()
    assert browser.post(f"/account/passkeys/{kept.id}/remove", data=form()).status_code == 302
    assert enter(named.test_client(), device).location == "/sign-in?next=/account"


def test_one_challenge_takes_one_answer(named: Flask, member: FlaskClient, device: Authenticator) -> None:
    add(member, device)
    browser = named.test_client()
    data = {"credential": device.use(options(browser.get("/sign-in").text)), "next": "/account"}
    assert browser.post("/sign-in/passkey", data=data).location == "/account"
    browser.post("/sign-out")
    assert browser.post("/sign-in/passkey", data=data).location == "/sign-in?next=/account"


def test_a_page_left_open_too_long_is_asked_again(named: Flask, member: FlaskClient, device: Authenticator) -> None:
    add(member, device)
    browser = named.test_client()
    answer = device.use(options(browser.get("/sign-in").text))
    with browser.session_transaction() as cookie:
        cookie[passkeys.CHALLENGE][1] -= passkeys.LASTS + 1
        cookie.modified = True
    assert browser.post("/sign-in/passkey", data={"credential": answer}).location == "/sign-in?next=/"
    assert "页面放得太久了" in browser.get("/sign-in").text


def test_a_wrong_answer_keeps_nothing(member: FlaskClient, session: Session) -> None:
    member.get("/account/passkeys")
    answer = member.post("/account/passkeys", data=form(credential="{}", label=""))
    assert answer.status_code == 422
    assert "用不了" in answer.text
    assert session.scalar(select(func.count()).select_from(Passkey)) == 0


def test_guests_sign_in_first(named: Flask, client: FlaskClient, session: Session, sign_in: Any) -> None:
    sign_in(client, open_guest(session, "13800138000", at=clock.now()))
    assert client.get("/account/passkeys").status_code == 409
    assert client.post("/account/passkeys", data=form(credential="{}")).status_code == 409
