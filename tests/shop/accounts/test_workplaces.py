"""Each role is shown the portals it opens, and those doors exist."""

from __future__ import annotations

from uuid import uuid4

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.roles import ANONYMOUS, Actor, Role
from shop.accounts.workplaces import OPENED_BY, WORKPLACE_TEXTS, list_workplaces
from tests.factories.catalog import act_as, make_actor


def paths(*roles: Role, operator: bool = False) -> list[str]:
    actor = Actor(uuid4(), "王经办", {uuid4(): frozenset(roles)}, operator=operator)
    return [path for _, path in list_workplaces(actor)]


@pytest.mark.parametrize(
    ("role", "path"), [(Role.clerk, "/cooperative/"), (Role.packer, "/packing/"), (Role.approver, "/procurement/")]
)
def test_a_role_opens_its_portal_only(role: Role, path: str) -> None:
    assert paths(role) == [path]


def test_guests_and_consumers_have_none() -> None:
    assert list_workplaces(ANONYMOUS) == []
    assert paths() == []


def test_the_platforms_finance_is_no_buyer() -> None:
    assert "/procurement/" not in paths(Role.operator, Role.finance, operator=True)


def test_every_portal_has_a_word() -> None:
    assert OPENED_BY.keys() == WORKPLACE_TEXTS.keys()


def test_a_portal_says_who_is_signed_in_and_the_ways_out(app: Flask, client: FlaskClient, session: Session) -> None:
    clerk = make_actor(session, Role.clerk)
    act_as(app, clerk)
    page = client.get("/cooperative/").text
    assert clerk.name in page
    assert 'action="/sign-out"' in page
    assert '<a href="/">' in page
    assert page.count('href="/cooperative/"') == 2, "the brand and the portal's own list: not offered a third time"
    stock = client.get("/stock/").text
    assert 'href="/cooperative/"' in stock, "from another portal back to one's own"
