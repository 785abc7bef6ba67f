"""The guard of every door."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties import access
from catalog.parties.access import Role, require
from kernel.web import ACCESS
from tests.factories.catalog import act_as, make_actor


@pytest.fixture
def guarded(app: Flask) -> Flask:
    @app.get("/guarded")
    @require(Role.clerk, Role.packer)
    def view() -> str:
        return "inside"

    return app


def test_nobody_signed_in_is_sent_to_the_sign_in_page_and_back(guarded: Flask, client: FlaskClient) -> None:
    answer = client.get("/guarded?a=1")
    assert answer.status_code == 302
    assert answer.location == "/sign-in?next=/guarded%3Fa%3D1"


def test_a_program_without_a_key_gets_401(guarded: Flask, client: FlaskClient) -> None:
    answer = client.get("/guarded", headers={"Accept": "application/json"})
    assert answer.status_code == 401
    assert answer.mimetype == "application/problem+json"


def test_the_wrong_role_gets_403_and_the_right_one_goes_in(guarded: Flask, client: FlaskClient, session: Session) -> None:
    act_as(guarded, make_actor(session, Role.certifier))
    assert client.get("/guarded").status_code == 403
    act_as(guarded, make_actor(session, Role.packer))
    assert client.get("/guarded").text == "inside"


def test_the_roles_stand_at_the_view_for_the_architecture_test(guarded: Flask) -> None:
    assert getattr(guarded.view_functions["view"], ACCESS) == "clerk,packer"


def test_a_guard_without_roles_is_a_mistake() -> None:
    with pytest.raises(AssertionError):
        require()


def test_with_the_guard_switched_off_anybody_goes_in(guarded: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access.Actor, "has", lambda *_: True)
    assert client.get("/guarded").text == "inside"
