"""Every page of the desk: for staff only, changed by operators only, in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.orm import Session

from catalog.parties.models import PLATFORM_ROLES, Membership, Role
from kernel.outbox import Delivery
from shop.accounts import queries as account_queries
from shop.reviews import reviewing
from tests.factories.catalog import AT, act_as, form, make_actor, make_organization, make_person
from tests.factories.shop import deliver, make_order
from tests.shop.backoffice.test_tending import make_parked

PAGES = (
    "/backoffice/",
    "/backoffice/search?q=ORD",
    "/backoffice/outbox",
    "/backoffice/reviews",
    "/backoffice/audit",
    "/backoffice/orders/",
)


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_for_staff(session: Session, app: Flask, client: FlaskClient, page: str) -> None:
    make_parked(session)
    assert client.get(page).status_code == 302
    act_as(app, make_actor(session))
    assert client.get(page).status_code == 403
    for role in (Role.auditor, Role.operator):
        act_as(app, make_actor(session, role))
        assert client.get(page).status_code == 200
    joined = "&" if "?" in page else "?"
    assert client.get(f"{page}{joined}lang=en").status_code == 200


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("role", sorted(PLATFORM_ROLES))
def test_a_role_in_another_organisation_opens_none_of_them(
    session: Session, client: FlaskClient, sign_in: Any, monkeypatch: pytest.MonkeyPatch, role: Role, page: str
) -> None:
    """The row is there (written before the rule, or past it); where the actor is made it counts for nothing. Then that guard is off."""
    person = make_person(session)
    session.add(Membership(person_id=person.id, organization_id=make_organization(session).id, role=role, since=AT))
    sign_in(client, person)
    assert client.get(page).status_code == 403
    monkeypatch.setattr(account_queries, "has_place_in", lambda *_: True)
    assert client.get(page).status_code == 200


def test_a_parked_row_is_retried_by_the_operator(session: Session, app: Flask, client: FlaskClient) -> None:
    row = make_parked(session)
    act_as(app, make_actor(session, Role.auditor))
    assert client.post(f"/backoffice/outbox/{row.id}/retry", data=form()).status_code == 403
    act_as(app, make_actor(session, Role.operator))
    assert "boom" in client.get("/backoffice/outbox").text
    assert client.post(f"/backoffice/outbox/{row.id}/retry", data=form()).status_code == 302
    session.refresh(row)
    assert row.state is Delivery.PENDING
    assert "重试停下的事件" in client.get("/backoffice/audit").text


def test_a_review_is_hidden_and_shown(session: Session, app: Flask, client: FlaskClient) -> None:
    buyer = make_actor(session)
    order = deliver(session, make_order(session, actor=buyer))
    review = reviewing.write_review(session, buyer, order.lines[0].code, stars=2, text="一般般", at=AT)
    act_as(app, make_actor(session, Role.operator))
    url = f"/backoffice/reviews/{review.id}"
    assert client.post(f"{url}/hide", data=form(reason="")).status_code == 422
    assert client.post(f"{url}/hide", data=form(reason="广告")).status_code == 302
    assert "广告" in client.get("/backoffice/reviews").text
    assert "一般般" not in client.get(f"/reviews/products/{order.lines[0].sku}").text
    assert client.post(f"{url}/show", data=form()).status_code == 302
    assert "一般般" in client.get(f"/reviews/products/{order.lines[0].sku}").text
