"""In and out through the doors: by code and by password."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Person
from kernel import clock
from kernel.web import limiter
from shop.accounts import confirming, signing
from shop.accounts.models import Agreement, SignInCode, SignInSession
from shop.accounts.one_time_code import derive
from shop.accounts.signing import add_login
from shop.accounts.views.actor import COOKIE_KEY
from tests.factories.catalog import form, make_person

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
        first = cookie[COOKIE_KEY]
    sign_in(client)
    with client.session_transaction() as cookie:
        assert cookie[COOKIE_KEY] != first


def test_signing_in_does_not_lead_off_the_site(client: FlaskClient, person: Person) -> None:
    assert sign_in(client, next="https://evil.example/").location == "/"


def test_only_the_hash_of_a_token_is_kept(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    with client.session_transaction() as cookie:
        token = cookie[COOKIE_KEY]
    assert session.scalars(select(SignInSession.token_hash)).one() != token


def test_signing_in_again_ends_the_session_before(client: FlaskClient, person: Person, session: Session) -> None:
    sign_in(client)
    sign_in(client)
    assert session.scalar(select(func.count()).select_from(SignInSession)) == 1


PHONE = "13800138000"


def ask(client: FlaskClient, contact: str = PHONE, **more: str) -> Any:
    return client.post("/sign-in/code", data=form(contact=contact, **more))


def sent(app: Flask, session: Session, contact: str = PHONE) -> str:
    """The digits of the newest code."""
    code = session.scalars(select(SignInCode).where(SignInCode.contact == contact).order_by(SignInCode.id.desc())).first()
    assert code is not None
    return derive(app.config["SECRET_KEY"], code.id, contact)


def type_in(client: FlaskClient, code: str, agree: str = "1") -> Any:
    return client.post("/sign-in/code/confirm", data={"code": code, "agree": agree})


def test_a_code_opens_a_new_account_and_the_same_one_again(app: Flask, client: FlaskClient, session: Session) -> None:
    assert ask(client, "+86 138-0013-8000", next="/account").location == "/sign-in/code"
    page = client.get("/sign-in/code").text
    assert "138****8000" in page
    answer = type_in(client, sent(app, session))
    assert (answer.status_code, answer.location) == (302, "/account")
    person = session.scalars(select(Person).where(Person.phone == PHONE)).one()
    assert "138****8000" in client.get("/account").text
    assert session.scalars(select(Agreement.person_id)).all() == [person.id]
    client.post("/sign-out")
    session.scalars(select(SignInCode)).one().asked_at -= confirming.PAUSE
    session.flush()
    ask(client)
    assert type_in(client, sent(app, session)).status_code == 302
    assert session.scalar(select(func.count()).select_from(Person).where(Person.phone == PHONE)) == 1


def test_the_answer_is_the_same_with_and_without_an_account(app: Flask, session: Session) -> None:
    """Asking and failing read alike: nothing tells who has an account."""
    make_person(session, phone=PHONE)
    session.flush()
    read = []
    for contact in (PHONE, "13900139000"):
        browser = app.test_client()
        asked = ask(browser, contact)
        page = browser.get("/sign-in/code").text
        failed = type_in(browser, "000000" if sent(app, session, contact) != "000000" else "111111")
        shown = [re.sub(r'value="[^"]{20,}"|1\d{2}\*{4}\d{4}|1\d{10}', "", text) for text in (page, failed.text)]
        read.append((asked.status_code, asked.location, failed.status_code, *shown))
    assert read[0] == read[1]


def test_without_the_tick_nothing_is_opened_and_no_try_is_used(app: Flask, client: FlaskClient, session: Session) -> None:
    ask(client)
    answer = type_in(client, sent(app, session), agree="")
    assert answer.status_code == 422
    assert "同意后勾选" in answer.text
    assert session.scalars(select(SignInCode.tries)).one() == 0
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def guess_wrong(app: Flask, client: FlaskClient, session: Session, times: int) -> str:
    """Ask for a code, guess wrongly so often, and return the right one."""
    ask(client)
    right = sent(app, session)
    wrong = "123456" if right != "123456" else "654321"
    for _ in range(times):
        answer = type_in(client, wrong)
        assert answer.status_code == 422
        assert "验证码不对或过期了" in answer.text
    session.expire_all()
    return right


def test_after_five_wrong_guesses_the_right_one_is_no_use(app: Flask, client: FlaskClient, session: Session) -> None:
    right = guess_wrong(app, client, session, confirming.MOST_TRIES)
    assert type_in(client, right).status_code == 422
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_without_that_limit_guessing_goes_on(
    app: Flask, client: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off."""
    monkeypatch.setattr(confirming, "MOST_TRIES", 1_000_000)
    right = guess_wrong(app, client, session, 5)
    assert type_in(client, right).status_code == 302


def test_codes_for_one_contact_are_limited_wherever_they_are_asked_for(app: Flask, session: Session) -> None:
    assert ask(app.test_client()).status_code == 302
    again = ask(app.test_client())
    assert again.status_code == 429
    assert "刚刚发过" in again.text
    assert ask(app.test_client(), "13900139000").status_code == 302, "another contact is not held up"
    assert session.scalar(select(func.count()).select_from(SignInCode)) == 2


def test_without_that_limit_a_phone_would_be_flooded(app: Flask, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    monkeypatch.setattr(confirming, "PAUSE", timedelta(seconds=-1))
    for most in ("MOST_AN_HOUR", "MOST_A_DAY", "MOST_AN_HOUR_HERE", "MOST_A_DAY_HERE"):
        monkeypatch.setattr(confirming, most, 1_000)
    assert [ask(app.test_client()).status_code for _ in range(8)] == [302] * 8


def test_one_address_asks_for_few_codes(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [ask(client, f"1380013{number:04d}").status_code for number in range(22)]
    assert asked == [302] * 20 + [429] * 2
    monkeypatch.setattr(limiter, "enabled", False)
    assert ask(client, "13700137000").status_code == 302, "the guard switched off"


def test_the_same_form_twice_sends_one_code(client: FlaskClient, session: Session) -> None:
    data = form(contact=PHONE)
    assert [client.post("/sign-in/code", data=data).location for _ in range(2)] == ["/sign-in/code"] * 2
    assert session.scalar(select(func.count()).select_from(SignInCode)) == 1


def test_what_is_no_contact_is_told(client: FlaskClient, session: Session) -> None:
    for typed in ("", "12345", "a@b", "1380013800", "someone", "a b@example.cn", "<x>@example.cn"):
        answer = ask(client, typed)
        assert answer.status_code == 422, typed
        assert "请填写 11 位手机号或邮箱地址" in answer.text
    assert session.scalar(select(func.count()).select_from(SignInCode)) == 0


def test_where_no_text_message_can_be_sent_that_is_said(app: Flask, client: FlaskClient) -> None:
    app.config["SHANHAI"] = replace(app.config["SHANHAI"], sms_url="")
    assert "这里暂时发不了短信" in ask(client).text
    assert ask(client, "Someone@Example.CN").status_code == 302


def test_there_is_no_code_page_without_a_code(client: FlaskClient) -> None:
    assert client.get("/sign-in/code").location == "/sign-in"
    assert "请先获取验证码" in type_in(client, "123456").text


def test_a_code_leads_back_but_never_off_the_site(app: Flask, client: FlaskClient, session: Session) -> None:
    ask(client, next="https://evil.example/")
    assert type_in(client, sent(app, session)).location == "/"


def test_sessions_that_have_run_out_are_forgotten(session: Session, at: datetime) -> None:
    person = make_person(session)
    old, new = (signing.open_session(session, person.id, at=when) for when in (at - signing.STAYS, at))
    signing.forget_sessions(session, at=at)
    kept = session.scalars(select(SignInSession.token_hash)).all()
    assert kept == [signing.hash_token(new)]
    assert signing.hash_token(old) not in kept


def test_a_form_sent_twice_and_an_ask_refused_leave_the_code_good(app: Flask, client: FlaskClient, session: Session) -> None:
    """The first answer may be lost on its way, with its cookie."""
    data = form(contact=PHONE)
    app.test_client().post("/sign-in/code", data=data)
    with client.session_transaction() as cookie:
        cookie.clear()
    assert client.post("/sign-in/code", data=data).status_code == 302
    assert ask(client).status_code == 429
    assert type_in(client, sent(app, session)).status_code == 302


def test_a_code_is_of_no_use_in_another_browser(app: Flask, client: FlaskClient, session: Session) -> None:
    ask(client)
    other = app.test_client()
    assert ask(other).status_code == 429
    assert type_in(other, sent(app, session)).status_code == 422
    assert type_in(client, sent(app, session)).status_code == 302


def plant(app: Flask, session: Session, attacker: Person, at: datetime) -> tuple[FlaskClient, FlaskClient, str]:
    """A browser of the attacker's, one of the victim's with the very same cookie planted in it, and the token in that cookie."""
    theirs, victim = app.test_client(), app.test_client()
    token = signing.open_session(session, attacker.id, at=at)
    session.flush()
    for browser in (theirs, victim):
        with browser.session_transaction() as cookie:
            cookie[COOKIE_KEY] = token
    assert theirs.get_cookie("session").value == victim.get_cookie("session").value  # type: ignore[union-attr]
    return theirs, victim, token


def test_a_planted_cookie_is_worth_nothing_after_signing_in(app: Flask, person: Person, session: Session) -> None:
    attacker = make_person(session, name="张冠")
    theirs, victim, _token = plant(app, session, attacker, clock.now())
    assert theirs.get("/account/addresses").status_code == 200
    assert sign_in(victim).status_code == 302
    with victim.session_transaction() as cookie:
        mine = cookie[COOKIE_KEY]
    owners = {row.token_hash: row.person_id for row in session.scalars(select(SignInSession))}
    assert owners == {signing.hash_token(mine): person.id}, "the victim has a fresh session, and the planted one has ended"
    assert theirs.get("/account/addresses").status_code == 302, "who planted it is not the victim, and nobody any more"


def test_with_the_session_kept_the_planted_cookie_would_open_the_account(
    app: Flask, person: Person, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard switched off: signing in keeps the session the browser came with, as careless shops do."""
    attacker = make_person(session, name="张冠")
    theirs, victim, token = plant(app, session, attacker, clock.now())

    def keep(open_session: Session, person_id: UUID, *, at: datetime) -> str:
        kept = update(SignInSession).where(SignInSession.token_hash == signing.hash_token(token))
        open_session.execute(kept.values(person_id=person_id))
        return token

    monkeypatch.setattr(signing, "open_session", keep)
    monkeypatch.setattr(signing, "sign_out", lambda *_: None)
    assert sign_in(victim).status_code == 302
    assert theirs.get("/account/addresses").status_code == 200
    assert session.scalars(select(SignInSession.person_id)).all() == [person.id], "both browsers are the victim now"
