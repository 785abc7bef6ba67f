"""One's own data through the doors: taken away, and asked to be deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from catalog.parties.models import Person, Role
from kernel import clock
from shop.accounts import signing
from shop.accounts.models import SignInSession
from shop.backoffice import erasing
from shop.backoffice.models import ErasureRequest, ErasureState
from tests.factories.catalog import form, make_actor, make_person
from tests.factories.shop import make_address, make_order

PHONE = "13800138000"


@pytest.fixture
def person(session: Session) -> Person:
    return make_person(session, phone=PHONE)


@pytest.fixture
def member(client: FlaskClient, person: Person, sign_in: Any) -> FlaskClient:
    signed_in: FlaskClient = sign_in(client, person)
    return signed_in


def take(browser: FlaskClient, **more: str) -> Any:
    return browser.post("/account/data/file", data=more)


def ask(browser: FlaskClient, **more: str) -> Any:
    return browser.post("/account/data/delete", data=form(**({"sure": "1"} | more)))


def asked(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(ErasureRequest)) or 0


def grow_old(session: Session) -> None:
    since = SignInSession.created_at - signing.FRESH - timedelta(minutes=1)
    session.execute(update(SignInSession).values(created_at=since))
    session.flush()


def test_a_person_takes_their_own_and_nobody_elses(member: FlaskClient, person: Person, session: Session) -> None:
    make_address(session, person.id, street="自己家 1 号")
    make_address(session, make_person(session).id, street="别人家 9 号")
    session.flush()
    answer = take(member)
    assert answer.mimetype == "application/json"
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert [row["street"] for row in answer.get_json()["addresses"]] == ["自己家 1 号"]
    assert answer.get_json()["person"]["phone"] == PHONE


def test_a_found_phone_gives_nothing_away(app: Flask, member: FlaskClient, session: Session) -> None:
    grow_old(session)
    assert take(member).status_code == 409
    assert ask(member).status_code == 409
    assert asked(session) == 0
    assert app.test_client().post("/account/data/file").status_code == 302, "nobody signed in"


def test_without_that_guard_it_would(member: FlaskClient, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guard switched off."""
    grow_old(session)
    monkeypatch.setattr(signing, "check_owner", lambda *_args, **_more: None)
    assert take(member).status_code == 200


def test_the_page_says_what_goes_and_what_the_law_keeps(member: FlaskClient) -> None:
    page = member.get("/account/data").text
    for text in ("会删", "会留", "电子商务法", "15 个工作日"):
        assert text in page, text


def test_deletion_is_asked_for_once_and_an_operator_decides(member: FlaskClient, person: Person, session: Session) -> None:
    assert ask(member, sure="").status_code == 422
    assert ask(member).status_code == 302
    assert ask(member).status_code == 409
    row = session.scalars(select(ErasureRequest)).one()
    assert (row.subject_id, row.proposed_by, row.state) == (person.id, person.id, ErasureState.WAITING)
    assert row.code in member.get("/account/data").text
    operator = make_actor(session, Role.operator)
    erasing.decide_erasure(session, operator, row.code, agree=True, typed=row.subject_code, at=clock.now())
    session.flush()
    session.expire_all()
    assert session.get_one(Person, person.id).phone is None


def test_an_order_under_way_stands_in_the_way(member: FlaskClient, person: Person, session: Session) -> None:
    from catalog.parties.queries import get_actor

    make_order(session, actor=get_actor(session, person.id))
    session.flush()
    assert "完成或取消后才能删除" in member.get("/account/data").text
    assert ask(member).status_code == 409
    assert asked(session) == 0
